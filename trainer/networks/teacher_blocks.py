"""What the frozen teacher networks share: cutting their input out of a crop, and odd padding."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.types import CROP_SIZE

FACE_MEAN = (122.782, 117.001, 104.298)
"""Mean colour, RGB of 255, that both face networks were trained to have subtracted."""


@functools.lru_cache(maxsize=64)
def _resampling_matrix(length: int, start: float, stop: float, size: int) -> Tensor:
    """Weights (size, length) that resample ``start..stop`` of a line of pixels to ``size`` pixels.

    Linear interpolation; when it shrinks, the triangle widens with the step, which prevents
    aliasing. Positions are edges: pixel k covers k..k+1. Beyond the line the edge pixels count.
    """
    step = (stop - start) / size
    reach = max(step, 1.0)
    centres = start + step * (torch.arange(size, dtype=torch.float64) + 0.5)
    pixels = torch.arange(length, dtype=torch.float64) + 0.5
    centres = centres.clamp(pixels[0].item(), pixels[-1].item())
    weights = (1 - (pixels - centres[:, None]).abs() / reach).clamp(min=0)
    return (weights / weights.sum(1, keepdim=True)).float()


class AlignedCrop(nn.Module):
    """Cut a fixed box out of an aligned face and resize it.

    Args:
        box: Left, top, right, bottom in pixels of the 256 px crop; scaled to other sizes.
        size: Side of the result.
    """

    def __init__(self, box: Sequence[float], size: int) -> None:
        super().__init__()
        self.box = tuple(float(edge) for edge in box)
        self.size = size

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, S, S) in any range -> (N, C, size, size) in the same range, float32.

        Raises:
            ValueError: The picture is not square.
        """
        height, width = image.shape[-2:]
        if height != width:
            raise ValueError(f"expected a square aligned crop, got {height}x{width}")
        left, top, right, bottom = (edge * height / CROP_SIZE for edge in self.box)
        # Only the rows and columns in reach take part in the products below.
        margin = math.ceil(max((right - left) / self.size, 1.0))
        x0, x1 = max(math.floor(left) - margin, 0), min(math.ceil(right) + margin, width)
        y0, y1 = max(math.floor(top) - margin, 0), min(math.ceil(bottom) + margin, height)
        rows = _resampling_matrix(y1 - y0, top - y0, bottom - y0, self.size).to(image.device)
        columns = _resampling_matrix(x1 - x0, left - x0, right - x0, self.size).to(image.device)
        with torch.autocast(image.device.type, enabled=False):
            return rows @ image[..., y0:y1, x0:x1].float() @ columns.T


class FaceInput(nn.Module):
    """Aligned crop (N, 3, S, S) in [-1, 1] -> square chip, mean colour removed, scaled.

    Args:
        box: As in ``AlignedCrop``.
        size: Side of the chip.
        scale: What the levels of 255 are divided by.
    """

    def __init__(self, box: Sequence[float], size: int, scale: float) -> None:
        super().__init__()
        self.crop = AlignedCrop(box, size)
        mean = torch.tensor(FACE_MEAN).view(1, 3, 1, 1)
        # (127.5 x + 127.5 - mean) / scale as one multiply-add
        self.gain = 127.5 / scale
        self.register_buffer("offset", (127.5 - mean) / scale, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1] -> (N, 3, size, size), float32, channels last."""
        chip = self.crop(image) * self.gain + self.offset
        return chip.contiguous(memory_format=torch.channels_last)


def pad_and_run(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Run a 3x3 convolution; with stride 2 the padding goes to the bottom and right only."""
    return conv(F.pad(x, (0, 1, 0, 1)) if conv.stride[0] == 2 else x)
