"""Reconstruction losses over a region: how far the paint is from the truth, pixel by pixel."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .reconstruction import ssim_map


def region_l1(output: Tensor, truth: Tensor, region: Tensor) -> Tensor:
    """Mean absolute difference over the region: a scalar.

    Args:
        output: (N, 3, H, W).
        truth: (N, 3, H, W).
        region: (N, 1, H, W) weights >= 0.
    """
    return ((output - truth).abs() * region).sum() / (3 * region.sum()).clamp(min=1)


def gradient_l1(output: Tensor, truth: Tensor, region: Tensor, scales: int = 3) -> Tensor:
    """Mean absolute difference of the gradients over the region, averaged over scales.

    Each scale halves the size, so that edges count from fine to coarse. Arguments as ``region_l1``.
    """
    total = output.new_zeros(())
    for _ in range(scales):
        gap = output - truth
        for dim in (2, 3):
            step = gap.diff(dim=dim)
            both = region.narrow(dim, 1, region.shape[dim] - 1)
            total = total + (step.abs() * both).sum() / (3 * both.sum()).clamp(min=1)
        output, truth = F.avg_pool2d(output, 2), F.avg_pool2d(truth, 2)
        region = F.avg_pool2d(region, 2)
    return total / scales


def region_dissimilarity(output: Tensor, truth: Tensor, region: Tensor) -> Tensor:
    """One minus structural similarity, averaged over the region: a scalar. Arguments as ``region_l1``."""
    gap = 1 - ssim_map(output, truth)
    return (gap * region).sum() / (3 * region.sum()).clamp(min=1)
