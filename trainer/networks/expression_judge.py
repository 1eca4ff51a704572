"""The judge of expressions: another kind of network than those that training is held to.

It looks at the middle of an aligned crop, grey and cut out by one ellipse that is always the same, so
that whatever it sees can be had from the crop alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ecgan.engine.expressions import EXPRESSIONS

from ..data.samples import HULL_CENTRE, HULL_RADII
from .grey_hull import grey_hull

REDUCE = 4
"""How many pixels of the crop, each way, become one that the judge sees."""

TOP, BOTTOM, LEFT, RIGHT = 44, 256, 48, 208
"""The window of the 256 px crop that holds the ellipse."""

SHAPE = ((BOTTOM - TOP) // REDUCE, (RIGHT - LEFT) // REDUCE)
"""Rows and columns of what the judge sees."""


def window_hull() -> Tensor:
    """The ellipse in the reduced window: (1, 1, *SHAPE) float32, 1 inside."""
    middle = (REDUCE - 1) / 2
    rows = TOP + REDUCE * torch.arange(SHAPE[0], dtype=torch.float32) + middle - HULL_CENTRE[1]
    columns = LEFT + REDUCE * torch.arange(SHAPE[1], dtype=torch.float32) + middle - HULL_CENTRE[0]
    inside = (rows / HULL_RADII[1]).square()[:, None] + (columns / HULL_RADII[0]).square() <= 1
    return inside.float()[None, None]


class _Fused(nn.Module):
    """3x3 to more channels, 1x1 back; the input is added where the shape stays."""

    def __init__(self, channels_in: int, channels: int, stride: int, expansion: int = 2) -> None:
        super().__init__()
        wide = expansion * channels_in
        self.conv1 = nn.Conv2d(channels_in, wide, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(wide)
        self.conv2, self.norm2 = nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels)
        self.adds = stride == 1 and channels_in == channels

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return x + hidden if self.adds else hidden


class ExpressionJudge(nn.Module):
    """Fused inverted residuals: a reduced window (N, 3, *SHAPE) in [-1, 1] -> logits and features.

    Args:
        widths: Channels at 27, 14, 7 and 4 rows.
        features: Size of the penultimate layer.
        dropout: Share of it hidden in training.
    """

    hull: Tensor

    def __init__(
        self,
        widths: Sequence[int] = (24, 48, 96, 160),
        features: int = 256,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        for before, width in pairwise(widths):
            blocks += [_Fused(before, width, 2), _Fused(width, width, 1)]
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(
            nn.Conv2d(widths[-1], features, 1, bias=False), nn.BatchNorm2d(features), nn.ReLU()
        )
        self.dropout = nn.Dropout(dropout)
        self.to_logits = nn.Linear(features, len(EXPRESSIONS))
        self.register_buffer("hull", window_hull(), persistent=False)

    def forward(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 7) and the penultimate layer (N, features)."""
        grey = grey_hull(window.float(), self.hull)
        features = self.last(self.blocks(self.stem(grey))).mean((2, 3))
        return self.to_logits(self.dropout(features)), features
