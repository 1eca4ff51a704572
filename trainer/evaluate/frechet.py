"""Frechet distance of two sets of feature vectors (Heusel et al. 2017), by torchmetrics."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from ecgan.engine.types import F32

ENOUGH = 2_000
"""Pictures below which the distance says little: its bias falls with their number."""


class _AsTheyAre(nn.Module):
    """Features that were computed already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet_distance(found: F32, wanted: F32) -> float:
    """Distance of the normal distributions that two sets have.

    Args:
        found: (N, D) float32, N >= 2.
        wanted: (M, D) float32, M >= 2.

    Returns:
        0 for equal means and covariances.
    """
    metric = FrechetInceptionDistance(feature=_AsTheyAre(found.shape[1]))
    metric.update(torch.from_numpy(wanted).double(), real=True)
    metric.update(torch.from_numpy(found).double(), real=False)
    return max(float(metric.compute()), 0.0)
