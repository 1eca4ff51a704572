"""Windows bitmaps with transparency, which Pillow writes but nothing reads back."""

from __future__ import annotations

import struct

from ..types import U8

_V4_HEADER_BYTES = 108
_BITFIELDS = 3
_MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
_SRGB = 0x73524742


def encode_rgba(samples: U8, dpi: tuple[float, float] | None) -> bytes:
    """Encode a transparent picture with a version 4 header, which names the alpha channel.

    Args:
        samples: (H, W, 4) uint8 RGBA.
        dpi: Pixels an inch.
    """
    height, width = samples.shape[:2]
    across, down = (round(value / 0.0254) for value in dpi or (96.0, 96.0))
    pixels = samples[::-1, :, [2, 1, 0, 3]].tobytes()
    head = struct.pack("<LllHHLLllLL", _V4_HEADER_BYTES, width, height, 1, 32, _BITFIELDS,
                       len(pixels), across, down, 0, 0)  # fmt: skip
    head += struct.pack("<5L", *_MASKS, _SRGB)
    head = head.ljust(_V4_HEADER_BYTES, b"\0")
    start = 14 + len(head)
    return b"".join([struct.pack("<2sLHHL", b"BM", start + len(pixels), 0, 0, start), head, pixels])
