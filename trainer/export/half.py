"""A network in half precision between two casts; what breaks there stays in float32."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ..networks.ecgan import SqueezeExcitation

SUMS = (nn.InstanceNorm2d, SqueezeExcitation)
"""Layers that sum over a picture: the square of 300 is already infinite in half precision."""

LARGEST = 1e4
"""Largest activation that is well clear of 65,504, where half precision ends."""


class HalfNetwork(nn.Module):
    """A copy of a network that computes in float16; float32 in and out.

    Args:
        network: In evaluation mode; left as it is.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).half()
        for parent in list(self.network.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, SUMS) and not isinstance(parent, InFloat):
                    parent.register_module(name, InFloat(child))

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Tensors of float32 to what the network gives, as float32."""
        found = self.network(*(part.half() for part in inputs))
        if isinstance(found, Tensor):
            return found.float()
        return tuple(part.float() for part in found)


class InFloat(nn.Module):
    """A layer of a half network that computes in float32.

    Args:
        layer: Turned to float32.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer.float()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) float16 to what the layer gives, as float16."""
        return self.layer(x.float()).half()


@torch.no_grad()
def largest_activation(contract: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """Largest magnitude that any layer of a network gives out: what half precision must hold.

    Args:
        contract: Computes in float32.
        inputs: What it is called with.
    """
    seen = [0.0]

    def look(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            seen.append(float(output.abs().max()))

    network = contract.get_submodule("network")
    hooks = [part.register_forward_hook(look) for part in network.modules()]
    try:
        contract(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return max(seen)
