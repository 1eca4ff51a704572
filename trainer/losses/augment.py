"""Differentiable augmentation of what the discriminators see (Zhao et al. 2020): shift and tone.

Real and painted pictures of a pair get the same draw, so feature matching stays meaningful.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class Augment:
    """One random draw for a batch.

    Args:
        batch: Pictures.
        side: Their side in pixels; the shift is up to 6 % of it.
        generator: Source of randomness.
    """

    def __init__(self, batch: int, side: int, generator: torch.Generator) -> None:
        self.pad = max(1, round(0.06 * side))
        self.dx, self.dy = torch.randint(0, 2 * self.pad + 1, (2,), generator=generator).tolist()
        shape = (batch, 1, 1, 1)
        self.gain = 1 + 0.2 * (2 * torch.rand(shape, generator=generator) - 1)
        self.offset = 0.2 * (2 * torch.rand(shape, generator=generator) - 1)

    def picture(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1] -> the same shape."""
        return self.shift(x * self.gain.to(x) + self.offset.to(x))

    def shift(self, x: Tensor) -> Tensor:
        """(N, C, S, S) -> the same shape, moved, its border repeated."""
        side = x.shape[-1]
        padded = F.pad(x, (self.pad,) * 4, mode="replicate")
        return padded[:, :, self.dy : self.dy + side, self.dx : self.dx + side]
