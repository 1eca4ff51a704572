"""Files to pictures and back: read as they are, upright; written with nothing changed but the paint."""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import MediaError, OutputError, one_line
from ..types import Patch
from . import heif
from .cmyk import CmykConversion
from .colour import DEEP_MAX, deep_span, painted_samples, view
from .deep import decode_deep, deep_mode
from .encode import JPEG_XMP_ROOM, encode, fit, format_of
from .metadata import read_metadata
from .output import atomic_file, write_atomic
from .provenance import Mark, make_xmp, sidecar_path
from .still import Samples, StillImage
from .tiff import quiet_libtiff

READABLE = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF")
_READABLE_WORDS = "JPEG, PNG, WebP, BMP, TIFF or AVIF"
_ANEW = "copy or download the file again, or save it anew from a viewer that still shows it"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError),
    *(RuntimeError, struct.error, zlib.error),
)
"""What Pillow's decoders raise on broken files."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_bomb_guard = threading.Lock()


def read_image(path: Path, max_pixels: int) -> StillImage:
    """Read a picture, by its content whatever its name.

    Args:
        path: A JPEG, PNG, WebP, BMP, TIFF or AVIF file; HEIC where pillow-heif is installed.
        max_pixels: Larger pictures are refused before they are decoded.

    Raises:
        MediaError: Missing, empty, unreadable, no picture, cut off, too large, or of a kind that is
            not supported.
    """
    _check_file(path)
    try:
        with (
            path.open("rb") as file,
            mmap(file.fileno(), 0, access=ACCESS_READ) as data,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files are no user's business
            return _read(path, file, data, max_pixels)
    except PermissionError as error:
        raise _denied(path) from error


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise MediaError(f"'{path}' is a folder; expected a picture file")
        if not path.exists():
            raise MediaError(f"no file '{path}'")
        if not path.is_file():
            raise MediaError(f"'{path}' is not a regular file; expected a picture file")
        if path.stat().st_size == 0:
            raise MediaError(f"'{path}' is empty (0 bytes); expected a picture")
    except PermissionError as error:
        raise _denied(path) from error


def _denied(path: Path) -> MediaError:
    return MediaError(f"'{path}' cannot be read: permission denied", hint="change its rights")


def _read(path: Path, file: IO[bytes], data: mmap, max_pixels: int) -> StillImage:
    notes: list[str] = []
    with _opened(path, file, data) as image:
        _check_size(path, image.size, max_pixels)
        try:
            _note_losses(image, data, notes)
            with quiet_libtiff() if image.format == "TIFF" else nullcontext():
                image.load()
            deep = deep_mode(image, data)
            metadata = read_metadata(image, data, notes)
            mode, samples = (
                _native(path, image, metadata.orientation, notes)
                if deep is None
                else (deep, decode_deep(data, deep))
            )
        except MediaError:
            raise
        except _BROKEN as error:
            raise _broken(path, image.format, error) from error
        kind = "JPEG" if image.format == "MPO" else str(image.format)
    if samples.dtype == np.uint16:
        samples = _turned(samples, metadata.orientation)
    span = deep_span(samples, mode) if samples.dtype == np.uint16 else (0, DEEP_MAX)
    if span != (0, DEEP_MAX):
        notes.append(f"16-bit samples lie between {span[0]} and {span[1]}; painted in that range")
    cmyk = CmykConversion(metadata.icc if mode == "CMYK" else None)
    rgb = view(samples, mode, span, cmyk)
    return StillImage(path, kind, mode, samples, rgb, metadata, span, tuple(notes))


# --- opening -----------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path, file: IO[bytes], data: mmap) -> Iterator[Image.Image]:
    """The file opened by Pillow, its header parsed, nothing decoded."""
    formats: tuple[str, ...] = READABLE
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS and _needs_heif(data):
        if not heif.is_available():
            raise MediaError(f"'{path}' is HEIC, which needs a plugin", hint=heif.HINT)
        formats = ("HEIF",)
    # The limit is this program's own, given by the caller; Pillow's is one for the whole process.
    with _bomb_guard:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(file, formats=formats)
        except UnidentifiedImageError as error:
            raise _unknown(path, data) from error
        except _BROKEN as error:
            raise _broken(path, "picture", error) from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with image:
        yield image


def _needs_heif(data: mmap) -> bool:
    """Whether none of the compatible brands is AVIF, which Pillow reads by itself."""
    size = int.from_bytes(data[:4], "big")
    return b"avif" not in data[8:size] and b"avis" not in data[8:size]


def _unknown(path: Path, data: mmap) -> MediaError:
    head = bytes(data[:16])
    for start, name in ((b"GIF8", "GIF"), (b"%PDF", "PDF"), (b"%!PS", "EPS"), (b"8BPS", "PSD")):
        if head.startswith(start):
            return MediaError(
                f"'{path}' is {name}; expected {_READABLE_WORDS}", hint="convert it to PNG first"
            )
    known = (b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"BM")
    if head.startswith(known) or head[8:12] in (b"WEBP", b"avif", b"avis"):
        return MediaError(
            f"'{path}' is a cut off or broken picture: its header cannot be read", hint=_ANEW
        )
    return MediaError(f"'{path}' is not a picture; expected {_READABLE_WORDS}")


def _broken(path: Path, kind: str | None, error: BaseException) -> MediaError:
    reason = one_line(error) or type(error).__name__
    return MediaError(
        f"'{path}' is a cut off or broken {kind} file: {reason[:120].lower()}", hint=_ANEW
    )


def _check_size(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise MediaError(
            f"'{path}' has {width} x {height} = {width * height} pixels; at most {max_pixels} "
            "are read",
            hint=f"--max-pixels {width * height}",
        )


def _note_losses(image: Image.Image, data: mmap, notes: list[str]) -> None:
    count = getattr(image, "n_frames", 1)
    if count > 1:
        notes.append(f"only the first of its {count} pictures is used")
    if image.format == "AVIF" and (bits := _avif_bits(data)) > 8:
        notes.append(f"{bits}-bit AVIF becomes 8-bit")


def _avif_bits(data: mmap) -> int:
    """Bits a sample as its first pixel information box says; 8 where there is none."""
    box = data.find(b"pixi", 0, 1 << 14)
    return data[box + 9] if box >= 0 and data[box + 8] else 8


# --- samples -----------------------------------------------------------------------------------


def _native(
    path: Path, image: Image.Image, orientation: int, notes: list[str]
) -> tuple[str, Samples]:
    """Mode and samples as stored, except for modes that cannot be painted into."""
    if image.mode.startswith("I;16"):
        samples = np.asarray(image).astype(np.uint16)
        if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(262) == 0:
            samples = DEEP_MAX - samples  # stored as a negative, which Pillow leaves
        return "L", samples
    plain = _paintable(path, image, notes)
    if orientation != 1:
        plain = plain.transpose(_TURNS[orientation])
    return plain.mode, np.asarray(plain)


def _paintable(path: Path, image: Image.Image, notes: list[str]) -> Image.Image:
    """The picture in one of the modes of a ``StillImage``, 8 bits a sample."""
    mode = image.mode
    target = {
        "1": "L",
        "P": "RGBA" if image.has_transparency_data else "RGB",
        "PA": "RGBA",
        "La": "LA",
        "RGBa": "RGBA",
        "RGBX": "RGB",
        "YCbCr": "RGB",
    }.get(mode, mode)
    if mode in ("L", "RGB") and image.has_transparency_data:
        target = mode + "A"
    if target not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        raise MediaError(
            f"'{path}' has samples of kind '{mode}', which cannot be painted; expected 8 or 16 bits "
            "of grey, RGB or CMYK",
            hint="convert it to an 8- or 16-bit PNG or TIFF first",
        )
    if mode == "1":
        notes.append("1-bit picture becomes 8-bit grey")
    elif mode in ("P", "PA"):
        notes.append(f"palette picture becomes {target}")
    elif mode == "CMYK" and set(getattr(image, "tag_v2", {}).get(258, (8,))) == {16}:
        notes.append("16-bit CMYK becomes 8-bit CMYK")
    return image if target == mode else image.convert(target)


def _turned(samples: Any, orientation: int) -> Samples:
    """Samples as stored, turned upright."""
    if orientation >= 5:
        samples = samples.swapaxes(0, 1)
    mirrored_x = orientation in (2, 3, 6, 7)
    mirrored_y = orientation in (3, 4, 7, 8)
    turned: Samples = samples[:: -1 if mirrored_y else 1, :: -1 if mirrored_x else 1]
    return np.ascontiguousarray(turned)


# --- writing -----------------------------------------------------------------------------------


def write_image(
    target: Path, still: StillImage, patches: Sequence[Patch], mark: Mark | None
) -> list[str]:
    """Write a picture with patches blended into its own samples.

    The output's extension names its format; an unknown one keeps the input's. Samples where every
    alpha is 0 go to the encoder as they were decoded. ``output.check_output`` comes first.

    Args:
        target: The file to write; it appears whole or not at all.
        still: The picture as ``read_image`` gave it.
        patches: In upright coordinates, inside the picture; none to write it as it is.
        mark: Says that the picture is synthetic; None leaves that out.

    Returns:
        What the user should know about how it was written, one line each.

    Raises:
        OutputError: It cannot be written or the format cannot hold it; nothing is left behind.
    """
    kind, notes = _output_format(target, still)
    samples = painted_samples(still, patches)
    samples, mode, metadata, losses = fit(samples, still.mode, kind, still.metadata)
    xmp = metadata.xmp if mark is None else make_xmp(mark, metadata.xmp)
    if kind == "JPEG" and xmp is not None and len(xmp) > JPEG_XMP_ROOM:
        losses.append(f"XMP of {len(xmp)} bytes does not fit a JPEG file and is left out")
        xmp = None if mark is None else make_xmp(mark)
    encoded, more = encode(samples, mode, kind, metadata, xmp)
    notes = [*notes, *losses, *more]
    if kind == "BMP" and mark is not None and xmp is not None:
        sidecar = sidecar_path(target)
        notes.append(f"BMP files hold no mark: it lies beside, in '{sidecar}'")
        with atomic_file(sidecar) as part:
            part.write_bytes(xmp)
            write_atomic(target, encoded)
    else:
        write_atomic(target, encoded)
    return notes


def check_format(target: Path) -> None:
    """Refuse an output whose format needs a plugin that is not there.

    Raises:
        OutputError: It is HEIC, and pillow-heif is not installed.
    """
    if format_of(target) == "HEIF" and not heif.is_available():
        raise OutputError(f"output '{target}' is HEIC, which needs a plugin", hint=heif.HINT)


def _output_format(target: Path, still: StillImage) -> tuple[str, list[str]]:
    kind = format_of(target)
    if kind is None:
        return still.format, [f"'{target.name}' names no picture format: written as {still.format}"]
    if kind != still.format and format_of(still.path) == kind:
        note = f"it is {still.format} by content; written as {kind}, as named"
        return kind, [note]
    return kind, []
