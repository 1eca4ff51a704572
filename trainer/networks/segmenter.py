"""The segmenter: which pixels of an aligned face are a worn mask."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Down, Up, conv


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv(channels, channels), nn.BatchNorm2d(channels)
        self.conv2, self.norm2 = conv(channels, channels), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x))))))


class _Stem(nn.Sequential):
    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            conv(channels_in, channels_out, 2), nn.BatchNorm2d(channels_out), nn.ReLU()
        )


class Segmenter(nn.Module):
    """U-Net from 256 to 8 px and back to 128; the logits are enlarged to 256.

    (N, 3, 256, 256) in [-1, 1] -> logits (N, 1, 256, 256).
    """

    def __init__(self, widths: Sequence[int] = (12, 24, 40, 64, 96)) -> None:
        super().__init__()
        c0, c1, c2, c3, c4 = widths
        self.stem0 = _Stem(3, c0)
        self.stem1 = _Stem(c0, c1)
        self.block1 = _Block(c1)
        self.down2, self.block2 = Down(c1, c2), _Block(c2)
        self.down3, self.block3 = Down(c2, c3), _Block(c3)
        self.down4, self.block4 = Down(c3, c4), nn.Sequential(_Block(c4), _Block(c4))
        self.up3, self.out3 = Up(c4, c3), _Block(c3)
        self.up2, self.out2 = Up(c3, c2), _Block(c2)
        self.up1, self.out1 = Up(c2, c1), _Block(c1)
        self.up0 = Up(c1, c0)
        self.to_logit = conv(c0, 1, bias=True)

    def forward(self, picture: Tensor) -> Tensor:
        x0 = self.stem0(picture)
        x1 = self.block1(self.stem1(x0))
        x2 = self.block2(self.down2(x1))
        x3 = self.block3(self.down3(x2))
        x = self.block4(self.down4(x3))
        x = self.out3(self.up3(x, x3))
        x = self.out2(self.up2(x, x2))
        x = self.out1(self.up1(x, x1))
        logit = self.to_logit(self.up0(x, x0))
        # one channel: flattened, so that runtimes that work on blocks of 16 enlarge it alone
        logit = logit.flatten(1).unflatten(1, (1, *logit.shape[2:]))
        return F.interpolate(logit, scale_factor=2, mode="bilinear", align_corners=False)
