"""Sixteen bits a sample in colour, which Pillow silently reads as eight: through OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from mmap import mmap
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from . import png

if TYPE_CHECKING:
    from PIL.Image import Image

_PNG_COLOUR = {2: "RGB", 4: "LA", 6: "RGBA"}


def deep_mode(image: Image, data: mmap) -> str | None:
    """The mode of a picture with 16-bit samples that Pillow would cut to 8; None for others."""
    if image.format == "PNG":
        bits, colour_type = png.header(data)
        return _PNG_COLOUR.get(colour_type) if bits == 16 else None
    if image.format == "TIFF":
        tags = getattr(image, "tag_v2", {})
        bits = tags.get(258, ())
        is_plain = tags.get(262) == 2 and set(tags.get(339, (1,))) == {1}
        if is_plain and set(bits) == {16}:
            return {3: "RGB", 4: "RGBA"}.get(len(bits))
    return None


def decode_deep(data: mmap, mode: str) -> npt.NDArray[np.uint16]:
    """Decode a PNG or TIFF file that ``deep_mode`` recognised.

    Args:
        data: The whole file, found complete by Pillow before: OpenCV does not report what is cut.
        mode: "RGB", "RGBA" or "LA".

    Returns:
        (H, W, C) uint16; a TIFF file's orientation is obeyed, a PNG file's is not.

    Raises:
        ValueError: OpenCV cannot decode it.
    """
    import cv2

    with quiet_opencv():
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16 or samples.ndim != 3:
        raise ValueError("cannot be decoded with 16 bits a sample")
    if mode == "LA":  # read as grey in three channels, and alpha
        return np.ascontiguousarray(samples[..., 2:])
    order = cv2.COLOR_BGRA2RGBA if samples.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(samples, order), np.uint16)


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's log lines about odd files off stderr."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
