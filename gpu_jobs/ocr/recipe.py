"""How a reader is trained, and what is logged of it; no torch, so that anyone can know both."""

from dataclasses import dataclass, field

BACKBONE = "eca_nfnet_l0"


@dataclass(frozen=True)
class Strength:
    """rotation: degrees. shear, scale, shift: shares. perspective: change of scale from edge to
    edge. elastic: pixels of the original. dots: the most. squeeze: how often, each of two times.
    Others: how often, from 0 to 1.
    """

    rotation: float = 7.0
    shear: float = 0.18
    scale: tuple[float, float] = (0.82, 1.06)
    shift: float = 0.035
    perspective: float = 0.06
    elastic: float = 3.2
    dots: int = 14
    arc: float = 0.5
    blur: float = 0.2
    cutout: float = 0.3
    noise: float = 0.03
    power: float = 0.45
    squeeze: float = 0.5

    def weaker(self, share: float) -> "Strength":
        """Everything at this share of itself; scales by their distance from 1."""
        low, high = self.scale
        return Strength(
            rotation=self.rotation * share,
            shear=self.shear * share,
            scale=(1 - (1 - low) * share, 1 - (1 - high) * share),
            shift=self.shift * share,
            perspective=self.perspective * share,
            elastic=self.elastic * share,
            dots=round(self.dots * share),
            arc=self.arc * share,
            blur=self.blur * share,
            cutout=self.cutout * share,
            noise=self.noise * share,
            power=self.power * share,
            squeeze=self.squeeze * share,
        )


@dataclass(frozen=True)
class Recipe:
    """tail: the last epochs, in which the rate falls; at most `epochs`. level_size, tail_size:
    (height, width) of the pictures before and in it. fade: strength of the transforms in the
    last epoch by that of the level part. warmup: steps. ema: of the weights, a step. shards:
    parts of a batch. bf16: products in bfloat16.
    """

    backbone: str = BACKBONE
    epochs: int = 60
    tail: int = 22
    level_size: tuple[int, int] = (36, 96)
    tail_size: tuple[int, int] = (60, 160)
    fade: float = 0.8
    batch: int = 64
    rate: float = 1.2e-3
    warmup: int = 150
    decay: float = 0.05
    smoothing: float = 0.05
    dropout: float = 0.3
    clip: float = 1.0
    ema: float = 0.996
    shards: int = 2
    bf16: bool = True
    augment: Strength | None = field(default_factory=Strength)

    @property
    def level(self) -> int:
        """Epochs before the tail."""
        return max(self.epochs - self.tail, 0)

    def size(self, epoch: int) -> tuple[int, int]:
        """Height and width in epoch 1, 2, …"""
        return self.level_size if epoch <= self.level else self.tail_size

    def strength(self, epoch: int) -> Strength | None:
        if self.augment is None or epoch <= self.level:
            return self.augment
        share = (epoch - self.level) / (self.epochs - self.level)
        return self.augment.weaker(1 - (1 - self.fade) * share)

    def pace(self, step: int, steps: int) -> float:
        """Share of the rate in step 0, 1, … of the run; steps: of an epoch."""
        rising = (step + 1) / (self.warmup + 1)
        falling = (step - self.level * steps) / ((self.epochs - self.level) * steps)
        return min(rising, 1.0) * (1 - max(falling, 0.0) ** 0.5 * 0.995)


@dataclass(frozen=True)
class Epoch:
    """loss: mean over the epoch's batches. character, sequence: shares of the validation set read
    right by the mean weights. seconds: wall clock, of training and of testing; cpu_seconds: of
    this process in both.
    """

    epoch: int
    height: int
    width: int
    loss: float
    character: float
    sequence: float
    train_seconds: float
    test_seconds: float
    cpu_seconds: float
    images: int
