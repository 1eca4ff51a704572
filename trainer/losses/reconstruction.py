"""The paper's reconstruction loss: mean absolute error and structural similarity, half each."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 11
SIGMA = 1.5
C1 = 0.01**2
C2 = 0.03**2


def reconstruction(fake: Tensor, real: Tensor) -> Tensor:
    """``0.5 * mean|a - b| + 0.5 * (1 - SSIM(a, b))`` over the whole picture.

    Args:
        fake: (N, 3, H, W) in [-1, 1].
        real: The same shape and range.

    Returns:
        Scalar >= 0; 0 for equal pictures.
    """
    return 0.5 * F.l1_loss(fake, real) + 0.5 * (1 - ssim_map(fake, real).mean())


def ssim_map(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity around each pixel.

    Gaussian window 11x11 of sigma 1.5 on each channel, zero padding, on pictures brought to [0, 1].

    Args:
        a: (N, C, H, W) in [-1, 1].
        b: The same shape and range.

    Returns:
        (N, C, H, W), at most 1.
    """
    a, b = (a + 1) / 2, (b + 1) / 2
    mean_a, mean_b, square_a, square_b, product = _blur(
        torch.cat([a, b, a * a, b * b, a * b])
    ).chunk(5)
    variance_a = square_a - mean_a**2
    variance_b = square_b - mean_b**2
    covariance = product - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return luminance * (2 * covariance + C2) / (variance_a + variance_b + C2)


def _blur(x: Tensor) -> Tensor:
    channels = x.shape[1]
    kernel = _gaussian().to(x).expand(channels, 1, WINDOW, 1)
    x = F.conv2d(x, kernel, padding=(WINDOW // 2, 0), groups=channels)
    return F.conv2d(x, kernel.transpose(2, 3), padding=(0, WINDOW // 2), groups=channels)


@functools.cache
def _gaussian() -> Tensor:
    offset = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-(offset**2) / (2 * SIGMA**2))
    return (weights / weights.sum()).reshape(1, 1, WINDOW, 1)
