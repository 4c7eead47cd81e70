"""Pictures as vectors of a timm backbone without its last layer.

Weights come from a local file, from Hugging Face where the network allows, or, only where that is
asked for, from random numbers with a fixed seed: random features are a weak baseline, and the
result says that they are random.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from gpu_jobs import device
from gpu_jobs.contracts import InputError
from gpu_jobs.encoders import hub
from gpu_jobs.encoders.encoder import Encoder

BACKBONE = "eca_nfnet_l0"
_BATCH = 32
_SEED = 20_261
_INSTEAD = "fetch its weights where there is a network, or ask for random ones"
_VERSION = 1


def image_encoder(
    name: str = BACKBONE,
    *,
    weights: Path | None = None,
    random: bool = False,
    side: int | None = None,
    half: bool | None = None,
) -> Encoder:
    """Inputs are paths of pictures. name: of a timm model. weights: a file of them; random: none,
    with a fixed seed. side: pixels that pictures are scaled to; None: as the weights were
    trained. Raises InputError for an unknown name and for weights that cannot be had.
    """
    model, transform = _loaded(name, weights, random, side)
    chosen = device.pick()
    whole = hashlib.sha256()
    for key, value in model.state_dict().items():
        whole.update(key.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    origin = "random weights: nobody trained them" if random else f"weights of {weights or name}"
    return Encoder(
        name=name,
        fingerprint=hub.hashed(whole.hexdigest(), repr(transform), f"image {_VERSION}"),
        precision=chosen.precision if half is None or half else "float32",
        content=lambda path: content(str(path)),
        size=lambda _path: 1,
        compute=lambda paths: _compute(model, transform, [str(each) for each in paths], half),
        says=f"Pictures are vectors of the frozen backbone {name} ({origin}).",
    )


def content(path: str) -> bytes:
    """Bytes of the file. Raises InputError when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"the picture {path} cannot be read: {error.strerror}") from error


def opened(path: str) -> Image.Image:
    """As RGB. Raises InputError for a file that is no picture."""
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is no picture that can be read") from error


def backbone(name: str, *, weights: Path | None, random: bool, **options: Any) -> Any:
    """A timm model in float32 on the CPU, in training mode."""
    timm, torch = device.need("timm"), device.need("torch")
    if not timm.is_model(name):
        near = timm.list_models(f"*{name[:6]}*")[:3]
        hint = f"; near it are {', '.join(near)}" if near else ""
        raise InputError(f"timm has no model {name!r}{hint}")
    if random or weights is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            model = timm.create_model(name, pretrained=False, **options)
        if weights is not None:
            _fill(model, weights)
        return model
    overlay = timm.get_pretrained_cfg(name)
    if overlay is None or not (overlay.hf_hub_id or overlay.url or overlay.file):
        raise InputError(
            f"timm has no weights for {name}: name a file of them, or ask for random ones"
        )
    try:
        cached = need_cached(overlay.hf_hub_id)
        if not cached:
            hub.check_network(name, instead=_INSTEAD)
        return timm.create_model(name, pretrained=True, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"the weights of {name} could not be fetched: {error}") from error


def need_cached(repository: str | None) -> bool:
    """Whether a file of weights of the repository is on this machine already."""
    if not repository:
        return False
    found = device.need("huggingface_hub").try_to_load_from_cache(repository, "model.safetensors")
    return isinstance(found, str)


def _fill(model: Any, weights: Path) -> None:
    if weights.suffix != ".safetensors":
        raise InputError(f"{weights.name} is no .safetensors file; other formats can run code")
    device.need("safetensors")
    try:
        state = device.need("safetensors.torch").load_file(weights)
        model.load_state_dict(state, strict=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{weights} does not fit the backbone: {error}") from error
    absent = set(model.state_dict()) - set(state)
    if absent:
        raise InputError(f"{weights} lacks {len(absent)} weights, such as {min(absent)}")


@cache
def _loaded(name: str, weights: Path | None, random: bool, side: int | None) -> tuple[Any, Any]:
    timm = device.need("timm")
    model = backbone(name, weights=weights, random=random, num_classes=0).eval()
    config = timm.data.resolve_model_data_config(model)
    if side is not None:
        config["input_size"] = (3, side, side)
    transform = timm.data.create_transform(**config, is_training=False)
    return model.to(device.pick().name), transform


def _compute(model: Any, transform: Any, paths: Sequence[str], half: bool | None) -> np.ndarray:
    torch, chosen = device.need("torch"), device.pick()
    parts = []
    for at in range(0, len(paths), _BATCH):
        pictures = [transform(opened(path)) for path in paths[at : at + _BATCH]]
        fed = torch.stack(pictures).to(chosen.name)
        with torch.inference_mode(), device.autocast(chosen, half=half):
            parts.append(model(fed).float().cpu().numpy())
    return np.concatenate(parts)
