"""Networks with less to compute and the same output: what goes into a file."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..networks.ecgan import Ecgan
from ..networks.fold import fold_for_export, fold_norm

Convolution = nn.Conv2d | nn.ConvTranspose2d


def fold(network: nn.Module, run: Callable[[nn.Module], object], side: int) -> nn.Module:
    """A copy without what does nothing once training is over.

    Args:
        network: In evaluation mode; left as it is.
        run: Calls the network it is given on some input.
        side: Of the pictures that the paper's generator paints.
    """
    if isinstance(network, Ecgan):
        return fold_for_export(network, side)
    return fold_batch_norm(network, run)


def fold_batch_norm(network: nn.Module, run: Callable[[nn.Module], object]) -> nn.Module:
    """A copy whose batch norms are part of the convolutions they follow.

    Which follows which is seen by running it, so it does not matter how a network is written.

    Args:
        network: In evaluation mode; left as it is.
        run: Calls the network it is given on some input.
    """
    folded = copy.deepcopy(network).requires_grad_(False).eval()
    for conv, norm in _pairs(folded, run):
        _fold_pair(conv, norm)
        _replace(folded, norm, nn.Identity())
    return folded


@torch.no_grad()
def _pairs(
    network: nn.Module, run: Callable[[nn.Module], object]
) -> list[tuple[Convolution, nn.BatchNorm2d]]:
    """Convolutions whose output a norm takes in, each of both used once."""
    makers: list[tuple[Tensor, Convolution]] = []
    takers: list[tuple[Tensor, nn.BatchNorm2d]] = []

    def look(module: nn.Module, inputs: Sequence[Tensor], output: Tensor) -> None:
        if isinstance(module, nn.BatchNorm2d):
            takers.append((inputs[0], module))
        elif isinstance(module, Convolution):
            makers.append((output, module))

    hooks = [part.register_forward_hook(look) for part in network.modules()]
    run(network)
    for hook in hooks:
        hook.remove()
    used = [module for _, module in (*makers, *takers)]
    return [
        (conv, norm)
        for made, conv in makers
        for taken, norm in takers
        if made is taken and used.count(conv) == used.count(norm) == 1 and _can_fold(conv)
    ]


def _can_fold(conv: Convolution) -> bool:
    return not conv.transposed or conv.groups == 1


def _fold_pair(conv: Convolution, norm: nn.BatchNorm2d) -> None:
    weight = conv.weight.transpose(0, 1) if conv.transposed else conv.weight
    folded, bias = fold_norm(weight, conv.bias, norm)
    if conv.transposed:
        folded = folded.transpose(0, 1)
    dtype = conv.weight.dtype
    conv.weight = nn.Parameter(folded.to(dtype).contiguous(), requires_grad=False)
    conv.bias = nn.Parameter(bias.to(dtype), requires_grad=False)


def _replace(network: nn.Module, old: nn.Module, new: nn.Module) -> None:
    for parent in network.modules():
        for name, child in parent.named_children():
            if child is old:
                parent.register_module(name, new)
                return
