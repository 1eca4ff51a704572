"""Exponential moving average of a network: what is evaluated and what ships."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


class Ema(Generic[N]):
    """A frozen copy that follows a network.

    Args:
        network: The network that is trained.
        decay: Share of the old value that stays at each update.
    """

    def __init__(self, network: N, decay: float) -> None:
        self.decay = decay
        self.network: N = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network; early steps move faster, so that the start is forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for mine, other in zip(
            self.network.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if mine.dtype.is_floating_point:
                mine.lerp_(other.to(mine.dtype), 1 - decay)
            else:
                mine.copy_(other)
