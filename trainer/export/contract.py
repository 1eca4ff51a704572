"""The contract of a model file as a torch module: bytes in, bytes out, the network between.

What is done here is the file's head and tail and stays in float32 whatever the network computes in.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.errors import OptionError
from ecgan.engine.types import CROP_SIZE

from ..networks.ecgan import Ecgan
from ..networks.expression_judge import BOTTOM, LEFT, REDUCE, RIGHT, TOP
from ..networks.fold import FoldedEcgan
from ..networks.segmenter import Segmenter
from .half import HalfNetwork


@dataclass(frozen=True)
class TrainingInput:
    """What a network was shown: pictures and maps in [0, 1] became ``(v - mean) / deviation``.

    Attributes:
        mean: Of red, green, blue.
        deviation: Of red, green, blue.
        side: Of the pictures, a divisor of 256; only the paper's generator paints at that side.
    """

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    side: int = CROP_SIZE


SYMMETRIC = "-1..1"
RANGES = {
    SYMMETRIC: TrainingInput((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": TrainingInput((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Ranges a checkpoint of the paper's code may have been trained in; all others are symmetric."""


def input_range(name: str) -> TrainingInput:
    """A range by name.

    Raises:
        OptionError: The name is unknown.
    """
    if name not in RANGES:
        raise OptionError(f"unknown input range '{name}'; choose from {', '.join(RANGES)}")
    return RANGES[name]


class FastContract(nn.Module):
    """A generator of ``picture, hole, weights -> picture, ...`` behind the generator's contract.

    crop uint8 (N, 256, 256, 3), mask uint8 (N, 256, 256), expression (N, 7) -> crop uint8.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crop: Tensor, mask: Tensor, expression: Tensor) -> Tensor:
        """Crop, mask and weights to the painted crop."""
        return _to_bytes(self.levels(crop, mask, expression))

    def levels(self, crop: Tensor, mask: Tensor, expression: Tensor) -> Tensor:
        """(N, 256, 256, 3) float32: the result before it is rounded."""
        picture = _levels(crop)
        hole = _share(mask)
        painted = self.network(picture / 127.5 - 1, hole, expression)[0]
        return _paste(picture, (painted + 1) * 127.5, hole)


class PaperContract(nn.Module):
    """The paper's generator behind the same contract; it sees the worn mask and its outline.

    Args:
        network: Called with (N, 6, S, S) and the weights, S the side it was trained at.
        scale: What it was shown in training.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, scale: TrainingInput) -> None:
        super().__init__()
        self.network, self.reduce = network, CROP_SIZE // scale.side
        for name, values in (("mean", scale.mean), ("deviation", scale.deviation)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, crop: Tensor, mask: Tensor, expression: Tensor) -> Tensor:
        """Crop, mask and weights to the painted crop."""
        return _to_bytes(self.levels(crop, mask, expression))

    def levels(self, crop: Tensor, mask: Tensor, expression: Tensor) -> Tensor:
        """(N, 256, 256, 3) float32: the result before it is rounded."""
        picture = _levels(crop)
        hole = _share(mask)
        seen = torch.cat([picture / 255, hole.expand(-1, 3, -1, -1)], 1)
        mean, deviation = self.mean.repeat(1, 2, 1, 1), self.deviation.repeat(1, 2, 1, 1)
        if self.reduce > 1:
            seen = F.avg_pool2d(seen, self.reduce)
        painted = self.network((seen - mean) / deviation, expression)
        if self.reduce > 1:
            painted = F.interpolate(painted, scale_factor=float(self.reduce), mode="bilinear")
        return _paste(picture, (painted * self.deviation + self.mean) * 255, hole)


class SegmenterContract(nn.Module):
    """crop uint8 (N, 256, 256, 3) -> mask uint8 (N, 256, 256)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crop: Tensor) -> Tensor:
        """Crop to mask."""
        return _to_bytes(self.levels(crop))

    def levels(self, crop: Tensor) -> Tensor:
        """(N, 256, 256) float32: the mask before it is rounded."""
        return torch.sigmoid(self.network(_levels(crop) / 127.5 - 1))[:, 0] * 255


class ClassifierContract(nn.Module):
    """crop uint8 (N, 256, 256, 3) -> probability (N, 7) and features (N, D), both float32.

    A face and its mirror image count alike: what is read off a face does not depend on its side.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Crop to the expression that is read."""
        window = _levels(crop)[:, :, TOP:BOTTOM, LEFT:RIGHT] / 127.5 - 1
        window = F.avg_pool2d(window, REDUCE)
        logits, features = self.network(torch.cat([window, window.flip(3)]))
        return torch.softmax(_both_sides(logits), 1), _both_sides(features)


def _both_sides(values: Tensor) -> Tensor:
    """(2 N, D), faces and then their mirror images -> (N, D), their mean."""
    return values.unflatten(0, (2, -1)).mean(0)


Contract = FastContract | PaperContract | SegmenterContract


def with_contract(network: nn.Module, scale: TrainingInput) -> Contract:
    """Put a network behind the contract of its kind.

    Args:
        network: Any that can be exported, as trained, folded or halved.
        scale: What it was shown in training; only the paper's may differ from [-1, 1] at 256 px.
    """
    inner = network.network if isinstance(network, HalfNetwork) else network
    if isinstance(inner, Segmenter):
        return SegmenterContract(network)
    if isinstance(inner, Ecgan | FoldedEcgan):
        return PaperContract(network, scale)
    return FastContract(network)


def _levels(crop: Tensor) -> Tensor:
    """(N, 256, 256, 3) uint8 -> (N, 3, 256, 256) float32 in [0, 255]; the cast must come first."""
    return crop.to(torch.float32).permute(0, 3, 1, 2)


def _share(mask: Tensor) -> Tensor:
    """(N, 256, 256) uint8 -> (N, 1, 256, 256) float32 in [0, 1]."""
    return mask.to(torch.float32)[:, None] / 255


def _paste(picture: Tensor, painted: Tensor, hole: Tensor) -> Tensor:
    """Mix by the mask, in levels: where it is 0 the input comes back bit for bit."""
    mixed = picture * (1 - hole) + painted.clamp(0, 255) * hole
    return mixed.permute(0, 2, 3, 1)


def _to_bytes(levels: Tensor) -> Tensor:
    """Round; the cast comes last, since TensorRT moves no axes of bytes."""
    return (levels + 0.5).floor().to(torch.uint8)
