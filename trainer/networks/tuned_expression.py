"""The expression teacher, tuned on grey cut-out faces: what the generator is held to."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .face_expression import FaceExpression

TONE, SHADE = 0.4, -0.1
"""Bring a picture of deviation 1 to the tones that the teacher knows."""


class TunedExpression(nn.Module):
    """(N, 1, S, S) from ``grey_hull`` -> logits (N, 7)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = FaceExpression()
        self.scale = nn.Parameter(torch.tensor(0.3))
        self.drop = nn.Dropout(0.3)

    def forward(self, grey: Tensor) -> Tensor:
        net = self.net
        x = net.input((grey * TONE + SHADE).clamp(-1.2, 1.2).expand(-1, 3, -1, -1))
        for block in (net.dense0, net.dense1, net.dense2, net.dense3):
            x = block(x)
        return net.classifier(self.drop(x.float().mean((2, 3)))) * self.scale
