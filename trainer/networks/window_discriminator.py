"""Our two discriminators: one sees the whole face, one the lower face at full sharpness.

Both are conditional: they get the hole beside the picture, and score the expression by
projection (Miyato and Koyama 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ecgan.engine.expressions import EXPRESSIONS

WINDOW = (0.4375, 1.0, 0.15625, 0.84375)
"""Lower face: top, bottom, left, right as shares of the crop (rows 112-256, columns 40-216 at 256)."""


class WindowDiscriminator(nn.Module):
    """Strided convolutions; a logit at every place of the last map.

    Args:
        widths: Channels after each halving.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers, channels = [], 4
        for width in widths:
            layers.append(nn.Conv2d(channels, width, 4, 2, 1))
            channels = width
        self.layers = nn.ModuleList(layers)
        self.last = nn.Conv2d(channels, channels, 3, 1, 1)
        self.to_logit = nn.Conv2d(channels, 1, 1)
        self.project = nn.Linear(len(EXPRESSIONS), channels, bias=False)

    def forward(
        self, picture: Tensor, hole: Tensor, weights: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Score pictures.

        Args:
            picture: (N, 3, H, W) in [-1, 1].
            hole: (N, 1, H, W) in [0, 1].
            weights: (N, 7) expression condition; zeros leave it out.

        Returns:
            Logits (N, 1, h, w), and the features of every layer for feature matching.
        """
        x, features = torch.cat([picture, hole * 2 - 1], 1), []
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), 0.2)
            features.append(x)
        x = nn.functional.leaky_relu(self.last(x), 0.2)
        features.append(x)
        return self.judge(x, weights), features

    def judge(self, x: Tensor, weights: Tensor) -> Tensor:
        """Logits (N, 1, h, w) of the last layer's features (N, C, h, w) under a condition (N, 7)."""
        projected = (x * self.project(weights)[:, :, None, None]).sum(1, keepdim=True)
        return self.to_logit(x) + projected


def lower_face(picture: Tensor) -> Tensor:
    """Cut the window of the lower face: (N, C, S, S) -> (N, C, 9/16 S, 11/16 S)."""
    side = picture.shape[-1]
    top, bottom, left, right = (round(edge * side) for edge in WINDOW)
    return picture[:, :, top:bottom, left:right]
