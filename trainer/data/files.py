"""Pictures as files: which they are, and their bytes turned into upright RGB and back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ecgan.engine.jobs.inputs import IMAGE_SUFFIXES
from ecgan.engine.media.images import read_image
from ecgan.engine.media.output import write_atomic
from ecgan.engine.types import U8

from .shards import BrokenPicture, Span

MAX_PIXELS = 200_000_000
"""Pictures with more pixels are refused as broken."""


def picture_files(folder: Path) -> Iterator[Path]:
    """Files below a folder that are pictures by their extension, sorted; hidden ones are passed over."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in IMAGE_SUFFIXES and not hidden and path.is_file():
            yield path


def is_picture(name: str) -> bool:
    """Whether a name has the extension of a picture."""
    return Path(name).suffix.lower() in IMAGE_SUFFIXES


def loader(path: Path) -> Callable[[], U8]:
    """What decodes a picture file when it is called: (H, W, 3) uint8 RGB, upright."""
    return partial(_read, path)


def _read(path: Path) -> U8:
    return read_image(path, MAX_PIXELS).rgb


def decode(span: Span, name: str) -> U8:
    """Decode the bytes of a member of a tar file, or of a loose file.

    Returns:
        (H, W, 3) uint8 RGB, upright.

    Raises:
        BrokenPicture: They are not a picture.
    """
    try:
        with Image.open(io.BytesIO(span.read())) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BrokenPicture(f"'{name}' in '{span.path}' is not a readable picture") from error


def as_png(picture: U8) -> bytes:
    """(H, W, 3) uint8 RGB as the bytes of a PNG."""
    return cv2.imencode(".png", _bgr(picture))[1].tobytes()


def as_jpeg(picture: U8, quality: int) -> bytes:
    """(H, W, 3) uint8 RGB as the bytes of a JPEG."""
    return cv2.imencode(".jpg", _bgr(picture), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def write_png(path: Path, picture: U8) -> None:
    """Write (H, W, 3) uint8 RGB; the file appears whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    write_atomic(path, as_png(picture))


def _bgr(picture: U8) -> U8:
    return np.ascontiguousarray(picture[..., ::-1])
