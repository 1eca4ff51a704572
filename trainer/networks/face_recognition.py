"""Teacher: who a face is, as a descriptor."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .teacher_blocks import FaceInput

BOX = (40.5, 67.0, 218.0, 244.5)
"""Left, top, right, bottom of what it looks at, in pixels of the 256 px crop."""


class _PlainBlock(nn.Module):
    """Two 3x3 convolutions and the input added: (N, C, H, W) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(x))) + x)


class _ShrinkingBlock(nn.Module):
    """Halve the size; the shortcut is a 2x2 mean, filled up with zeros.

    The first convolution has no padding, so its map may be one pixel smaller than the shortcut's
    or new channels may lack a shortcut: zeros (added at the bottom, right and end) make both fit.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride=2)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        main = self.conv2(F.relu(self.conv1(x)))
        shortcut = F.avg_pool2d(x, 2)
        rows, columns = shortcut.shape[2] - main.shape[2], shortcut.shape[3] - main.shape[3]
        main = F.pad(main, (0, columns, 0, rows))
        shortcut = F.pad(shortcut, (0, 0, 0, 0, 0, main.shape[1] - shortcut.shape[1]))
        return F.relu(main + shortcut)


class FaceRecognition(nn.Module):
    """Identity descriptor of a face: a 29-convolution ResNet on a 150x150 chip, 5.6 M weights.

    Descriptors are not unit vectors (their length is about 1.5); compare them by Euclidean
    distance. Below 0.6 is the customary "same person".
    """

    def __init__(self) -> None:
        super().__init__()
        self.input = FaceInput(BOX, 150, 256.0)
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        self.stage32 = nn.Sequential(*(_PlainBlock(32) for _ in range(3)))
        self.stage64 = nn.Sequential(_ShrinkingBlock(32, 64), *(_PlainBlock(64) for _ in range(3)))
        self.stage128 = nn.Sequential(
            _ShrinkingBlock(64, 128), *(_PlainBlock(128) for _ in range(2))
        )
        self.stage256 = nn.Sequential(
            _ShrinkingBlock(128, 256), *(_PlainBlock(256) for _ in range(2))
        )
        self.last = _ShrinkingBlock(256, 256)
        self.projection = nn.Linear(256, 128, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1] -> descriptors (N, 128), float32."""
        x = F.max_pool2d(F.relu(self.stem(self.input(image))), 3, 2)
        for stage in (self.stage32, self.stage64, self.stage128, self.stage256, self.last):
            x = stage(x)
        pooled = x.float().mean((2, 3))
        with torch.autocast(pooled.device.type, enabled=False):
            return self.projection(pooled)
