"""A timm backbone from scratch whose map keeps the picture's width, and a head a position.

The last stage of a norm-free network (A. Brock, S. De, S. L. Smith, K. Simonyan,
"High-performance large-scale image recognition without normalization", ICML 2021;
`eca_nfnet_l0` of timm) halves the height only: the map of a picture of 60 × 160 has 2 × 10
places instead of 2 × 5. Each head pools the map with weights of its own, from what stands there
and from how far along the line it is, and reads one character.
"""

import math

import timm
import torch
from torch import nn

from gpu_jobs.contracts import InputError
from gpu_jobs.ocr.recipe import BACKBONE


class Reader(nn.Module):
    """Pictures (n, 3, H, W) to logits (n, positions, letters)."""

    def __init__(
        self, positions: int, letters: int, *, backbone: str = BACKBONE, dropout: float = 0.2
    ) -> None:
        super().__init__()
        try:
            self.backbone = timm.create_model(
                backbone, pretrained=False, num_classes=0, global_pool=""
            )
        except RuntimeError as error:
            raise InputError(f"timm has no backbone {backbone!r}") from error
        if isinstance(self.backbone, timm.models.NormFreeNet):
            keep_width(self.backbone)
        width = self.backbone.num_features
        self.query = nn.Parameter(torch.zeros(positions, width))
        self.centre = nn.Parameter((torch.arange(positions) + 0.5) / positions)
        self.sharpness = nn.Parameter(torch.full((positions,), math.log(2.0 * positions)))
        self.weight = nn.Parameter(torch.randn(positions, width, letters) / math.sqrt(width))
        self.bias = nn.Parameter(torch.zeros(positions, letters))
        self.dropout = dropout

    def forward(self, pictures: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        """keep: (n, positions, features) from `dropout_mask` while training."""
        return self.read_features(self.features(pictures), keep)

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """float32 (n, features, h, w)."""
        return self.backbone(pictures).float()

    def read_features(
        self, features: torch.Tensor, keep: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The heads alone, in float32 whatever the backbone computes in."""
        with torch.autocast(features.device.type, enabled=False):
            pooled = self.pooled(features)
            if keep is not None:
                pooled = pooled * keep
            return torch.einsum("npc,pcl->npl", pooled, self.weight) + self.bias

    def pooled(self, features: torch.Tensor) -> torch.Tensor:
        """What each position's head reads, float32 (n, positions, features)."""
        along = (torch.arange(features.shape[3], device=features.device) + 0.5) / features.shape[3]
        away = (along[None] - self.centre[:, None]) * self.sharpness.exp()[:, None]
        score = torch.einsum("nchw,pc->nphw", features, self.query / math.sqrt(len(self.query[0])))
        score = (score - away[None, :, None, :].square()).flatten(2)
        return torch.einsum("nps,ncs->npc", score.softmax(dim=2), features.flatten(2))

    def dropout_mask(self, count: int, source: torch.Generator) -> torch.Tensor:
        """Drawn outside of the model, so that threads do not race for one generator."""
        kept = torch.rand((count, *self.query.shape), generator=source) >= self.dropout
        return kept.float() / (1 - self.dropout)


def keep_width(backbone: nn.Module) -> None:
    """The last stage of a norm-free network strides over rows only."""
    first = backbone.stages[-1][0]
    first.conv2.stride = (2, 1)
    first.downsample.pool = nn.AvgPool2d((2, 1), (2, 1), ceil_mode=True, count_include_pad=False)
