"""Which pictures and videos can be read and written."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Final

import numpy as np

from ..errors import one_line
from ..media import heif
from .base import Finding, Status

FORMATS = {"jpg": "JPEG", "zlib": "PNG", "webp": "WebP", "avif": "AVIF", "libtiff": "TIFF"}
"""Pillow's name of a codec -> the format it serves."""
ENCODER: Final = "libx264"


def pictures() -> list[Finding]:
    """Pillow's codecs, and the plugin for HEIC."""
    import PIL
    from PIL import features

    have = [name for codec, name in FORMATS.items() if features.check(codec)]
    lack = [name for name in FORMATS.values() if name not in have]
    found = [Finding("pictures", Status.OK, f"{', '.join(have)}, BMP by Pillow {PIL.__version__}")]
    if lack:
        text = f"this Pillow was built without {', '.join(lack)}"
        command = "pip install --force-reinstall pillow"
        found.append(Finding("pictures", Status.WARNING, text, command))
    if heif.is_available():
        return [*found, Finding("HEIC", Status.OK, "by pillow-heif")]
    return [*found, Finding("HEIC", Status.ABSENT, "pillow-heif is not installed", heif.HINT)]


def video() -> list[Finding]:
    """PyAV's H.264 encoder, by encoding and decoding a picture."""
    again = "pip install --force-reinstall av"
    try:
        import av

        codec = ".".join(map(str, av.library_versions["libavcodec"]))
        _encode_and_decode()
    except (ImportError, OSError, ValueError) as error:  # FFmpeg's errors are of the last two
        told = f"H.264 cannot be written: {one_line(error)}"
        return [Finding("video", Status.WARNING, told, again)]
    text = f"H.264 ({ENCODER}) by PyAV {av.__version__}, libavcodec {codec}"
    return [Finding("video", Status.OK, text)]


def _encode_and_decode() -> None:
    import av

    file = io.BytesIO()
    picture = np.zeros((64, 64, 3), np.uint8)
    with av.open(file, "w", format="mp4") as target:
        stream = target.add_stream(ENCODER, rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as source:
        count = len(list(source.decode(video=0)))
    if count != 1:
        raise ValueError(f"one picture was encoded and {count} came back")
