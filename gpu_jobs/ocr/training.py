"""Training from scratch: epochs of one schedule, a line of log and a checkpoint after each.

AdamW (I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019), label
smoothing, dropout before the heads, and an exponential mean of the weights, which is what is
tested. The rate rises, stays level, and falls over a tail of epochs (A. Hägele et al., "Scaling
laws and compute-optimal training beyond fixed training durations", NeurIPS 2024), so how many
epochs there are may still be decided while it is level. The tail sees larger pictures than the
level part (M. Tan, Q. Le, "EfficientNetV2", ICML 2021) and transforms that fade.

Every random number of an epoch follows from the seed, the epoch, the step and the shard, so a
run that was killed goes on as if it had not been. A batch is cut into shards, one a thread, that
meet once a step: their number is a part of the run, not of the machine.
"""

import copy
import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gpu_jobs import tables
from gpu_jobs.contracts import InputError, canonical
from gpu_jobs.ocr.augment import augmented, channels
from gpu_jobs.ocr.ink import Ink
from gpu_jobs.ocr.model import Reader
from gpu_jobs.ocr.recipe import Epoch, Recipe, Strength

TAIL = ("epochs", "tail", "tail_size", "fade")
"""Of a recipe: what the level part does not depend on, so that it may change until the tail."""
_DECAYING = 2
"""Dimensions from which on a tensor decays; biases and the heads' places have fewer."""


@dataclass(frozen=True)
class Trained:
    """model: with the mean weights. size: (height, width) it was trained on last. bf16: whether
    its products were taken in bfloat16.
    """

    model: Reader
    size: tuple[int, int]
    epochs: tuple[Epoch, ...]
    bf16: bool


def train(
    ink: Ink,
    codes: np.ndarray,
    validation: tuple[Ink, np.ndarray],
    *,
    letters: int,
    recipe: Recipe,
    seed: int,
    workdir: Path | None = None,
    resume: bool = False,
    device: str = "cpu",
    report: Callable[[Epoch], None] = lambda _epoch: None,
    stop: Callable[[Epoch], bool] = lambda _epoch: False,
) -> Trained:
    """codes: int64 (n, positions). stop: asked after each epoch; True ends the run there.

    Raises InputError for a workdir of another run, or one that holds a run when `resume` is not
    asked for.
    """
    run = _Run(ink, codes, letters, recipe, seed, device)
    store = Store(workdir, run.identity)
    done = store.open(run, resume=resume)
    with ThreadPoolExecutor(recipe.shards) as pool:
        while len(done) < recipe.epochs and not (done and stop(done[-1])):
            number = len(done) + 1
            start, cpu = perf_counter(), process_time()
            loss = run.epoch(number, pool)
            middle = perf_counter()
            right = (
                read(run.mean, validation[0], recipe.size(number), pool=pool, bf16=recipe.bf16)
                == validation[1]
            )
            done.append(
                Epoch(
                    epoch=number,
                    height=recipe.size(number)[0],
                    width=recipe.size(number)[1],
                    loss=loss,
                    character=float(right.mean()),
                    sequence=float(right.all(axis=1).mean()),
                    train_seconds=middle - start,
                    test_seconds=perf_counter() - middle,
                    cpu_seconds=process_time() - cpu,
                    images=len(codes),
                )
            )
            store.save(run, done)
            report(done[-1])
    return Trained(run.mean, recipe.size(max(len(done), 1)), tuple(done), recipe.bf16)


def read(
    model: Reader,
    ink: Ink,
    size: tuple[int, int],
    *,
    pool: ThreadPoolExecutor | None = None,
    bf16: bool = True,
    batch: int = 100,
) -> np.ndarray:
    """Codes int64 (n, positions) of the likeliest letters."""
    return scores(model, ink, size, pool=pool, bf16=bf16, batch=batch).argmax(axis=2)


def scores(
    model: Reader,
    ink: Ink,
    size: tuple[int, int],
    *,
    pool: ThreadPoolExecutor | None = None,
    bf16: bool = True,
    batch: int = 100,
    shifts: Sequence[tuple[int, int]] = ((0, 0),),
) -> np.ndarray:
    """Log-chances float32 (n, positions, letters), their mean over pictures moved by `shifts`,
    (down, right) in pixels of `size`.
    """

    def found(model: Reader, amount: torch.Tensor, typical: torch.Tensor) -> torch.Tensor:
        device = next(model.parameters()).device
        each = [
            model(channels(_moved(amount, *shift), typical).to(device)).float().log_softmax(dim=2)
            for shift in shifts
        ]
        return torch.stack(each).mean(dim=0)

    return _by_parts(found, model, ink, size, pool=pool, bf16=bf16, batch=batch)


def pooled(
    model: Reader,
    ink: Ink,
    size: tuple[int, int],
    *,
    pool: ThreadPoolExecutor | None = None,
    bf16: bool = True,
    batch: int = 100,
) -> np.ndarray:
    """What each head reads, float32 (n, positions, features)."""

    def found(model: Reader, amount: torch.Tensor, typical: torch.Tensor) -> torch.Tensor:
        device = next(model.parameters()).device
        return model.pooled(model.features(channels(amount, typical).to(device)))

    return _by_parts(found, model, ink, size, pool=pool, bf16=bf16, batch=batch)


def _by_parts(
    compute: Callable[[Reader, torch.Tensor, torch.Tensor], torch.Tensor],
    model: Reader,
    ink: Ink,
    size: tuple[int, int],
    *,
    pool: ThreadPoolExecutor | None,
    bf16: bool,
    batch: int,
) -> np.ndarray:
    """Values of `compute` on model, ink (b, H, W) and typical ink (b,), batch by batch."""
    amount, typical = resized(ink, size), torch.from_numpy(ink.typical)
    device = next(model.parameters()).device

    def part(start: int) -> np.ndarray:
        torch.set_num_threads(1)
        here = slice(start, start + batch)
        with torch.inference_mode(), _products(device, bf16=bf16):
            found = compute(model, amount[here].float(), typical[here])
        return found.float().cpu().numpy()

    starts = range(0, len(ink), batch)
    return np.concatenate(list(pool.map(part, starts) if pool is not None else map(part, starts)))


def resized(ink: Ink, size: tuple[int, int]) -> torch.Tensor:
    """Ink float16 (n, height, width), averaged where it becomes smaller."""
    amount = torch.from_numpy(ink.amount)
    if tuple(amount.shape[1:]) == size:
        return amount.half()
    parts = [
        functional.interpolate(
            each[:, None], size, mode="bilinear", antialias=True, align_corners=False
        )[:, 0].half()
        for each in amount.split(1000)
    ]
    return torch.cat(parts).clamp(0, 1)


class _Run:
    """Weights, their mean and the optimizer's state; an epoch at a time."""

    def __init__(
        self, ink: Ink, codes: np.ndarray, letters: int, recipe: Recipe, seed: int, device: str
    ) -> None:
        self._ink, self.recipe, self._seed = ink, recipe, seed
        self._typical, self._codes = torch.from_numpy(ink.typical), torch.from_numpy(codes)
        self._device = torch.device(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = Reader(
                codes.shape[1], letters, backbone=recipe.backbone, dropout=recipe.dropout
            )
        self.model = model.to(self._device, memory_format=torch.channels_last)
        self.mean = copy.deepcopy(self.model).eval().requires_grad_(False)
        self._replicas = [self.model, *(_sharing(self.model) for _ in range(recipe.shards - 1))]
        parameters = list(self.model.parameters())
        plain = [each for each in parameters if each.ndim < _DECAYING]
        decaying = [each for each in parameters if each.ndim >= _DECAYING]
        self.optimizer = torch.optim.AdamW(
            [{"params": decaying, "weight_decay": recipe.decay}, {"params": plain}],
            lr=recipe.rate,
            betas=(0.9, 0.98),
            weight_decay=0.0,
            fused=True,
        )
        self.steps = math.ceil(len(codes) / recipe.batch)
        digest = hashlib.sha256(ink.amount.tobytes() + codes.tobytes()).hexdigest()
        told = asdict(recipe)
        for name in TAIL:
            del told[name]
        self.identity = canonical(
            {"kind": "ocr", "data": digest, "seed": seed, "letters": letters} | told
        )
        self._sized: tuple[tuple[int, int], torch.Tensor] | None = None

    def epoch(self, number: int, pool: ThreadPoolExecutor) -> float:
        recipe = self.recipe
        amount = self._at(recipe.size(number))
        strength = recipe.strength(number)
        order = torch.from_numpy(
            np.random.default_rng([self._seed, number]).permutation(len(self._codes))
        )
        self.model.train()
        losses = []
        for step, rows in enumerate(order.split(recipe.batch)):
            done = (number - 1) * self.steps + step
            for group in self.optimizer.param_groups:
                group["lr"] = recipe.rate * recipe.pace(done, self.steps)
            parts = [part for part in rows.tensor_split(recipe.shards) if len(part)]
            jobs = [
                pool.submit(
                    self._shard,
                    self._replicas[place],
                    amount,
                    part,
                    len(rows),
                    strength,
                    (number, step, place),
                )
                for place, part in enumerate(parts)
            ]
            losses.append(sum(job.result() for job in jobs))
            self._step(len(parts), done)
        return float(np.mean(losses))

    def _shard(
        self,
        model: Reader,
        amount: torch.Tensor,
        rows: torch.Tensor,
        whole: int,
        strength: Strength | None,
        key: tuple[int, int, int],
    ) -> float:
        """Gradients of these rows' share of the batch's loss into the replica; the share."""
        torch.set_num_threads(1)
        source = torch.Generator().manual_seed(_number(self._seed, *key))
        here, typical = amount[rows].float(), self._typical[rows]
        if strength is not None:
            here, typical = augmented(here, typical, strength, source)
        pictures = channels(here, typical).to(self._device, memory_format=torch.channels_last)
        keep = model.dropout_mask(len(rows), source).to(self._device)
        model.zero_grad(set_to_none=True)
        with _products(self._device, bf16=self.recipe.bf16):
            features = model.features(pictures)
        logits = model.read_features(features, keep)
        loss = functional.cross_entropy(
            logits.flatten(0, 1),
            self._codes[rows].flatten().to(self._device),
            label_smoothing=self.recipe.smoothing,
        )
        loss = loss * (len(rows) / whole)
        loss.backward()
        return float(loss.detach())

    def _step(self, shards: int, done: int) -> None:
        parameters = list(self.model.parameters())
        for replica in self._replicas[1:shards]:
            for own, other in zip(parameters, replica.parameters(), strict=True):
                own.grad.add_(other.grad)
        nn.utils.clip_grad_norm_(parameters, self.recipe.clip)
        self.optimizer.step()
        keep = min(self.recipe.ema, (1 + done) / (10 + done))
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), parameters, strict=True):
                mean.lerp_(now, 1 - keep)
            # Of other backbones than norm-free ones: running means of a batch norm.
            for mean, now in zip(self.mean.buffers(), self.model.buffers(), strict=True):
                mean.copy_(now)

    def _at(self, size: tuple[int, int]) -> torch.Tensor:
        if self._sized is None or self._sized[0] != size:
            self._sized = (size, resized(self._ink, size))
        return self._sized[1]


class Store:
    """Checkpoint, log and identity of one run in a folder; without a folder, nothing is kept."""

    def __init__(self, workdir: Path | None, identity: str) -> None:
        self._workdir, self._identity = workdir, identity

    def open(self, run: _Run, *, resume: bool) -> list[Epoch]:
        """Epochs that are done, after their weights went into `run`."""
        if self._workdir is None:
            return []
        try:
            self._workdir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._workdir} cannot be made: {error.strerror}") from error
        claimed = self._workdir / "run.json"
        if claimed.exists() and claimed.read_text(encoding="utf-8") != self._identity:
            raise InputError(f"{self._workdir} holds another run")
        if not (self._workdir / "checkpoint.pt").exists():
            tables.write_text(self._identity, claimed)
            return []
        if not resume:
            raise InputError(f"{self._workdir} holds this run already; go on with --resume")
        found = torch.load(self._workdir / "checkpoint.pt", weights_only=True, map_location="cpu")
        run.model.load_state_dict(found["model"])
        run.mean.load_state_dict(found["mean"])
        run.optimizer.load_state_dict(found["optimizer"])
        rows = json.loads(found["epochs"])
        self._check(run.recipe, json.loads(found["planned"]), len(rows))
        _log(rows, self._workdir)
        return [Epoch(**each) for each in rows]

    def _check(self, recipe: Recipe, planned: dict[str, Any], done: int) -> None:
        wanted = _tail_of(recipe)
        level = min(recipe.level, max(planned["epochs"] - planned["tail"], 0))
        if wanted != planned and done > level:
            raise InputError(
                f"epoch {done} of {planned['epochs']} is past the level part, so the run's end"
                " cannot be changed any more"
            )

    def save(self, run: _Run, done: Sequence[Epoch]) -> None:
        """Checkpoint first: the log is written from it, again when a run is taken up."""
        if self._workdir is None:
            return
        rows = [asdict(each) for each in done]
        state: dict[str, Any] = {
            "model": run.model.state_dict(),
            "mean": run.mean.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "epochs": json.dumps(rows),
            "planned": json.dumps(_tail_of(run.recipe)),
        }
        path = self._workdir / "checkpoint.pt"
        waiting = path.with_name(f"{path.name}.{os.getpid()}.part")
        with waiting.open("wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        waiting.replace(path)
        _log(rows, self._workdir)


def _log(rows: Sequence[dict[str, Any]], workdir: Path) -> None:
    tables.write_text("".join(f"{canonical(row)}\n" for row in rows), workdir / "log.jsonl")


def _tail_of(recipe: Recipe) -> dict[str, Any]:
    """The recipe's end as JSON gives it back."""
    found: dict[str, Any] = json.loads(canonical({name: getattr(recipe, name) for name in TAIL}))
    return found


def _sharing(model: Reader) -> Reader:
    """A second model on the same weights, with gradients of its own."""
    made = copy.deepcopy(model)
    for own, other in zip(made.parameters(), model.parameters(), strict=True):
        own.data = other.data
    return made


def _moved(amount: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """Pictures moved by whole pixels; paper comes in at the edges."""
    height, width = amount.shape[1:]
    edge = max(abs(down), abs(right))
    padded = functional.pad(amount, (edge, edge, edge, edge))
    return padded[:, edge - down : edge - down + height, edge - right : edge - right + width]


def _products(device: torch.device, *, bf16: bool) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)


def _number(*key: int) -> int:
    """63 bits that follow from the key."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
