"""Building blocks of our own networks: plain operators that build everywhere and survive FP16."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)


def conv(channels_in: int, channels_out: int, stride: int = 1, *, bias: bool = False) -> nn.Conv2d:
    """3x3 convolution; with stride 2 the size halves."""
    return nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=bias)


class Film(nn.Module):
    """Scale and shift every channel by the condition; the identity at the start.

    (N, C, H, W), (N, E) -> (N, C, H, W).
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.affine = nn.Linear(embedding, 2 * channels)
        nn.init.zeros_(self.affine.weight)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.affine(embedding)[:, :, None, None].chunk(2, 1)
        return x * (1 + scale) + shift


class ResBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, the condition between them, and the input added.

    (N, C, H, W), (N, E) -> (N, C, H, W).
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv(channels, channels), nn.BatchNorm2d(channels)
        self.film = Film(channels, embedding)
        self.conv2, self.norm2 = conv(channels, channels), nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        hidden = torch.relu(self.film(self.norm1(self.conv1(x)), embedding))
        return torch.relu(x + self.norm2(self.conv2(hidden)))


class Down(nn.Sequential):
    """2x2 convolution with stride 2: (N, C, H, W) -> (N, C', H / 2, W / 2)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 2, 2, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
        )


class Up(nn.Module):
    """2x2 transposed convolution with stride 2: twice the size, then the skip is added.

    (N, C, H, W), (N, C', 2 H, 2 W) -> (N, C', 2 H, 2 W).
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels_in, channels_out, 2, 2, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)) + skip)


class GlobalMix(nn.Module):
    """A linear layer over the positions of a small square map, shared by the channels, added.

    Lets one cheek see the other: (N, C, S, S) -> (N, C, S, S).
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.mix = nn.Linear(side * side, side * side)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(x.flatten(2)).unflatten(2, (self.side, self.side))


def channels_last(network: N) -> N:
    """Lay the weights out as the CPU's and GPU's fast convolutions want them."""
    # torch's stub lacks this overload
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def coordinates(side: int) -> Tensor:
    """(1, 2, side, side) float32: x and y of each pixel in [-1, 1]."""
    line = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y])[None]
