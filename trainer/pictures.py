"""Pictures as networks see them."""

from __future__ import annotations

import torch
from torch import Tensor


def as_picture(image: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) float32 in [-1, 1], channels last in memory."""
    picture = image.permute(0, 3, 1, 2).float() / 127.5 - 1
    return picture.contiguous(memory_format=torch.channels_last)
