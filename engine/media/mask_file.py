"""A mask that the user drew: a grey picture of the frame's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from ..types import F32
from .images import read_image


def read_mask(path: Path, size: tuple[int, int], source: Path, max_pixels: int) -> F32:
    """Read the picture given by ``--mask``.

    Args:
        path: 8-bit grey, or colour with equal channels; 255 = repaint.
        size: Width and height it must have: those of the upright picture.
        source: The picture or video it is for, for the message.
        max_pixels: Refuse larger pictures.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        MediaError: It cannot be read.
        InputError: It has another size, or colours.
    """
    picture = read_image(path, max_pixels)
    levels = picture.rgb
    height, width = levels.shape[:2]
    if (width, height) != size:
        raise InputError(
            f"mask '{path}' is {width} x {height} pixels, but '{source}' is "
            f"{size[0]} x {size[1]} (upright); expected the same size"
        )
    is_grey = picture.mode in ("L", "LA") or bool(
        (levels[..., 0] == levels[..., 1]).all() and (levels[..., 1] == levels[..., 2]).all()
    )
    if not is_grey:
        raise InputError(f"mask '{path}' has colours; expected 8-bit grey, 255 = repaint")
    return levels[..., 0].astype(np.float32) / np.float32(255)
