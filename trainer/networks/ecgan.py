"""The paper's generator, and its baseline without an expression.

Sola and Gera, "Unmasking Your Expression: Expression-Conditioned GAN for Masked Face Inpainting",
CVPR Workshops 2023. One U-Net with squeeze-and-excitation on the first three skips and a chain of
dilated convolutions at the bottom. Names, shapes and order of the state dictionary are those of
the published code, so that its checkpoints load.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .unet_blocks import LEAK, Contract, PointConv, as_planes, embed_label

CLASSES = 7
DILATIONS = (2, 4, 8, 16)
SMALLEST_SIDE = 32
"""Five halvings must leave one pixel."""

PICTURE_CHANNELS = 6
WIDTH = 32


class SqueezeExcitation(nn.Module):
    """Scale each channel by a gate made from the means of all channels.

    Args:
        channels: Channels, a multiple of 16.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 16
        self.excitation = nn.Sequential(
            nn.Linear(channels, hidden, bias=False),
            nn.ReLU(),
            nn.Linear(hidden, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        gate: Tensor = self.excitation(x.mean((2, 3)))
        return x * gate[:, :, None, None]


class AtrousChain(nn.Module):
    """Four dilated 3x3 convolutions one after the other, each with batch norm and ReLU.

    Args:
        channels: Channels in and out.
        shared_norm: One batch norm for all four, as published. Its running statistics then mix
            four distributions, so that evaluation differs from training; False gives each
            convolution its own, and other names in the state dictionary.
    """

    def __init__(self, channels: int, *, shared_norm: bool = True) -> None:
        super().__init__()
        for dilation in DILATIONS:
            conv = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
            self.add_module(f"aconv{dilation}", conv)
        if shared_norm:
            self.batchnorm = nn.BatchNorm2d(channels)
        else:
            for dilation in DILATIONS:
                self.add_module(f"batchnorm{dilation}", nn.BatchNorm2d(channels))
        self.shared_norm = shared_norm

    def stages(self) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """The convolutions with their norms, in order of use."""
        norm = "batchnorm" if self.shared_norm else "batchnorm{}"
        return [
            (getattr(self, f"aconv{dilation}"), getattr(self, norm.format(dilation)))
            for dilation in DILATIONS
        ]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        for conv, norm in self.stages():
            x = torch.relu(norm(conv(x)))
        return x


class Expand(nn.Module):
    """Double the size, join the skip, convolve; halves the channels.

    Args:
        channels: Channels in; the skip has half as many.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.tconv = nn.ConvTranspose2d(channels, half, 3, stride=2, padding=1, output_padding=1)
        self.conv2 = nn.Conv2d(channels, half, 3, padding=1)
        self.norm = nn.InstanceNorm2d(half)
        self.activation = nn.LeakyReLU(LEAK)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, C, H, W) and (N, C / 2, >= 2 H, >= 2 W) -> (N, C / 2, 2 H, 2 W)."""
        x = self.tconv(x)
        x = torch.cat([x, centre_crop(skip, x.shape[-2], x.shape[-1])], 1)
        return self.activation(self.norm(self.conv2(x)))


def centre_crop(x: Tensor, height: int, width: int) -> Tensor:
    """The middle of a picture, as the published code cuts it.

    Args:
        x: (N, C, H, W).
        height: Even, at most H.
        width: Even, at most W.

    Returns:
        (N, C, height, width), a view.
    """
    if x.shape[-2:] == (height, width):
        return x
    top = x.shape[-2] // 2 - height // 2
    left = x.shape[-1] // 2 - width // 2
    return x[..., top : top + height, left : left + width]


class Ecgan(nn.Module):
    """The paper's generator: 56,626,132 parameters with seven classes.

    Args:
        classes: Number of expressions; 0 for a network that knows none.
        dropout: Share of values dropped in the first three blocks in training.
        shared_norm: See ``AtrousChain``; the authors' checkpoints need True.
        width: Channels at full size, a multiple of 8; the published network has 32.
    """

    def __init__(
        self,
        *,
        classes: int = CLASSES,
        dropout: float = 0.5,
        shared_norm: bool = True,
        width: int = WIDTH,
    ) -> None:
        super().__init__()
        self.classes = classes
        if classes:
            self.label_emb = nn.Embedding(classes, classes)
        self.upfeature = PointConv(PICTURE_CHANNELS + classes, width)
        self.contract1 = Contract(width, norm=False, dropout=dropout)
        self.contract2 = Contract(2 * width, dropout=dropout)
        self.contract3 = Contract(4 * width, dropout=dropout)
        self.contract4 = Contract(8 * width)
        self.contract5 = Contract(16 * width)
        self.atrous_conv = AtrousChain(32 * width, shared_norm=shared_norm)
        self.expand0 = Expand(32 * width)
        self.expand1 = Expand(16 * width)
        self.expand2 = Expand(8 * width)
        self.expand3 = Expand(4 * width)
        self.expand4 = Expand(2 * width)
        self.downfeature = PointConv(width, 3)
        # Last, though used earlier: the order of the parameters numbers the optimiser's state.
        self.se1 = SqueezeExcitation(2 * width)
        self.se2 = SqueezeExcitation(4 * width)
        self.se3 = SqueezeExcitation(8 * width)

    def forward(self, picture: Tensor, label: Tensor | None = None) -> Tensor:
        """Paint the masked region.

        Args:
            picture: (N, 6, H, W) in [-1, 1]: the masked face in RGB, then the binary map three
                times (1 inside the mask, -1 outside).
            label: (N,) int64 class numbers, or (N, classes) float weights; a network without
                classes ignores it.

        Returns:
            (N, 3, H', W') RGB in (-1, 1); H' and W' are H and W rounded down to a multiple of 32.

        Raises:
            ValueError: A side is below 32, or the label is missing.
        """
        if min(picture.shape[-2:]) < SMALLEST_SIDE:
            size = f"{picture.shape[-1]}x{picture.shape[-2]}"
            raise ValueError(f"picture of {size} is too small, {SMALLEST_SIDE} is the least side")
        return self.body(self.stem(picture, label))

    def stem(self, picture: Tensor, label: Tensor | None) -> Tensor:
        """Picture and label, as in ``forward``, to the first (N, 32, H, W) features."""
        if not self.classes:
            return self.upfeature(picture)
        if label is None:
            raise ValueError(f"the network has {self.classes} classes and needs a label")
        planes = as_planes(embed_label(self.label_emb, label), picture)
        return self.upfeature(torch.cat([picture, planes], 1))

    def body(self, x0: Tensor) -> Tensor:
        """The first features (N, 32, H, W) to the finished picture (N, 3, H', W')."""
        x1 = self.se1(self.contract1(x0))
        x2 = self.se2(self.contract2(x1))
        x3 = self.se3(self.contract3(x2))
        x4 = self.contract4(x3)
        x = self.atrous_conv(self.contract5(x4))
        x = self.expand0(x, x4)
        x = self.expand1(x, x3)
        x = self.expand2(x, x2)
        x = self.expand3(x, x1)
        x = self.expand4(x, x0)
        return torch.tanh(self.downfeature(x))


class EcganBaseline(Ecgan):
    """The same network without an expression: 56,625,859 parameters.

    Args:
        dropout: As in ``Ecgan``.
        shared_norm: As in ``Ecgan``.
        width: As in ``Ecgan``.
    """

    def __init__(
        self, *, dropout: float = 0.5, shared_norm: bool = True, width: int = WIDTH
    ) -> None:
        super().__init__(classes=0, dropout=dropout, shared_norm=shared_norm, width=width)
