"""Feature matching: a discriminator's view of the paint and of the truth (Wang et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def feature_matching(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """How far the discriminator's features of a painted picture are from those of the real one.

    Args:
        fake: Feature maps of any shapes.
        real: Maps of the same shapes; they get no gradient.

    Returns:
        Scalar >= 0: mean absolute difference, of each map divided by the real one's mean size.
    """
    total = fake[0].new_zeros((), dtype=torch.float32)
    for painted, wanted in zip(fake, real, strict=True):
        target = wanted.detach().float()
        gap = (painted.float() - target).abs().mean()
        total = total + gap / target.abs().mean().clamp(min=1e-3)
    return total / len(real)
