"""The logistic adversarial loss with a gradient penalty on real pictures (Mescheder et al. 2018)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def logistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Loss of a discriminator: logits of any shape -> scalar."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def logistic_generator(fake: Tensor) -> Tensor:
    """Loss of the generator (not saturating): logits of any shape -> scalar."""
    return F.softplus(-fake).mean()


def gradient_penalty(logits: Tensor, picture: Tensor) -> Tensor:
    """Half the squared norm of the gradient of the mean logit, averaged over the batch.

    Args:
        logits: (N, ...) computed from ``picture``.
        picture: (N, 3, H, W) with ``requires_grad``.
    """
    score = logits.flatten(1).mean(1).sum()
    (gradient,) = torch.autograd.grad(score, picture, create_graph=True)
    return 0.5 * gradient.square().flatten(1).sum(1).mean()
