"""TIFF with everything kept: Pillow or OpenCV store the samples, the tags are added here."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from . import exif
from .deep import quiet_opencv
from .metadata import Metadata
from .still import Samples, pil_image

_COMPRESSION_NUMBERS = {
    "raw": 1,
    "tiff_lzw": 5,
    "tiff_adobe_deflate": 8,
    "tiff_deflate": 32946,
    "packbits": 32773,
}
_DEFAULT = "tiff_adobe_deflate"
_XMP, _ICC, _EXTRA_SAMPLES = 700, 34675, 338
_RESOLUTION = (282, 283, 296)
_BYTE, _RATIONAL, _UNDEFINED = 1, 5, 7
_HORIZONTAL = 2
_STDERR = 2


@contextmanager
def quiet_libtiff() -> Iterator[None]:
    """Keep libtiff's own lines about broken files off stderr.

    It writes to the descriptor, and Pillow has no switch for that; what other threads write there
    meanwhile is lost.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:  # this program was started without a stderr
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)


def encode_tiff(samples: Samples, mode: str, metadata: Metadata, xmp: bytes | None) -> bytes:
    """Encode without loss, in the compression of the metadata where it has one.

    Args:
        samples: (H, W) or (H, W, C), uint8 or uint16; 16 bits for modes "L", "RGB" and "RGBA".
        mode: Meaning of the channels.
        metadata: What to carry.
        xmp: The packet to put in, in place of the metadata's.

    Raises:
        ValueError: The samples cannot be encoded.
    """
    compression = metadata.compression or _DEFAULT
    if samples.dtype == np.uint16:
        encoded = _encode_deep(samples, compression, metadata.predictor)
    else:
        encoded = _encode_plain(samples, mode, compression, metadata.predictor)
    return _with_tags(encoded, mode, metadata, xmp)


def _encode_plain(samples: Samples, mode: str, compression: str, predictor: int) -> bytes:
    image = pil_image(samples, mode)
    buffer = io.BytesIO()
    allows_predictor = compression in ("tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "zstd")
    tags = {317: _HORIZONTAL} if predictor == _HORIZONTAL and allows_predictor else {}
    image.save(
        buffer, "TIFF", compression=None if compression == "raw" else compression, tiffinfo=tags
    )
    return buffer.getvalue()


def _encode_deep(samples: Samples, compression: str, predictor: int) -> bytes:
    import cv2

    if samples.ndim == 3:
        order = cv2.COLOR_RGBA2BGRA if samples.shape[2] == 4 else cv2.COLOR_RGB2BGR
        samples = np.asarray(cv2.cvtColor(samples, order), np.uint16)
    number = _COMPRESSION_NUMBERS.get(compression, _COMPRESSION_NUMBERS[_DEFAULT])
    with quiet_opencv():
        done, encoded = cv2.imencode(
            ".tiff",
            samples,
            [cv2.IMWRITE_TIFF_COMPRESSION, number, cv2.IMWRITE_TIFF_PREDICTOR, predictor],
        )
    if not done:
        raise ValueError("OpenCV cannot encode it")
    return encoded.tobytes()


def _with_tags(encoded: bytes, mode: str, metadata: Metadata, xmp: bytes | None) -> bytes:
    """The same file with its directory written anew at the end, the carried tags among its own."""
    tags = dict(exif.read_directory(metadata.exif)) if metadata.exif else {}
    own = exif.read_directory(encoded)
    carried = {k: v for k, v in tags.items() if k not in exif.STRUCTURAL}
    if metadata.dpi is not None and not all(tag in carried for tag in _RESOLUTION):
        across, down = (
            exif.Entry(_RATIONAL, struct.pack("<2L", round(value * 1000), 1000))
            for value in metadata.dpi
        )
        carried |= dict(zip(_RESOLUTION, (across, down, exif.short_entry(2)), strict=True))
    if metadata.icc is not None:
        carried[_ICC] = exif.Entry(_UNDEFINED, metadata.icc)
    if xmp is not None:
        carried[_XMP] = exif.Entry(_BYTE, xmp)
    if mode in ("LA", "RGBA"):
        carried[_EXTRA_SAMPLES] = exif.short_entry(metadata.extra_sample)
    carried[exif.ORIENTATION] = exif.short_entry(1)
    padding = b"\0" * (len(encoded) % 2)
    end = len(encoded) + len(padding)
    head = encoded[:4] + struct.pack("<L", end)
    samples = memoryview(encoded)[8:]
    return b"".join([head, samples, padding, exif.directory_bytes(own | carried, end)])
