"""Hinge loss of a conditional discriminator, and feature matching (Wang et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """What the discriminator minimises; logits of any shape -> a scalar."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """What the generator minimises; logits of any shape -> a scalar."""
    return -fake.mean()


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of the discriminator's features, each divided by its mean size."""
    total = fake[0].new_zeros((), dtype=torch.float32)
    for one, two in zip(real, fake, strict=True):
        target = one.detach().float()
        total = total + (two.float() - target).abs().mean() / target.abs().mean().clamp(min=1e-3)
    return total / len(real)
