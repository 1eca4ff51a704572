"""A comparison as a picture: one bar a row and batch size, milliseconds a face."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from .result import UNABLE, RowResult, WorkResult

WIDTH, MARGIN, LABEL_WIDTH, BAR_HEIGHT, GAP = 1200, 24, 330, 20, 6
_INK, _GREY, _PAPER = (32, 32, 36), (128, 128, 134), (255, 255, 255)
_COLOURS = {"cpu": (72, 120, 180), "cuda": (80, 150, 90)}
_REFERENCE_COLOUR = (150, 150, 158)
_WRONG_COLOUR = (200, 70, 60)


def draw_chart(results: Sequence[WorkResult], caption: str) -> Image.Image:
    """Draw the speeds.

    Args:
        results: A group of bars is drawn for each work and batch size that ran.
        caption: The machine, at the bottom.

    Returns:
        An RGB picture, as high as it needs to be.
    """
    groups = [group for result in results for group in _groups(result)]
    lines = sum(len(bars) for _, bars in groups)
    caption_lines = _wrapped(caption, _font(13), WIDTH - 2 * MARGIN)
    height = 2 * MARGIN + lines * (BAR_HEIGHT + GAP) + len(groups) * 52 + 20 * len(caption_lines)
    image = Image.new("RGB", (WIDTH, height + 12), _PAPER)
    draw = ImageDraw.Draw(image)
    y = MARGIN
    for title, bars in groups:
        draw.text((MARGIN, y), title, _INK, _font(18))
        y = _draw_bars(draw, y + 30, bars) + 22
    for line in caption_lines:
        draw.text((MARGIN, y), line, _GREY, _font(13))
        y += 20
    return image


Bar = tuple[str, float | None, str, tuple[int, int, int]]
"""Label, milliseconds a face, what is written beside it, colour."""


def _groups(result: WorkResult) -> list[tuple[str, list[Bar]]]:
    batches = sorted({cell.batch for row in result.rows for cell in row.cells})
    return [
        (
            f"{result.what}, batch {batch}: ms a face",
            [bar for row in result.rows if (bar := _bar(row, batch)) is not None],
        )
        for batch in batches
    ]


def _bar(row: RowResult, batch: int) -> Bar | None:
    label = f"{row.label}, {row.device}"
    if row.status == UNABLE:
        return label, None, "cannot run here", _GREY
    cell = next((cell for cell in row.cells if cell.batch == batch), None)
    if cell is None:
        return None
    if cell.timing is None:
        return label, None, "wrong answer", _WRONG_COLOUR
    took = cell.timing.percentile_ms(50) / batch
    faster = "" if cell.agreement is None else f", {cell.speedup or 0:.1f} x torch"
    colour = _REFERENCE_COLOUR if cell.agreement is None else _COLOURS[row.device.split(":")[0]]
    return label, took, f"{took:.1f} ms{faster}", colour


def _draw_bars(draw: ImageDraw.ImageDraw, y: int, bars: list[Bar]) -> int:
    longest = max((took for _, took, _, _ in bars if took is not None), default=1.0)
    room = WIDTH - 2 * MARGIN - LABEL_WIDTH - 170  # what is written beside the longest
    for label, took, words, colour in bars:
        draw.text((MARGIN, y + 2), label, _INK, _font(14))
        left = MARGIN + LABEL_WIDTH
        right = left
        if took is not None:
            right = left + max(2, round(room * took / longest))
            draw.rectangle((left, y, right, y + BAR_HEIGHT), colour)
        draw.text((right + 8, y + 2), words, _INK if took is not None else colour, _font(14))
        y += BAR_HEIGHT + GAP
    return y


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _wrapped(
    text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int
) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
