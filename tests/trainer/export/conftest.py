"""Small networks as training might leave them, and crops to export them on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ecgan.engine.types import U8
from ecgan.trainer.export import RANGES, SYMMETRIC, Exported, export_onnx
from ecgan.trainer.networks.ecgan import Ecgan, EcganBaseline
from ecgan.trainer.networks.fast import FastGenerator
from ecgan.trainer.networks.segmenter import Segmenter

NARROW = 8
"""Channels of the paper's generator at full size, of its 32."""

MAKERS = {
    "ecgan-fast": lambda: FastGenerator((8, 8, 16, 16), 8),
    "segmenter": lambda: Segmenter((4, 4, 8, 8, 8)),
    "ecgan": lambda: Ecgan(width=NARROW),
    "ecgan-baseline": lambda: EcganBaseline(width=NARROW),
}


def small_network(name: str) -> nn.Module:
    """A network whose weights and statistics are nowhere zero or one, in evaluation mode."""
    torch.manual_seed(0)
    network = MAKERS[name]()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 1.5)
            nn.init.normal_(part.weight, 1, 0.2)
            nn.init.normal_(part.bias, 0, 0.2)
    for tensor in network.parameters():
        if not tensor.any():  # a start that does nothing, so that a fault in it would not show
            nn.init.normal_(tensor, 0, 0.05)
    return network.eval()


@pytest.fixture(scope="session")
def noise_crops() -> U8:
    """(2, 256, 256, 3) uint8 of noise."""
    return np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def exports(
    tmp_path_factory: pytest.TempPathFactory, noise_crops: U8
) -> dict[str, tuple[nn.Module, Exported]]:
    """Name -> network and its two files, made once."""
    folder = tmp_path_factory.mktemp("exports")
    made = {}
    for name in MAKERS:
        network = small_network(name)
        exported = export_onnx(network, folder, name, noise_crops, scale=RANGES[SYMMETRIC])
        made[name] = network, exported
    assert not [path for path in folder.iterdir() if path.suffix != ".onnx"]
    return made
