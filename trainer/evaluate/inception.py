"""Inception v3 as Frechet distances are published on it: the 2015 graph, with its own poolings.

The weights are the user's: the state dictionary that pytorch-fid and torch-fidelity share
(``pt_inception-2015-12-05-6726825d.pth``). torchvision's own weights are another network.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.errors import ModelMismatch

from ..checkpoint import load_checkpoint

SIDE = 299
FEATURES = 2048


class _Conv(nn.Module):
    def __init__(
        self,
        channels_in: int,
        channels: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def _mean3(x: Tensor) -> Tensor:
    """3x3 mean that does not count the padding, as the 2015 graph does it."""
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class _BlockA(nn.Module):
    def __init__(self, channels: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(channels, 64, 1)
        self.branch5x5_1 = _Conv(channels, 48, 1)
        self.branch5x5_2 = _Conv(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = _Conv(channels, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, padding=1)
        self.branch_pool = _Conv(channels, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, three, self.branch_pool(_mean3(x))], 1)


class _BlockB(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch3x3 = _Conv(channels, 384, 3, 2)
        self.branch3x3dbl_1 = _Conv(channels, 64, 1)
        self.branch3x3dbl_2 = _Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), three, F.max_pool2d(x, 3, 2)], 1)


class _BlockC(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        wide, tall = {"kernel": (1, 7), "padding": (0, 3)}, {"kernel": (7, 1), "padding": (3, 0)}
        self.branch1x1 = _Conv(768, 192, 1)
        self.branch7x7_1 = _Conv(768, width, 1)
        self.branch7x7_2 = _Conv(width, width, **wide)  # type: ignore[arg-type]
        self.branch7x7_3 = _Conv(width, 192, **tall)  # type: ignore[arg-type]
        self.branch7x7dbl_1 = _Conv(768, width, 1)
        self.branch7x7dbl_2 = _Conv(width, width, **tall)  # type: ignore[arg-type]
        self.branch7x7dbl_3 = _Conv(width, width, **wide)  # type: ignore[arg-type]
        self.branch7x7dbl_4 = _Conv(width, width, **tall)  # type: ignore[arg-type]
        self.branch7x7dbl_5 = _Conv(width, 192, **wide)  # type: ignore[arg-type]
        self.branch_pool = _Conv(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(_mean3(x))], 1)


class _BlockD(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = _Conv(768, 192, 1)
        self.branch3x3_2 = _Conv(192, 320, 3, 2)
        self.branch7x7x3_1 = _Conv(768, 192, 1)
        self.branch7x7x3_2 = _Conv(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = _Conv(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = _Conv(192, 192, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat([three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, 2)], 1)


class _BlockE(nn.Module):
    def __init__(self, channels: int, *, pool_most: bool) -> None:
        super().__init__()
        self.pool_most = pool_most
        self.branch1x1 = _Conv(channels, 320, 1)
        self.branch3x3_1 = _Conv(channels, 384, 1)
        self.branch3x3_2a = _Conv(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = _Conv(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = _Conv(channels, 448, 1)
        self.branch3x3dbl_2 = _Conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = _Conv(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = _Conv(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = _Conv(channels, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        # the graph's last block takes the largest of nine where the one before takes the mean
        pooled = F.max_pool2d(x, 3, 1, 1) if self.pool_most else _mean3(x)
        parts = [
            self.branch1x1(x),
            self.branch3x3_2a(three),
            self.branch3x3_2b(three),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(pooled),
        ]
        return torch.cat(parts, 1)


class Inception(nn.Module):
    """(N, 3, H, W) in [-1, 1] -> (N, 2048) pooled features."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = _Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = _Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = _Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = _Conv(80, 192, 3)
        self.Mixed_5b = _BlockA(192, 32)
        self.Mixed_5c = _BlockA(256, 64)
        self.Mixed_5d = _BlockA(288, 64)
        self.Mixed_6a = _BlockB(288)
        self.Mixed_6b = _BlockC(128)
        self.Mixed_6c = _BlockC(160)
        self.Mixed_6d = _BlockC(160)
        self.Mixed_6e = _BlockC(192)
        self.Mixed_7a = _BlockD()
        self.Mixed_7b = _BlockE(1280, pool_most=False)
        self.Mixed_7c = _BlockE(2048, pool_most=True)

    def forward(self, picture: Tensor) -> Tensor:
        levels = (picture + 1) * 127.5
        rows, columns = (_resampling(side) for side in picture.shape[-2:])
        x = (rows @ levels @ columns.T - 128) / 128
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        x = self.Mixed_7a(self.Mixed_6e(self.Mixed_6d(x)))
        return self.Mixed_7c(self.Mixed_7b(x)).mean((2, 3))


def _resampling(side: int) -> Tensor:
    """(299, side) weights of the 2015 graph's linear interpolation, which counts from pixel corners."""
    places = torch.arange(SIDE, dtype=torch.float64) * (side / SIDE)
    low = places.floor().long()
    share = places - low
    weights = torch.zeros(SIDE, side, dtype=torch.float64)
    lines = torch.arange(SIDE)
    weights[lines, low] += 1 - share
    weights[lines, (low + 1).clamp(max=side - 1)] += share
    return weights.float()


def load_inception(path: Path) -> Inception:
    """The network, frozen and in evaluation mode.

    Args:
        path: A plain state dictionary, as the module's first lines name it.

    Raises:
        ModelMissing: There is no such file.
        ModelMismatch: It holds something else, torchvision's own Inception included.
    """
    state = load_checkpoint(path)
    network = Inception()
    wanted = network.state_dict()
    fits = isinstance(state, dict) and {k for k in wanted if "num_batches" not in k} <= state.keys()
    if not fits or any(name.startswith("AuxLogits.") for name in state):
        raise ModelMismatch(
            f"'{path}' is not the Inception of published Frechet distances",
            hint="the state dictionary pt_inception-2015-12-05-6726825d.pth of pytorch-fid",
        )
    try:
        network.load_state_dict({name: state.get(name, wanted[name]) for name in wanted})
    except RuntimeError as error:
        raise ModelMismatch(f"'{path}' has other shapes than Inception v3") from error
    return network.requires_grad_(False).eval()
