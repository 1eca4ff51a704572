"""What a picture file carries besides its samples, collected so that any format can be given it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from mmap import mmap
from typing import TYPE_CHECKING

from . import exif, png

if TYPE_CHECKING:
    from PIL.Image import Image

_PREFIX = b"Exif\0\0"
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)([1-8])""")
_LOSSLESS_TIFF = frozenset(
    ["raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "zstd", "lzma"]
)


@dataclass(frozen=True)
class Metadata:
    """Everything but samples, already right for the upright picture.

    Attributes:
        orientation: How the samples were stored, 1 to 8; the blocks below say 1.
        exif: EXIF block without its "Exif" prefix; for a TIFF file made of its own tags.
        icc: Colour profile.
        xmp: XMP packet.
        dpi: Horizontal and vertical pixels an inch.
        comment: A JPEG comment.
        iptc: The Photoshop segments of a JPEG, which hold IPTC captions.
        chunks: Text and colour chunks of a PNG.
        compression: Pillow's name of a TIFF file's compression, where it is lossless.
        predictor: A TIFF file's predictor.
        extra_sample: What a TIFF file's fourth channel is; 2 is plain alpha.
        lossless: A WebP file is stored without loss.
    """

    orientation: int = 1
    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    iptc: tuple[bytes, ...] = ()
    chunks: tuple[png.Chunk, ...] = ()
    compression: str | None = None
    predictor: int = 1
    extra_sample: int = 2
    lossless: bool = False


def read_metadata(image: Image, data: mmap, notes: list[str]) -> Metadata:
    """Collect what a loaded picture carries.

    Args:
        image: Opened and loaded by Pillow.
        data: The whole file.
        notes: What is lost is added here, one line each.
    """
    info = image.info
    is_tiff = image.format == "TIFF"
    block, orientation = _tiff_tags(data, notes) if is_tiff else _exif_block(image, notes)
    xmp = info.get("xmp")
    xmp = xmp if isinstance(xmp, bytes) and xmp.strip(b"\0 ") else None
    if xmp and (found := _XMP_ORIENTATION.search(xmp)):
        if orientation == 1 and not is_tiff:
            orientation = int(found[2])
        xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    compression = info.get("compression") if is_tiff else None
    tags = getattr(image, "tag_v2", {})
    return Metadata(
        orientation=orientation,
        exif=block,
        icc=info.get("icc_profile") or None,
        xmp=xmp,
        dpi=_dpi(info.get("dpi")),
        comment=info.get("comment") if image.format in ("JPEG", "MPO") else None,
        iptc=tuple(
            content
            for name, content in getattr(image, "applist", ())
            if name == "APP13" and content.startswith(b"Photoshop 3.0\0")
        ),
        chunks=png.carried_chunks(data) if image.format == "PNG" else (),
        compression=compression if compression in _LOSSLESS_TIFF else None,
        predictor=int(tags.get(317, 1)),
        extra_sample=int((tags.get(338) or (2,))[0]),
        lossless=image.format == "WEBP" and _is_lossless_webp(data),
    )


def _exif_block(image: Image, notes: list[str]) -> tuple[bytes | None, int]:
    """The upright EXIF block and the orientation it gave."""
    block = image.info.get("exif")
    if block is None and "Raw profile type exif" in image.info:
        lines = image.info["Raw profile type exif"].split("\n")[3:]
        try:
            block = bytes.fromhex("".join(lines))
        except ValueError:
            block = b"?"
    if not block:
        return None, 1
    while block.startswith(_PREFIX):
        block = block[len(_PREFIX) :]
    try:
        return exif.upright_exif(block), exif.orientation_of(block)
    except ValueError:
        notes.append("the EXIF block is broken and left out")
        return None, 1


def _tiff_tags(data: mmap, notes: list[str]) -> tuple[bytes | None, int]:
    """A TIFF file's own tags as an EXIF block; Pillow and OpenCV turn its samples by themselves."""
    try:
        tags = exif.read_directory(data, skip=exif.STRUCTURAL)
    except ValueError:
        notes.append("the tags are in a form that cannot be copied (BigTIFF) and are left out")
        return None, 1
    return exif.exif_bytes(tags) if tags else None, 1


def _dpi(value: object) -> tuple[float, float] | None:
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    across, down = float(value[0]), float(value[1])
    return (across, down) if 1 < across < 1e5 and 1 < down < 1e5 else None


def _is_lossless_webp(data: mmap) -> bool:
    """Whether the (first) picture is a VP8L chunk."""
    lossless, lossy = data.find(b"VP8L", 12, 1 << 20), data.find(b"VP8 ", 12, 1 << 20)
    return lossless >= 0 and (lossy < 0 or lossless < lossy)
