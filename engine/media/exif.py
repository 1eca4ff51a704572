"""EXIF and TIFF directories as raw entries: read, turned upright, copied, written.

Values are never interpreted, so text in any encoding and tags nobody knows survive. Only what a new
picture makes wrong is changed: orientation, stored width and height, the embedded thumbnail.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from mmap import mmap

import numpy as np

ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
_SUB_IFDS = (EXIF_IFD, GPS_IFD, INTEROP_IFD)
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003
_SHORT, _LONG = 3, 4
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SWAP_UNITS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}
_MOST_ENTRIES = 4096
_MOST_BYTES = 1 << 26  # entries of a hostile file can all point to the same large place

STRUCTURAL = frozenset(
    {
        *(ORIENTATION, *range(254, 260), *range(262, 267), 273, *range(277, 282), 284),
        *(*range(288, 294), 297, 301, *range(317, 326), 330, *range(332, 337), *range(338, 343)),
        *(347, *range(512, 522), *range(529, 533)),
        *(700, 34675, 37724),  # XMP and ICC profile go their own ways; layers show the old picture
    }
)
"""Tags of a TIFF file that must not be copied into another one."""


@dataclass(frozen=True)
class Entry:
    """One tag.

    Attributes:
        kind: TIFF's number of the value type.
        data: The values, little-endian.
        sub: The directory it points to, for the pointers to EXIF, GPS and interoperability.
    """

    kind: int
    data: bytes
    sub: dict[int, Entry] | None = None


Directory = dict[int, Entry]


class _Reader:
    """Positions of the entries of a classic TIFF structure."""

    def __init__(self, blob: bytes | bytearray | mmap) -> None:
        self.blob = memoryview(blob)
        self._budget = _MOST_BYTES
        magic = bytes(self.blob[:4])
        if magic not in (b"II*\0", b"MM\0*"):
            raise ValueError("not a TIFF structure")
        self.endian = "<" if magic[:2] == b"II" else ">"
        if len(self.blob) < 8:
            raise ValueError("cut off")
        self.first = self.number("L", 4)

    def number(self, form: str, place: int) -> int:
        value: int = struct.unpack_from(self.endian + form, self.blob, place)[0]
        return value

    def entries(self, offset: int) -> Iterator[tuple[int, int, int, int]]:
        """Tag, type, bytes of data, and where the data lies, for each entry of known type."""
        count = self.number("H", offset)
        if count > _MOST_ENTRIES:
            raise ValueError("too many entries")
        for place in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, values = struct.unpack_from(self.endian + "HHL", self.blob, place)
            if kind not in _SIZES:
                continue
            size = values * _SIZES[kind]
            yield tag, kind, size, place + 8 if size <= 4 else self.number("L", place + 8)

    def directory(self, offset: int, skip: Collection[int] = (), depth: int = 0) -> Directory:
        found: Directory = {}
        for tag, kind, size, place in self.entries(offset):
            if tag in skip:
                continue
            self._budget -= size
            if self._budget < 0:
                raise ValueError("too much data")
            data = bytes(self.blob[place : place + size])
            if len(data) != size or not size:
                continue
            if self.endian == ">" and kind in _SWAP_UNITS:
                data = np.frombuffer(data, f">u{_SWAP_UNITS[kind]}").byteswap().tobytes()
            sub = None
            if tag in _SUB_IFDS and depth < 2:
                try:
                    sub = self.directory(struct.unpack("<L", data[:4])[0], (), depth + 1)
                except (struct.error, ValueError):
                    continue
                data = bytes(4)  # where it lies says nothing about what it holds
            found[tag] = Entry(kind, data, sub)
        return found


def read_directory(blob: bytes | bytearray | mmap, skip: Collection[int] = ()) -> Directory:
    """The first directory of a TIFF structure, with its EXIF and GPS parts.

    Args:
        blob: A classic TIFF file, or an EXIF block without its "Exif" prefix.
        skip: Tags to leave out.

    Raises:
        ValueError: It is no classic TIFF structure, or broken.
    """
    reader = _Reader(blob)
    try:
        return reader.directory(reader.first, skip)
    except struct.error as error:
        raise ValueError("broken directory") from error


def directory_bytes(directory: Directory, offset: int) -> bytes:
    """Serialise a directory, little-endian, for a place ``offset`` (even) bytes into the file."""
    tags = sorted(directory)
    body_at = offset + 2 + 12 * len(tags) + 4
    table, body = [struct.pack("<H", len(tags))], bytearray()
    for tag in tags:
        entry = directory[tag]
        data = entry.data
        if entry.sub is not None:
            data = struct.pack("<L", body_at + len(body))
            body += directory_bytes(entry.sub, body_at + len(body))
        elif len(data) > 4:
            place = struct.pack("<L", body_at + len(body))
            body += data + b"\0" * (len(data) % 2)
            data = place
        count = max(1, len(entry.data) // _SIZES[entry.kind])
        table.append(struct.pack("<HHL", tag, entry.kind, count) + data.ljust(4, b"\0"))
    return b"".join(table) + b"\0\0\0\0" + bytes(body)


def exif_bytes(directory: Directory) -> bytes:
    """An EXIF block (without the "Exif" prefix) that holds a directory."""
    return b"II*\0\x08\0\0\0" + directory_bytes(directory, 8)


def short_entry(*values: int) -> Entry:
    """An entry of 16-bit numbers."""
    return Entry(_SHORT, struct.pack(f"<{len(values)}H", *values))


def orientation_of(blob: bytes) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none.

    Raises:
        ValueError: The block is broken.
    """
    entry = read_directory(blob).get(ORIENTATION)
    value = int.from_bytes(entry.data[:2], "little") if entry else 1
    return value if 1 <= value <= 8 else 1


def upright_exif(blob: bytes) -> bytes:
    """The block for the picture turned upright: orientation 1, sides swapped where it was turned.

    Everything else stays where it is, so that makers' notes with positions of their own stay
    readable. The link to the thumbnail is cut: it shows the old picture.

    Raises:
        ValueError: The block is broken.
    """
    turned = orientation_of(blob) >= 5
    reader, patched = _Reader(blob), bytearray(blob)
    try:
        after = reader.first + 2 + 12 * reader.number("H", reader.first)
        struct.pack_into("<L", patched, after, 0)
        for tag, kind, _, place in reader.entries(reader.first):
            if tag == ORIENTATION and kind == _SHORT:
                struct.pack_into(reader.endian + "H", patched, place, 1)
            elif tag == EXIF_IFD and turned:
                _swap_sides(reader, patched, reader.number("L", place))
    except struct.error as error:
        raise ValueError("broken directory") from error
    return bytes(patched)


def without_orientation(blob: bytes) -> bytes:
    """The block without that tag, everything else in its place.

    Raises:
        ValueError: The block is broken.
    """
    reader, patched = _Reader(blob), bytearray(blob)
    try:
        count = reader.number("H", reader.first)
        places = range(reader.first + 2, reader.first + 2 + 12 * count, 12)
        here = [place for place in places if reader.number("H", place) == ORIENTATION]
        if here:
            end = places[-1] + 16  # the link to the next directory moves up with the entries
            patched[here[0] : end - 12] = reader.blob[here[0] + 12 : end]
            struct.pack_into(reader.endian + "H", patched, reader.first, count - 1)
    except struct.error as error:
        raise ValueError("broken directory") from error
    return bytes(patched)


def _swap_sides(reader: _Reader, patched: bytearray, offset: int) -> None:
    sides = {
        tag: (kind, place)
        for tag, kind, size, place in reader.entries(offset)
        if tag in (_PIXEL_X, _PIXEL_Y) and kind in (_SHORT, _LONG) and size <= 4
    }
    if len(sides) < 2 or sides[_PIXEL_X][0] != sides[_PIXEL_Y][0]:
        return
    (kind, wide), (_, tall) = sides[_PIXEL_X], sides[_PIXEL_Y]
    size = _SIZES[kind]
    patched[wide : wide + size] = reader.blob[tall : tall + size]
    patched[tall : tall + size] = reader.blob[wide : wide + size]
