"""Recipes that train a network for each coalition: pictures, texts and preferences.

There are no batched heads here, so a coalition is a training of its own (`trained`). Each training
starts from the same weights and draws the order of its rows by its own seed.

`lora`, `sft` and `dpo` train low-rank adapters on all linear layers of a language model (E. J. Hu
et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022); the model is a folder or a
name (--encoder), and its own weights stay as they are.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from gpu_jobs import device
from gpu_jobs.contracts import InputError
from gpu_jobs.encoders import hub
from gpu_jobs.encoders.images import BACKBONE, backbone, opened
from gpu_jobs.lift.encoded import of_files
from gpu_jobs.lift.recipe import Recipe, Task
from gpu_jobs.lift.trained import guess

SIDE = 64
RANK = 8
BETA = 0.1
"""How strongly DPO holds to the reference."""
_LONGEST = 256
_BATCH = 16
_PICTURE_RATE, _ADAPTER_RATE = 1e-3, 5e-3
_ORDER = (
    "Trainings start from the same weights; new layers and the order of rows follow from the"
    " coalition."
)


def image_finetune(name: str = BACKBONE, *, random: bool = False) -> Recipe:
    """A timm network trained on small pictures, all layers of it."""
    origin = "random weights" if random else "weights that were trained before"
    return _recipe(
        "image-finetune",
        partial(_pictures, name, random),
        (
            f"The model is the network {name}, all of it trained for each coalition, from {origin},"
            f" on pictures of {SIDE} pixels. {_ORDER}"
        ),
        inputs=("image",),
        epochs=10,
        encoder=name,
    )


def lora(name: str | None = None) -> Recipe:
    """Classes of texts by a language model with adapters and a new last layer."""
    return _recipe(
        "lora",
        partial(_classes, name),
        f"The model is {name} with low-rank adapters, trained for each coalition. {_ORDER}",
        inputs=("text",),
        epochs=5,
        encoder=name,
    )


def sft(name: str | None = None) -> Recipe:
    """Texts and the texts that answer them, by a language model with adapters.

    Training and the held-out loss are over the tokens of the answer alone, and the end of the text
    after it; nobody is the language model as it is.
    """
    recipe = _recipe(
        "sft",
        partial(_written, name),
        (
            f"The model is {name} with low-rank adapters, trained for each coalition to write the"
            f" answer after the text. Long texts lose their beginning: both together have at most"
            f" {_LONGEST} tokens. {_ORDER}"
        ),
        inputs=("text",),
        epochs=5,
        encoder=name,
    )
    return replace(recipe, writes=True)


def dpo(name: str | None = None) -> Recipe:
    """Preferences by direct preference optimisation (R. Rafailov et al., NeurIPS 2023).

    The chance that the second text is preferred is σ(β·(Δ(second) − Δ(first))), Δ the rise of a
    text's log probability over the frozen reference. So accuracy is reward accuracy, and log-loss
    is the DPO loss on the held-out pairs. A prompt that begins both texts cancels out.
    """
    recipe = _recipe(
        "dpo",
        partial(_preferences, name),
        (
            f"The model is {name} with low-rank adapters, trained by DPO for each coalition; the"
            f" reference is {name} itself. Ties are left out. {_ORDER}"
        ),
        inputs=("text", "text_b"),
        epochs=5,
        encoder=name,
    )
    return replace(recipe, intercept=False, skips=frozenset({"tie"}))


def _recipe(
    name: str, fit: Callable[[Task], np.ndarray], says: str, *, epochs: int, **rest: Any
) -> Recipe:
    pictures = rest["inputs"] == ("image",)
    return Recipe(
        name=name,
        encode=_nothing,
        says=says,
        fit=fit,
        epochs=epochs,
        keys=of_files if pictures else None,
        mark=partial(_mark, rest["encoder"], pictures),
        **rest,
    )


def _nothing(train: Sequence[object], test: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    """There is no linear head to have features."""
    return np.zeros((len(train), 1)), np.zeros((len(test), 1))


def _mark(name: str | None, pictures: bool) -> str:
    precision = device.pick().precision
    return f"{name} {precision}" if pictures else f"{hub.fingerprint(_folder(name))} {precision}"


def _folder(name: str | None) -> Path:
    if name is None:
        raise InputError("this recipe needs a language model: name its folder with --encoder")
    return hub.located(name, instead="name the folder of a language model")


def _batches(rows: int, epochs: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(rows)
        yield from (order[at : at + _BATCH] for at in range(0, rows, _BATCH))


def _train(parameters: Any, loss: Callable[[np.ndarray], Any], task: Task, *, rate: float) -> None:
    """AdamW, the rate falling to zero along a cosine."""
    torch, chosen = device.need("torch"), device.pick()
    steps = task.epochs * -(-len(task.inputs) // _BATCH)
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    for rows in _batches(len(task.inputs), task.epochs, task.seed):
        with device.autocast(chosen):
            value = loss(rows)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()


# --- pictures ---------------------------------------------------------------------------------


@cache
def _pixels(path: str, side: int) -> np.ndarray:
    """uint8 (3, side, side)."""
    return np.asarray(opened(path).resize((side, side))).transpose(2, 0, 1).copy()


def _pictures(name: str, random: bool, task: Task) -> np.ndarray:
    if len(np.unique(task.label)) < 2:
        return guess(task.label, task.classes, len(task.test))
    torch, chosen = device.need("torch"), device.pick()

    def fed(paths: Sequence[object]) -> Any:
        stack = torch.from_numpy(np.stack([_pixels(str(path), SIDE) for path in paths]))
        return stack.to(chosen.name).float() / 127.5 - 1

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        model = backbone(name, weights=None, random=random, num_classes=task.classes)
        model.to(chosen.name).train()
        pictures = fed(task.inputs)
        label = torch.from_numpy(task.label).to(chosen.name)

        def loss(rows: np.ndarray) -> Any:
            return torch.nn.functional.cross_entropy(model(pictures[rows]).float(), label[rows])

        _train(list(model.parameters()), loss, task, rate=_PICTURE_RATE)
        model.eval()
        with torch.inference_mode(), device.autocast(chosen):
            parts = [
                model(fed(task.test[at : at + _BATCH])).float()
                for at in range(0, len(task.test), _BATCH)
            ]
    return torch.cat(parts).softmax(dim=1).T.cpu().numpy()


# --- language models --------------------------------------------------------------------------


@cache
def _tokenizer(folder: Path) -> Any:
    found = hub.transformers().AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if found.pad_token is None:
        found.pad_token = found.eos_token
    return found


def _loaded(folder: Path, kind: str, **options: Any) -> Any:
    found = getattr(hub.transformers(), kind)
    try:
        model = found.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, **options
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} holds no language model that can be loaded") from error
    model.config.pad_token_id = _tokenizer(folder).pad_token_id
    return model.float().to(device.pick().name)


def _adapted(model: Any, kind: str) -> Any:
    peft = device.need("peft")
    config = peft.LoraConfig(
        r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules="all-linear", task_type=kind
    )
    with warnings.catch_warnings():
        # peft asks transformers by a name that goes with its next major version.
        warnings.simplefilter("ignore", FutureWarning)
        return peft.get_peft_model(model, config)


def _tokens(folder: Path, texts: Sequence[str]) -> Any:
    return _tokenizer(folder)(
        list(texts), padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt"
    ).to(device.pick().name)


def _trained(model: Any) -> list[Any]:
    return [each for each in model.parameters() if each.requires_grad]


def _classes(name: str | None, task: Task) -> np.ndarray:
    if len(np.unique(task.label)) < 2:
        return guess(task.label, task.classes, len(task.test))
    torch, chosen, folder = device.need("torch"), device.pick(), _folder(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        base = _loaded(folder, "AutoModelForSequenceClassification", num_labels=task.classes)
        model = _adapted(base, "SEQ_CLS").train()
        texts = [str(each) for each in task.inputs]
        label = torch.from_numpy(task.label).to(chosen.name)

        def loss(rows: np.ndarray) -> Any:
            scores = model(**_tokens(folder, [texts[i] for i in rows])).logits.float()
            return torch.nn.functional.cross_entropy(scores, label[rows])

        _train(_trained(model), loss, task, rate=_ADAPTER_RATE)
        model.eval()
        with torch.inference_mode(), device.autocast(chosen):
            parts = [
                model(**_tokens(folder, [str(each) for each in task.test[at : at + _BATCH]])).logits
                for at in range(0, len(task.test), _BATCH)
            ]
    return torch.cat(parts).float().softmax(dim=1).T.cpu().numpy()


_UNSCORED = -100
"""What torch's cross-entropy leaves out."""


def _written(name: str | None, task: Task) -> np.ndarray:
    """float32 (2, t): of each test answer the sum of −ln p over its tokens, and how many."""
    torch, chosen, folder = device.need("torch"), device.pick(), _folder(name)
    if _tokenizer(folder).eos_token_id is None:
        raise InputError(f"the language model in {folder} has no token that ends a text")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        model = _adapted(_loaded(folder, "AutoModelForCausalLM"), "CAUSAL_LM").train()
        rows = [
            _with_answer(folder, str(text), task.names[code])
            for text, code in zip(task.inputs, task.label.tolist(), strict=True)
        ]

        def loss(places: np.ndarray) -> Any:
            each, count = _token_losses(torch, model, folder, [rows[i] for i in places])
            return each.sum() / count.sum()

        _train(_trained(model), loss, task, rate=_ADAPTER_RATE)
        model.eval()
        tests = [
            _with_answer(folder, str(text), task.names[code])
            for text, code in zip(task.test, task.truth.tolist(), strict=True)
        ]
        with torch.inference_mode(), device.autocast(chosen):
            parts = [
                torch.stack(_token_losses(torch, model, folder, tests[at : at + _BATCH]))
                for at in range(0, len(tests), _BATCH)
            ]
    return torch.cat(parts, dim=1).cpu().numpy()


def _with_answer(folder: Path, text: str, answer: str) -> tuple[list[int], int]:
    """Tokens of the text, a line break, the answer and the end; and how many of the last are the
    answer's. A text that is too long loses its beginning, never its answer.
    """
    made = _tokenizer(folder)
    before = made(f"{text}\n")["input_ids"]
    after = made(answer, add_special_tokens=False)["input_ids"][: _LONGEST - 2]
    after = [*after, made.eos_token_id]
    # Each token is foretold from those before it, so there has to be one.
    before = before[-(_LONGEST - len(after)) :] or [made.eos_token_id]
    return [*before, *after], len(after)


def _token_losses(
    torch: Any, model: Any, folder: Path, rows: Sequence[tuple[list[int], int]]
) -> tuple[Any, Any]:
    """Of each row the sum of −ln p over the tokens of its answer, and how many, float (n,)."""
    longest = max(len(tokens) for tokens, _ in rows)
    pad = _tokenizer(folder).pad_token_id
    fed = torch.full((len(rows), longest), pad)
    seen = torch.zeros((len(rows), longest), dtype=torch.int64)
    wanted = torch.full((len(rows), longest), _UNSCORED)
    for row, (tokens, count) in enumerate(rows):
        fed[row, : len(tokens)] = torch.tensor(tokens)
        seen[row, : len(tokens)] = 1
        wanted[row, len(tokens) - count : len(tokens)] = torch.tensor(tokens[-count:])
    where = device.pick().name
    logits = model(input_ids=fed.to(where), attention_mask=seen.to(where)).logits[:, :-1].float()
    after = wanted[:, 1:].to(where)
    each = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), after, ignore_index=_UNSCORED, reduction="none"
    )
    return each.sum(dim=1), (after != _UNSCORED).sum(dim=1).float()


def _preferences(name: str | None, task: Task) -> np.ndarray:
    """Of label 1 the second text is preferred: the two answers stand in their order."""
    torch, chosen, folder = device.need("torch"), device.pick(), _folder(name)
    if not len(task.inputs):
        return guess(task.label, task.classes, len(task.test))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        model = _adapted(_loaded(folder, "AutoModelForCausalLM"), "CAUSAL_LM").eval()

        def rise(pairs: Sequence[object]) -> Any:
            """β·(Δ(second) − Δ(first)) of each pair, (n,)."""
            texts = [str(text) for pair in pairs for text in _pair(pair)]
            fed = _tokens(folder, texts)
            with torch.no_grad(), model.disable_adapter():
                before = _log_probability(torch, model, fed)
            moved = _log_probability(torch, model, fed) - before
            return BETA * (moved[1::2] - moved[::2])

        sign = torch.from_numpy(2.0 * task.label - 1).float().to(chosen.name)

        def loss(rows: np.ndarray) -> Any:
            margin = sign[rows] * rise([task.inputs[i] for i in rows])
            return -torch.nn.functional.logsigmoid(margin).mean()

        _train(_trained(model), loss, task, rate=_ADAPTER_RATE)
        with torch.inference_mode(), device.autocast(chosen):
            parts = [rise(task.test[at : at + _BATCH]) for at in range(0, len(task.test), _BATCH)]
    second = torch.cat(parts).float().sigmoid().cpu().numpy()
    return np.stack([1 - second, second])


def _pair(value: object) -> tuple[object, object]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise InputError("a comparison needs two texts, text and text_b")
    return value


def _log_probability(torch: Any, model: Any, fed: Any) -> Any:
    """Of each text, the sum over its tokens but the first, (n,)."""
    logits = model(**fed).logits[:, :-1].float().log_softmax(dim=2)
    after = fed["input_ids"][:, 1:]
    each = torch.gather(logits, 2, after.unsqueeze(2)).squeeze(2)
    return (each * fed["attention_mask"][:, 1:]).sum(dim=1)
