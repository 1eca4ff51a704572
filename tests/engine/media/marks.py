"""Reading back what `ecgan.engine.media.provenance` writes: the product itself never needs to."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image

from ecgan.engine.media import heif
from ecgan.engine.media.provenance import Mark, parse_mark, sidecar_path


def read_mark(path: Path) -> Mark | None:
    """Read the mark of a picture back, from the file or from the packet beside it.

    Raises:
        OSError: The file is missing or no picture.
    """
    heif.is_available()  # hooks the plugin in, where there is one
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            packet = image.info.get("xmp")
            kind = image.format
    if isinstance(packet, bytes):
        return parse_mark(packet)
    sidecar = sidecar_path(path)
    if kind == "BMP" and sidecar.is_file():
        return parse_mark(sidecar.read_bytes())
    return None
