"""Teacher: how different two pictures look, on MobileNetV2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .teacher_blocks import pad_and_run

TAPS = (1, 3, 6, 10)
"""Blocks whose expanded maps are compared; up to here the weights are plain ImageNet's."""
LAST = TAPS[-1]

# Channels out of the blocks before the last one tapped, and the blocks that halve the size.
_BLOCK_CHANNELS = (16, 24, 24, 32, 32, 32, 64, 64, 64, 64)
_HALVING_BLOCKS = (1, 3, 6)
_EXPANSION = 6
_LENGTH_EPS = 1e-6
"""Inside the root, so that the gradient stays finite where every channel is zero."""

Shown = Tensor | Sequence[Tensor]
"""Pictures, or the maps of them."""


class _InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 per channel, 1x1 projection; batch norms are folded into the weights."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, expand: bool) -> None:
        super().__init__()
        width = channels_in * _EXPANSION if expand else channels_in
        self.expand = nn.Conv2d(channels_in, width, 1) if expand else nn.Identity()
        self.depthwise = nn.Conv2d(
            width, width, 3, stride=stride, padding=1 if stride == 1 else 0, groups=width
        )
        self.project = nn.Conv2d(width, channels_out, 1)
        self.shortcut = stride == 1 and channels_in == channels_out

    def widen(self, x: Tensor) -> Tensor:
        """The expanded maps, in [0, 6]: what ``Perceptual`` taps."""
        return x if isinstance(self.expand, nn.Identity) else F.relu6(self.expand(x))

    def narrow(self, wide: Tensor, x: Tensor) -> Tensor:
        """The rest of the block, from the expanded maps and the block's input."""
        out = self.project(F.relu6(pad_and_run(self.depthwise, wide)))
        return out + x if self.shortcut else out


class Perceptual(nn.Module):
    """Feature distance on MobileNetV2, in the manner of LPIPS but without learned weights.

    Works at any size from 32 px up and does not resize: pass 224 px or near for what the network
    was trained on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, stride=2)
        blocks, channels = [], 32
        for number, out in enumerate(_BLOCK_CHANNELS):
            stride = 2 if number in _HALVING_BLOCKS else 1
            blocks.append(_InvertedResidual(channels, out, stride, expand=number > 0))
            channels = out
        self.blocks = nn.ModuleList(blocks)
        self.tap_last = nn.Conv2d(channels, channels * _EXPANSION, 1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [-1, 1] -> one map per tap, values in [0, 6].

        (N, 96, H/2, W/2), (N, 144, H/4, W/4), (N, 192, H/8, W/8), (N, 384, H/16, W/16).
        """
        x = ((image + 1) / 2).contiguous(memory_format=torch.channels_last)
        x = F.relu6(pad_and_run(self.stem, x))
        maps = []
        for number, block in enumerate(cast(Iterable[_InvertedResidual], self.blocks)):
            wide = block.widen(x)
            if number in TAPS:
                maps.append(wide)
            x = block.narrow(wide, x)
        maps.append(F.relu6(self.tap_last(x)))
        return maps

    def distance(self, a: Shown, b: Shown, *, weight: Tensor | None = None) -> Tensor:
        """Distance of each pair, as ``distance_on``: (N,) float32 from 0 for equal pictures to 2.

        At every position the channels become a unit vector; squared differences are summed over
        channels, averaged over positions, then over taps.
        """
        return distance_on(self, a, b, lambda _, one, two: _gap(one, two), weight) / len(TAPS)


def distance_on(
    network: nn.Module,
    a: Shown,
    b: Shown,
    gap: Callable[[int, Tensor, Tensor], Tensor],
    weight: Tensor | None,
) -> Tensor:
    """Distance of pictures on the maps of a network: (N,) float32, the sum over its taps.

    Args:
        network: Gives the maps.
        a: Pictures (N, 3, H, W) in [-1, 1], or the list a call returned for them (compute the
            target's once, under ``no_grad``, and reuse it).
        b: The same for the other side.
        gap: Number of a tap and its two maps (N, C, h, w) -> (N, h, w), how they differ.
        weight: (N, 1, H, W), >= 0: importance of each pixel, for example the hole; reduced to each
            map's size by averaging. Only ratios matter; all zero gives 0. None for all alike.
    """
    maps_a = network(a) if isinstance(a, Tensor) else a
    maps_b = network(b) if isinstance(b, Tensor) else b
    total = maps_a[0].new_zeros((), dtype=torch.float32)
    for tap, (one, two) in enumerate(zip(maps_a, maps_b, strict=True)):
        total = total + _weighted_mean(gap(tap, one, two), weight)
    return total


def _weighted_mean(gap: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over the positions of a map (N, h, w): (N,), by the importance of each pixel.

    Args:
        gap: What is averaged.
        weight: (N, 1, H, W), >= 0, reduced to the map's size by averaging; None for all alike.
    """
    if weight is None:
        return gap.mean((1, 2))
    share = F.adaptive_avg_pool2d(weight.float(), (gap.shape[-2], gap.shape[-1]))[:, 0]
    return (gap * share).sum((1, 2)) / share.sum((1, 2)).clamp(min=1e-6)


def _gap(a: Tensor, b: Tensor) -> Tensor:
    """Squared difference of the unit vectors (N, h, w), without making the unit maps."""
    a, b = a.float(), b.float()
    length_a, length_b, product = a.square().sum(1), b.square().sum(1), (a * b).sum(1)
    scale_a, scale_b = torch.rsqrt(length_a + _LENGTH_EPS), torch.rsqrt(length_b + _LENGTH_EPS)
    return (
        length_a * (scale_a * scale_a)
        + length_b * (scale_b * scale_b)
        - 2 * product * (scale_a * scale_b)
    )
