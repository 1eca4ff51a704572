"""What a classifier of expressions sees of a face: grey, cut out by a hull, its light evened."""

from __future__ import annotations

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)


def grey_hull(picture: Tensor, hull: Tensor) -> Tensor:
    """What a classifier sees.

    Args:
        picture: (N, 3, S, S) in [-1, 1].
        hull: (N, 1, S, S), or one for all, 1 inside.

    Returns:
        (N, 1, S, S): mean 0 and deviation 1 inside the hull, 0 outside.
    """
    weights = torch.tensor(LUMA, dtype=picture.dtype, device=picture.device)[None, :, None, None]
    grey = (picture * weights).sum(1, keepdim=True)
    area = hull.sum((2, 3), keepdim=True).clamp(min=1)
    mean = (grey * hull).sum((2, 3), keepdim=True) / area
    centred = (grey - mean) * hull
    deviation = (centred.square().sum((2, 3), keepdim=True) / area + 1e-4).sqrt()
    return centred / deviation
