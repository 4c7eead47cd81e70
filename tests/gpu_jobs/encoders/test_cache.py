"""Each input is encoded once, by whoever comes first; nothing is lost to a kill."""

import hashlib
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpu_jobs.contracts import InputError
from gpu_jobs.encoders import encoder
from gpu_jobs.encoders.encoder import Encoder, embed

ROOT = Path(__file__).resolve().parents[3]


class _Counting:
    """A made-up encoder: numbers of the text's digest. asked: what it had to compute."""

    def __init__(self):
        self.asked = []

    def compute(self, texts):
        self.asked += texts
        rows = [hashlib.sha256(text.encode()).digest()[:8] for text in texts]
        return np.array([list(row) for row in rows], dtype=np.float32)

    def encoder(self, **changes):
        made = Encoder(
            name="folder/Made Up",
            fingerprint="f" * 64,
            precision="float32",
            content=lambda text: text.encode(),
            size=len,
            compute=self.compute,
            says="Made up.",
        )
        return replace(made, **changes)


def test_equal_inputs_are_computed_once_and_come_back_in_their_places(tmp_path):
    made = _Counting()
    first = embed(made.encoder(), ["b", "aa", "b"], root=tmp_path)
    assert sorted(made.asked) == ["aa", "b"]
    assert (first[0] == first[2]).all() and (first[0] != first[1]).any()
    again = embed(made.encoder(), ["new", "b", "aa"], root=tmp_path)
    assert made.asked[2:] == ["new"]
    assert (again[1:] == first[:2]).all()


def test_other_weights_or_precision_are_another_cache(tmp_path):
    made = _Counting()
    for change in ({}, {"fingerprint": "e" * 64}, {"precision": "bfloat16"}):
        embed(made.encoder(**change), ["one"], root=tmp_path)
    assert made.asked == ["one"] * 3
    assert len(list(tmp_path.iterdir())) == 3


def test_a_stop_loses_no_finished_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "SHARD", 4)
    made = _Counting()
    texts = [f"text {i}" for i in range(10)]

    def stop(done, _total, _message):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed(made.encoder(), texts, root=tmp_path, report=stop)
    found = embed(made.encoder(), texts, root=tmp_path)
    assert len(made.asked) == len(set(made.asked)) == 10
    assert (found == _Counting().compute(texts)).all()


def test_what_a_power_cut_left_is_passed_over(tmp_path):
    made = _Counting()
    embed(made.encoder(), ["one", "two"], root=tmp_path)
    (shard,) = tmp_path.rglob("*.npz")
    shard.write_bytes(shard.read_bytes()[:100])
    shard.with_name("half.1.part").write_bytes(b"half")
    found = embed(made.encoder(), ["one", "two"], root=tmp_path)
    assert len(made.asked) == 4
    assert (found == _Counting().compute(["one", "two"])).all()


_PROCESS = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
import numpy as np
from gpu_jobs.encoders import encoder
from gpu_jobs.encoders.encoder import Encoder, embed
encoder.SHARD = 2
def compute(texts):
    return np.array([[len(text), int(text[1:])] for text in texts], dtype=np.float32)
made = Encoder("x", "f" * 64, "float32", str.encode, len, compute, "")
def report(done, total, message):
    print(done, flush=True)
    if {wait}:
        time.sleep(600)
embed(made, [f"t{{i}}" for i in range(40)], root=Path({folder!r}), report=report)
"""


def test_two_processes_share_it_and_a_killed_one_does_no_harm(tmp_path):
    def start(wait):
        program = _PROCESS.format(root=str(ROOT), folder=str(tmp_path), wait=wait)
        return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)

    killed = start(wait=True)
    assert killed.stdout.readline() == b"2\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    both = [start(wait=False) for _ in range(2)]
    for each in both:
        each.communicate()
        assert each.returncode == 0

    def never(_texts):
        raise AssertionError

    reader = Encoder("x", "f" * 64, "float32", str.encode, len, never, "")
    found = embed(reader, [f"t{i}" for i in range(40)], root=tmp_path)
    assert found[:, 1].tolist() == list(range(40))


def test_nothing_and_nonsense_are_errors(tmp_path):
    with pytest.raises(InputError, match="nothing to encode"):
        embed(_Counting().encoder(), [], root=tmp_path)
    broken = _Counting().encoder(compute=lambda texts: np.full((len(texts), 2), np.nan))
    with pytest.raises(InputError, match="no finite number"):
        embed(broken, ["a"], root=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        embed(_Counting().encoder(), ["a"], root=tmp_path / "file")
