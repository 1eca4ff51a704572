"""The paper's perceptual loss, on the maps of any frozen feature network, and the network it used.

A feature network turns a picture (N, 3, H, W) in [-1, 1] into a list of feature maps. Resizing and
normalising to what it was trained on is its own affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.errors import ModelMismatch

from ..checkpoint import load_checkpoint

VGG19_TAPS = (3, 8, 15, 22)
"""Indices after relu1_2, relu2_2, relu3_3 and relu4_2 in torchvision's ``features``."""

VGG19_SIDE = 224
# Widths of the convolutions up to relu4_2; 0 is a max pooling.
VGG19_LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512)


def perceptual(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Sum over the feature maps of the mean absolute difference; ``real`` gets no gradient.

    Args:
        fake: Maps of any shapes.
        real: Maps of the same shapes, best made without recording gradients.

    Returns:
        Scalar >= 0; 0 for equal maps.
    """
    terms = [F.l1_loss(a, b.detach()) for a, b in zip(fake, real, strict=True)]
    return torch.stack(terms).sum()


class Vgg19Features(nn.Module):
    """VGG-19 up to relu4_2, with torchvision's parameter names.

    Inputs are brought to [0, 1] and 224x224, and not normalised further: the paper's code
    prepares ImageNet's mean and deviation but does not use them.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in VGG19_LAYERS:
            if width:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [-1, 1] -> four maps of 64, 128, 256, 512 channels."""
        size = (VGG19_SIDE, VGG19_SIDE)
        x = F.interpolate((picture + 1) / 2, size, mode="bilinear", align_corners=False)
        maps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in VGG19_TAPS:
                maps.append(x)
        return maps


def load_vgg19(path: Path) -> Vgg19Features:
    """VGG-19, frozen and in evaluation mode, from a state dictionary as torchvision saves it.

    Args:
        path: A file of ``torch.save``; layers beyond relu4_2 are left out.

    Raises:
        ModelMissing: There is no such file.
        ModelMismatch: It is no state dictionary of VGG-19.
    """
    state = load_checkpoint(path)
    network = Vgg19Features()
    wanted = network.state_dict()
    if not isinstance(state, dict) or not wanted.keys() <= state.keys():
        raise ModelMismatch(
            f"'{path}' is not a state dictionary of VGG-19",
            hint="save torchvision's vgg19: torch.save(model.state_dict(), PATH)",
        )
    try:
        network.load_state_dict({name: state[name] for name in wanted})
    except RuntimeError as error:
        raise ModelMismatch(f"'{path}' has other shapes than VGG-19") from error
    return network.requires_grad_(False).eval()
