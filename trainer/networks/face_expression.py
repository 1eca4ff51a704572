"""Teacher: which of the seven expressions a face shows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.expressions import EXPRESSIONS

from .teacher_blocks import FaceInput, pad_and_run

BOX = (44.0, 72.0, 212.0, 240.0)
"""Left, top, right, bottom of what it looks at, in pixels of the 256 px crop."""


class _Separable(nn.Module):
    """3x3 per channel, then 1x1 with bias."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels_in,
            channels_in,
            3,
            stride=stride,
            padding=1 if stride == 1 else 0,
            groups=channels_in,
            bias=False,
        )
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(pad_and_run(self.depthwise, x))


class _DenseBlock(nn.Module):
    """Four convolutions, each but the first fed with the sum of all before it; halves the size.

    The first is a full one on a picture (3 channels), a separable one elsewhere.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv0 = (
            nn.Conv2d(channels_in, channels_out, 3, stride=2)
            if channels_in == 3
            else _Separable(channels_in, channels_out, stride=2)
        )
        self.conv1 = _Separable(channels_out, channels_out)
        self.conv2 = _Separable(channels_out, channels_out)
        self.conv3 = _Separable(channels_out, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        first = pad_and_run(self.conv0, x) if isinstance(self.conv0, nn.Conv2d) else self.conv0(x)
        total = F.relu(first)
        for conv in (self.conv1, self.conv2, self.conv3):
            # the second sees values that are already >= 0: relu changes nothing there
            total = total + conv(F.relu(total))
        return F.relu(total)


class FaceExpression(nn.Module):
    """Seven expressions, in the order of ``EXPRESSIONS``, from a 112x112 chip; 0.32 M weights."""

    def __init__(self) -> None:
        super().__init__()
        self.input = FaceInput(BOX, 112, 255.0)
        self.dense0 = _DenseBlock(3, 32)
        self.dense1 = _DenseBlock(32, 64)
        self.dense2 = _DenseBlock(64, 128)
        self.dense3 = _DenseBlock(128, 256)
        self.classifier = nn.Linear(256, len(EXPRESSIONS))

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1] -> logits (N, 7), float32; softmax gives probabilities."""
        x = self.input(image)
        for block in (self.dense0, self.dense1, self.dense2, self.dense3):
            x = block(x)
        pooled = x.float().mean((2, 3))
        with torch.autocast(pooled.device.type, enabled=False):
            return self.classifier(pooled)
