"""Pictures for people to look at: faces with their numbers, and the seven expressions in a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..types import U8, Face

_YELLOW, _BLACK, _WHITE = (255, 214, 0), (0, 0, 0), (255, 255, 255)
_READABLE_SIDE = 480
"""Smaller pictures are enlarged before numbers are drawn, or these would cover the faces."""
_LARGEST_ZOOM = 8
_CELL_LEAST, _CELL_MOST = 160, 400
_GAP = 8


def draw_numbers(frame: U8, faces: Sequence[tuple[int, Face]]) -> U8:
    """Draw a box and a number for each face.

    Args:
        frame: (H, W, 3) uint8 RGB, any size from 1x1 up.
        faces: Numbers with their faces, in frame pixels.

    Returns:
        (H * k, W * k, 3) uint8 RGB; k is above 1 for small pictures.
    """
    short, long = sorted(frame.shape[:2])
    zoom = min(_LARGEST_ZOOM, max(1, -(-_READABLE_SIDE // short)))
    zoom = min(zoom, max(1, 4096 // long))
    image = Image.fromarray(frame)
    if zoom > 1:
        image = image.resize((image.width * zoom, image.height * zoom), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    line = max(2, round(min(image.size) / 250))
    for number, face in faces:
        _draw_number(draw, image.size, face.bbox * zoom, number, line)
    return np.asarray(image)


def _draw_number(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], bbox: np.ndarray, number: int, line: int
) -> None:
    x0, y0, x1, y1 = (round(float(value)) for value in bbox)
    x1, y1 = max(x0, x1), max(y0, y1)
    draw.rectangle((x0 - line, y0 - line, x1 + line, y1 + line), outline=_BLACK, width=3 * line)
    draw.rectangle((x0, y0, x1, y1), outline=_YELLOW, width=line)
    font = ImageFont.load_default(min(max((y1 - y0) * 0.3, 8 * line, 14), 24 * line))
    left, top, right, bottom = draw.textbbox((0, 0), str(number), font=font)
    wide, tall = round(right - left) + 4 * line, round(bottom - top) + 4 * line
    x = max(0, min(x0, size[0] - wide))
    y = max(0, min(y0 - tall, size[1] - tall))
    draw.rectangle((x, y, x + wide, y + tall), fill=_BLACK)
    draw.text((x + 2 * line - left, y + 2 * line - top), str(number), font=font, fill=_YELLOW)


def contact_sheet(cells: Sequence[U8], captions: Sequence[str]) -> U8:
    """Lay pictures of one size in a row, with a caption under each.

    Args:
        cells: (h, w, 3) uint8 RGB each; they are scaled to between 160 and 400 pixels of width.
        captions: One short line each.

    Returns:
        (H, W, 3) uint8 RGB on white.
    """
    height, width = cells[0].shape[:2]
    wide = min(max(width, _CELL_LEAST), _CELL_MOST)
    tall = max(1, round(height * wide / width))
    font = ImageFont.load_default(wide / 9)
    bar = round(wide / 6)
    sheet = Image.new("RGB", ((wide + _GAP) * len(cells) + _GAP, tall + bar + 2 * _GAP), _WHITE)
    draw = ImageDraw.Draw(sheet)
    for index, (cell, caption) in enumerate(zip(cells, captions, strict=True)):
        x = _GAP + index * (wide + _GAP)
        image = Image.fromarray(np.ascontiguousarray(cell))
        if image.size != (wide, tall):
            image = image.resize((wide, tall), Image.Resampling.LANCZOS)
        sheet.paste(image, (x, _GAP))
        middle = (x + wide / 2, _GAP + tall + bar / 2)
        draw.text(middle, caption, font=font, fill=_BLACK, anchor="mm")
    return np.asarray(sheet)
