"""The blocks that the paper's generator and its discriminators share.

Attribute names are those of the published state dictionaries: renaming one breaks the loading of
the authors' checkpoints.
"""

from __future__ import annotations

from torch import Tensor, nn

LEAK = 0.2


class PointConv(nn.Module):
    """1x1 convolution, without norm and activation.

    Args:
        inputs: Channels in.
        outputs: Channels out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W)."""
        return self.conv(x)


class Contract(nn.Module):
    """3x3 convolution, norm, dropout, LeakyReLU and 2x2 max pooling; doubles the channels.

    Args:
        channels: Channels in.
        norm: Whether there is an instance norm (without parameters).
        dropout: Share of single values dropped in training; 0 for none.
    """

    def __init__(self, channels: int, *, norm: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.norm = nn.InstanceNorm2d(2 * channels) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.activation = nn.LeakyReLU(LEAK)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 2 C, H // 2, W // 2)."""
        return self.pool(self.activation(self.dropout(self.norm(self.conv(x)))))


def as_planes(values: Tensor, like: Tensor) -> Tensor:
    """Repeat a vector over a picture.

    Args:
        values: (N, C).
        like: (N, any, H, W): where H and W come from.

    Returns:
        (N, C, H, W), constant in each plane.
    """
    return values[:, :, None, None].expand(-1, -1, *like.shape[-2:])


def embed_label(table: nn.Embedding, label: Tensor) -> Tensor:
    """Look labels up in a table, or blend its rows.

    Args:
        table: One row a class.
        label: (N,) int64 class numbers, or (N, classes) float weights.

    Returns:
        (N, C): the rows; for weights their weighted sum, which a one-hot makes a row.
    """
    return label @ table.weight if label.is_floating_point() else table(label)
