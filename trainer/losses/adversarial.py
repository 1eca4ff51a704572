"""The paper's adversarial loss: binary cross entropy on logits, averaged over patches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def bce_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """What the discriminator minimises: how far it is from telling real and fake apart.

    Args:
        real: Logits of any shape.
        fake: Logits of any shape.

    Returns:
        Scalar >= 0; ln 2 for logits of zero.
    """
    return (_bce(fake, 0.0) + _bce(real, 1.0)) / 2


def bce_generator(fake: Tensor) -> Tensor:
    """What the generator minimises: how far the fakes are from being taken for real.

    Args:
        fake: Logits of any shape.

    Returns:
        Scalar >= 0.
    """
    return _bce(fake, 1.0)


def composite(masked: Tensor, fake: Tensor, binary: Tensor) -> Tensor:
    """The generated region in its real surroundings, as the mask discriminator sees it.

    Args:
        masked: (N, 3, H, W) in [-1, 1]: the masked face.
        fake: (N, 3, H, W) in [-1, 1]: the generator's output.
        binary: (N, 1 or 3, H, W) in [-1, 1]: 1 inside the mask, -1 outside, blended between.

    Returns:
        (N, 3, H, W) in [-1, 1].
    """
    return torch.lerp(masked, fake, ((binary + 1) / 2).expand_as(masked))


def _bce(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
