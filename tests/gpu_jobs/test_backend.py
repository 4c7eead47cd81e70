"""The torch backend gives what numpy gives; on CUDA where there is a card."""

import sys
from importlib import import_module

import numpy as np
import pytest

from gpu_jobs import __main__, backend, device
from gpu_jobs.aggregation.dawid_skene import dawid_skene
from gpu_jobs.aggregation.fits import FITS, Settings
from gpu_jobs.aggregation.methods import aggregate
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.contracts import InputError


@pytest.fixture(params=["cpu", "cuda"])
def other(request):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA card")
    module = import_module("gpu_jobs.devices.torch_backend")
    with backend.use(module.Torch(request.param)) as chosen:
        yield chosen


@pytest.fixture(scope="module")
def some(crowd):
    """Enough answers for several blocks of a small size; items in which a class is missing."""
    draw = np.random.default_rng(3)
    truth = draw.integers(0, 3, 200)
    item = np.repeat(np.arange(200), 5)
    worker = draw.integers(0, 30, 1000)
    right = draw.random(1000) < draw.beta(4, 2, 30)[worker]
    value = np.where(right, truth[item], draw.integers(0, 4, 1000))
    return crowd(
        [
            (f"{i:03}", f"{w:02}", str(v))
            for i, w, v in zip(item.tolist(), worker.tolist(), value.tolist(), strict=True)
        ]
    )


def _numbers(fit):
    """Every float of a fit, with those of its posterior by cell."""
    found = {}
    for name, value in vars(fit).items():
        if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
            found[name] = value
        elif hasattr(value, "of_cell"):
            found |= {"of_cell": value.of_cell, "scale": value.scale, "log_norm": value.log_norm}
    return found


@pytest.mark.parametrize("method", FITS)
def test_torch_agrees_with_numpy(other, some, method):
    how = Settings(max_iter=8, tol=0.0, stop="likelihood")
    theirs = FITS[method](some, Tally.of(some), how)
    with backend.use(backend.HOST):
        ours = FITS[method](some, Tally.of(some), how)
    found, wanted = _numbers(theirs), _numbers(ours)
    assert len(wanted) >= 2 - (method == "majority")
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name
    assert np.array_equal(theirs.labels.label, ours.labels.label)
    assert theirs.iterations == ours.iterations


@pytest.mark.parametrize("method", ["dawid-skene", "one-coin"])
def test_torch_stops_where_numpy_stops(other, some, method):
    theirs = aggregate(some, method=method).figures
    with backend.use(backend.HOST):
        ours = aggregate(some, method=method).figures
    assert theirs["iterations"] == ours["iterations"]
    assert theirs["converged"]


@pytest.mark.parametrize("rows", [[], [("a", "w", "x")]])
def test_torch_takes_tiny_crowds(other, crowd, rows):
    for method in FITS:
        labels = aggregate(crowd(rows), method=method).labels
        assert labels.label.tolist() == [0] * len(rows)


def test_small_blocks_change_nothing(some, monkeypatch):
    whole = dawid_skene(some)
    # Of 30 workers with 4 classes a block has 4 answers a pair at least: 480 of the 1,000.
    monkeypatch.setattr(backend.HOST, "block", 100)
    tally = Tally.of(some)
    assert len(tally.blocks) == 3
    pieces = dawid_skene(some, tally=tally)
    assert pieces.posterior == pytest.approx(whole.posterior, abs=1e-12)
    assert pieces.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)
    assert pieces.iterations == whole.iterations


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(backend._PROCESS, "chosen", None)
    with pytest.raises(InputError, match="cpu, cuda or cuda:0, not 'tpu'"):
        backend.choose("tpu")
    monkeypatch.setenv(device.VARIABLE, "tpu")
    with pytest.raises(InputError, match="not 'tpu'"):
        backend.pick()
    monkeypatch.setenv(device.VARIABLE, "cpu")
    assert backend.pick().name == "numpy"


def test_the_environment_is_asked_once(monkeypatch):
    monkeypatch.setattr(backend._PROCESS, "chosen", None)
    monkeypatch.setenv(device.VARIABLE, "cpu")
    first = backend.pick()
    monkeypatch.setenv(device.VARIABLE, "tpu")
    assert backend.pick() is first


def test_without_torch_cuda_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpu_jobs.devices.torch_backend", None)
    with pytest.raises(InputError, match="needs torch"):
        backend.of("cuda")


def test_the_command_says_where_it_computed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(backend._PROCESS, "chosen", None)
    path = tmp_path / "crowd.csv"
    path.write_text("item_id,worker_id,answer\na,w,1\na,v,1\nb,w,2\n", encoding="utf-8")
    assert __main__.main(["aggregate", str(path), "--device", "cpu", "--json"]) == 0
    assert '"backend": "numpy", "device": "cpu"' in capsys.readouterr().out
