"""Feature networks of the perceptual loss by name. A new one is one loader and one line below.

A loader takes a path and gives a frozen network that turns a picture (N, 3, H, W) in [-1, 1] into a
list of feature maps, and may have a ``distance`` of its own.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ecgan.engine.registry import Registry

from ..networks.lpips import Lpips, load_lpips
from .perceptual import perceptual

FEATURE_NETWORKS = Registry(
    "feature network",
    {
        "mobilenet-v2": "ecgan.trainer.networks.teachers:load_perceptual",
        "vgg19": "ecgan.trainer.losses.perceptual:load_vgg19",
        "lpips-alex": "ecgan.trainer.losses.feature_networks:load_lpips_alex",
        "lpips-vgg": "ecgan.trainer.losses.feature_networks:load_lpips_vgg",
    },
)


def load_lpips_alex(path: Path) -> Lpips:
    """LPIPS on AlexNet; raises as ``load_lpips``."""
    return load_lpips(path, "alex")


def load_lpips_vgg(path: Path) -> Lpips:
    """LPIPS on VGG-16; raises as ``load_lpips``."""
    return load_lpips(path, "vgg")


class PerceptualLoss(nn.Module):
    """How different pictures look to a frozen feature network, loaded once.

    By the network's own distance where it has one (LPIPS, MobileNetV2), else as in the paper: the sum
    over the maps of their mean absolute difference.

    Args:
        name: In ``FEATURE_NETWORKS``.
        path: Its weights.

    Raises:
        OptionError: The name is unknown.
        ModelMissing: There is no such file.
        ModelMismatch: It holds something else.
    """

    def __init__(self, name: str, path: Path) -> None:
        super().__init__()
        self.network: nn.Module = FEATURE_NETWORKS[name](path)

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """Two batches (N, 3, H, W) in [-1, 1] to a scalar >= 0; ``real`` gets no gradient."""
        with torch.no_grad():
            wanted = self.network(real)
        found = self.network(fake)
        distance = getattr(self.network, "distance", None)
        return perceptual(found, wanted) if distance is None else distance(found, wanted).mean()
