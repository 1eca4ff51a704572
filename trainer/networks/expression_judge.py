"""The judge of expressions: another architecture than what training is held to, on a finer picture.

It sees what ``grey_hull`` leaves of a face at 96 px.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ecgan.engine.expressions import EXPRESSIONS

SIDE = 96


class _Inverted(nn.Module):
    """1x1 to more channels, 3x3 in each, 1x1 back; the input is added where the shape stays."""

    def __init__(self, channels_in: int, channels: int, stride: int, expansion: int = 4) -> None:
        super().__init__()
        wide = expansion * channels_in
        self.conv1, self.norm1 = nn.Conv2d(channels_in, wide, 1, bias=False), nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False)
        self.norm2 = nn.BatchNorm2d(wide)
        self.conv3, self.norm3 = nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels)
        self.adds = stride == 1 and channels_in == channels

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.norm1(self.conv1(x)))
        hidden = torch.relu(self.norm2(self.conv2(hidden)))
        hidden = self.norm3(self.conv3(hidden))
        return x + hidden if self.adds else hidden


class ExpressionJudge(nn.Module):
    """Inverted residuals: (N, 1, 96, 96) from ``grey_hull`` -> logits (N, 7).

    Args:
        widths: Channels at 48, 24, 12, 6 and 3 px.
        features: Size of the penultimate layer.
        dropout: Share of it hidden in training.
    """

    def __init__(
        self,
        widths: Sequence[int] = (24, 40, 72, 112, 160),
        features: int = 256,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        blocks: list[nn.Module] = [_Inverted(widths[0], widths[0], 1)]
        for before, width in pairwise(widths):
            blocks += [_Inverted(before, width, 2), _Inverted(width, width, 1)]
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(
            nn.Conv2d(widths[-1], features, 1, bias=False), nn.BatchNorm2d(features), nn.ReLU()
        )
        self.dropout = nn.Dropout(dropout)
        self.to_logits = nn.Linear(features, len(EXPRESSIONS))

    def features(self, grey: Tensor) -> Tensor:
        """Penultimate layer: (N, features)."""
        return self.last(self.blocks(self.stem(grey))).mean((2, 3))

    def forward(self, grey: Tensor) -> Tensor:
        return self.to_logits(self.dropout(self.features(grey)))
