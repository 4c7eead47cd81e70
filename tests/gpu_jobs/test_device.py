"""The device is chosen once; without torch there is one sentence."""

import sys

import pytest

from gpu_jobs import device
from gpu_jobs.contracts import InputError


@pytest.fixture(autouse=True)
def _anew():
    device.pick.cache_clear()
    yield
    device.pick.cache_clear()


def test_without_torch_one_sentence_says_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match="needs the package torch, which is not installed"):
        device.pick()


def test_a_device_that_is_none(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv(device.VARIABLE, "tpu")
    with pytest.raises(InputError, match="must be cpu, cuda or cuda:0, not 'tpu'"):
        device.pick()


def test_a_card_that_is_not_there(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setenv(device.VARIABLE, "cuda:99")
    said = "cards here" if torch.cuda.is_available() else "finds no CUDA card"
    with pytest.raises(InputError, match=said):
        device.pick()


def test_bfloat16_only_where_it_is_in_hardware(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setenv(device.VARIABLE, "cpu")
    for has in (True, False):
        device.pick.cache_clear()
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has: has)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
        assert device.pick() == device.Device("cpu", half=has)
        with device.autocast(device.pick()):
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype is (torch.bfloat16 if has else torch.float32)
