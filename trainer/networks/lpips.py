"""LPIPS (Zhang et al. 2018): a distance of pictures on the features of AlexNet or VGG-16.

The weights are the user's: a state dictionary of the ``lpips`` package's network, version 0.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.errors import ModelMismatch

from ..checkpoint import load_checkpoint
from .perceptual import Shown, distance_on

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""ImageNet's mean and deviation for pictures in [-1, 1]."""

_EPS = 1e-10
"""Inside the root, so that the gradient stays finite where every channel is zero."""


@dataclass(frozen=True)
class _Conv:
    """A convolution of a body, with the ReLU after it.

    Attributes:
        index: Its number in torchvision's ``features``, which the state dictionary names.
        width: Channels out.
        kernel: Side.
        stride: Step.
        padding: Zeros around.
        pool: Side of the max pooling of stride 2 before it; 0 for none.
        tap: Whether its output is compared.
    """

    index: int
    width: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    pool: int = 0
    tap: bool = False


BODIES = {
    "alex": (
        _Conv(0, 64, kernel=11, stride=4, padding=2, tap=True),
        _Conv(3, 192, kernel=5, padding=2, pool=3, tap=True),
        _Conv(6, 384, pool=3, tap=True),
        _Conv(8, 256, tap=True),
        _Conv(10, 256, tap=True),
    ),
    "vgg": (
        _Conv(0, 64),
        _Conv(2, 64, tap=True),
        _Conv(5, 128, pool=2),
        _Conv(7, 128, tap=True),
        _Conv(10, 256, pool=2),
        _Conv(12, 256),
        _Conv(14, 256, tap=True),
        _Conv(17, 512, pool=2),
        _Conv(19, 512),
        _Conv(21, 512, tap=True),
        _Conv(24, 512, pool=2),
        _Conv(26, 512),
        _Conv(28, 512, tap=True),
    ),
}


class Lpips(nn.Module):
    """Feature maps of unit length and their weighted distance.

    Args:
        body: "alex" or "vgg".
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, body: str) -> None:
        super().__init__()
        self.plan = BODIES[body]
        channels, layers, weights = 3, [], []
        for part in self.plan:
            layers.append(nn.Conv2d(channels, part.width, part.kernel, part.stride, part.padding))
            channels = part.width
            if part.tap:
                weights.append(nn.Parameter(torch.ones(1, channels, 1, 1)))
        self.layers = nn.ModuleList(layers)
        self.weights = nn.ParameterList(weights)
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [-1, 1], 64 px or more -> five maps whose channels have unit length."""
        x, maps = (picture - self.shift) / self.scale, []
        for part, layer in zip(self.plan, self.layers, strict=True):
            if part.pool:
                x = F.max_pool2d(x, part.pool, 2)
            x = F.relu(layer(x))
            if part.tap:
                maps.append(x * torch.rsqrt(x.square().sum(1, keepdim=True) + _EPS))
        return maps

    def distance(self, a: Shown, b: Shown, *, weight: Tensor | None = None) -> Tensor:
        """LPIPS of each pair, as ``distance_on``: (N,) float32 >= 0.

        Without ``weight`` it is LPIPS as it was published.
        """
        return distance_on(self, a, b, self._gap, weight)

    def _gap(self, tap: int, one: Tensor, two: Tensor) -> Tensor:
        return ((one.float() - two.float()).square() * self.weights[tap]).sum(1)


def load_lpips(path: Path, body: str) -> Lpips:
    """LPIPS, frozen and in evaluation mode.

    Args:
        path: ``torch.save(lpips.LPIPS(net=BODY).state_dict(), PATH)``.
        body: "alex" or "vgg", as the file was made.

    Raises:
        ModelMissing: There is no such file.
        ModelMismatch: It is not such a state dictionary.
    """
    state = load_checkpoint(path)
    network = Lpips(body)
    try:
        network.load_state_dict(_renamed(state, body))
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ModelMismatch(
            f"'{path}' is not a state dictionary of LPIPS on {body}",
            hint=f"save it: torch.save(lpips.LPIPS(net='{body}').state_dict(), PATH)",
        ) from error
    return network.requires_grad_(False).eval()


def _renamed(state: dict[str, Tensor], body: str) -> dict[str, Tensor]:
    """Our names: the package cuts the body into five slices, each ending at a tap."""
    found, taps = {}, 0
    for number, part in enumerate(BODIES[body]):
        for kind in ("weight", "bias"):
            found[f"layers.{number}.{kind}"] = state[f"net.slice{taps + 1}.{part.index}.{kind}"]
        if part.tap:
            found[f"weights.{taps}"] = state[f"lin{taps}.model.1.weight"]
            taps += 1
    return found
