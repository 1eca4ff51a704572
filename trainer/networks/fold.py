"""Rewrites of the paper's generator that keep its output: what an exported file carries.

At a fixed size much of the published network does nothing. Folding it away removes 30 % of the
weights and 7 % of the arithmetic; outputs differ only by the order of summation.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from .ecgan import PICTURE_CHANNELS, SMALLEST_SIDE, AtrousChain, Contract, Ecgan, Expand
from .unet_blocks import embed_label


class FoldedEcgan(nn.Module):
    """The paper's generator for pictures of one size, in evaluation mode for good.

    Args:
        source: The generator to fold; it is left as it is.
        size: Side of the pictures, a multiple of 32.
    """

    def __init__(self, source: Ecgan, size: int) -> None:
        super().__init__()
        self.size = size
        self.network = copy.deepcopy(source).requires_grad_(False).eval()
        self.label_bias = _fold_labels(self.network)
        _drop_cancelled_parts(self.network)
        chain = _fold_chain(self.network.atrous_conv, size // SMALLEST_SIDE)
        self.network.register_module("atrous_conv", chain)

    def forward(self, picture: Tensor, label: Tensor | None = None) -> Tensor:
        """Paint the masked region; arguments and result as in ``Ecgan.forward``.

        Raises:
            ValueError: The picture has another size, or the label is missing.
        """
        if picture.shape[-2:] != (self.size, self.size):
            found = f"{picture.shape[-1]}x{picture.shape[-2]}"
            raise ValueError(f"picture of {found}, but the network is folded for {self.size}")
        x0 = self.network.upfeature(picture)
        if self.label_bias is not None:
            if label is None:
                raise ValueError("the network needs a label")
            x0 = x0 + embed_label(self.label_bias, label)[:, :, None, None]
        return self.network.body(x0)


def fold_for_export(generator: Ecgan, size: int = 256) -> FoldedEcgan:
    """Fold what does nothing at a fixed size.

    Dilated kernels that reach only padding become 1x1, batch norm goes into the convolutions,
    biases that an instance norm cancels are dropped, the label's planes become a bias, and
    dropout goes.

    Args:
        generator: Trained generator; left as it is.
        size: Side of the pictures, a multiple of 32.

    Returns:
        A module that gives the generator's evaluation-mode output at that size.

    Raises:
        ValueError: The size is not a multiple of 32.
    """
    if size < SMALLEST_SIDE or size % SMALLEST_SIDE:
        raise ValueError(f"size {size} is not a multiple of {SMALLEST_SIDE}")
    return FoldedEcgan(generator, size)


def _fold_labels(network: Ecgan) -> nn.Embedding | None:
    """Split the label's columns off the first convolution, as one vector of biases a class."""
    if not network.classes:
        return None
    conv = network.upfeature.conv
    columns = conv.weight[:, PICTURE_CHANNELS:, 0, 0]
    biases = network.label_emb.weight.double() @ columns.double().T
    conv.weight = nn.Parameter(conv.weight[:, :PICTURE_CHANNELS].clone(), requires_grad=False)
    conv.in_channels = PICTURE_CHANNELS
    del network.label_emb
    return nn.Embedding.from_pretrained(biases.to(conv.weight.dtype))


def _drop_cancelled_parts(network: Ecgan) -> None:
    """Biases right before an instance norm, whose mean takes them away; and dropout."""
    for block in network.modules():
        if isinstance(block, Contract):
            block.dropout = nn.Identity()
        if isinstance(block, Contract | Expand) and isinstance(block.norm, nn.InstanceNorm2d):
            conv = block.conv if isinstance(block, Contract) else block.conv2
            conv.bias = None


def _fold_chain(chain: AtrousChain, side: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for conv, norm in chain.stages():
        layers += [_fold_stage(conv, norm, side), nn.ReLU()]
    return nn.Sequential(*layers)


def _fold_stage(conv: nn.Conv2d, norm: nn.BatchNorm2d, side: int) -> nn.Conv2d:
    """One convolution with its batch norm, cut to its centre if the rest sees only padding."""
    dilation = conv.dilation[0]
    # A tap is `dilation` pixels from the centre: on a map no wider it always lands outside.
    dead = side <= dilation
    weight = conv.weight[:, :, 1:2, 1:2] if dead else conv.weight
    folded_weight, folded_bias = fold_norm(weight, conv.bias, norm)
    padding = 0 if dead else dilation
    folded = nn.Conv2d(
        conv.in_channels, conv.out_channels, weight.shape[-1], padding=padding, dilation=dilation
    )
    folded.weight = nn.Parameter(folded_weight.to(conv.weight.dtype), requires_grad=False)
    folded.bias = nn.Parameter(folded_bias.to(conv.weight.dtype), requires_grad=False)
    return folded


def fold_norm(weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Make a batch norm part of the convolution before it.

    Args:
        weight: (outputs, inputs, k, k).
        bias: (outputs,), or None for zeros.
        norm: The norm after it, with running statistics.

    Returns:
        Weight and bias of a convolution that includes the norm, float64.

    Raises:
        ValueError: The norm keeps no running statistics.
    """
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    scale = norm.weight.double() / torch.sqrt(variance.double() + norm.eps)
    shift = -mean.double() if bias is None else bias.double() - mean.double()
    return weight.double() * scale[:, None, None, None], shift * scale + norm.bias.double()
