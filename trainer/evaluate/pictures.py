"""Pictures that a report shows: what became of a face, and a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import U8

from .cases import Case
from .expressions import Confusion
from .measure import TRUE_MASK, Pictures

CELL, MARGIN, TOP = 58, 96, 40
"""Sides of a matrix's cell, of the names at its left, and of those above, in pixels."""
INK, PAPER = (20, 24, 32), (255, 255, 255)
FULL = np.array([24, 90, 157], np.float64)
"""Colour of a cell that holds its whole row."""


@dataclass(frozen=True)
class Shown:
    """One face of a report.

    Attributes:
        title: What is said of it.
        pictures: Name -> (256, 256, 3) uint8 RGB.
    """

    title: str
    pictures: dict[str, U8]


def shown(case: Case, pictures: Pictures, figures: dict[str, dict[str, float]]) -> Shown:
    """Lay out what became of a face: truth, mask, every row, then what was asked for.

    Args:
        case: The face.
        pictures: What became of it.
        figures: Its figures, by row.
    """
    asked = {
        f"{label}, {name}": table[table.shape[0] // 2, number]
        for label, table in pictures.asked.items()
        for number, name in enumerate(EXPRESSIONS)
    }
    told = [
        f"{name.removesuffix(', ' + TRUE_MASK)} {row['psnr']:.1f} dB"
        for name, row in figures.items()
        if name.endswith(TRUE_MASK)
    ]
    return Shown(
        title=f"{case.file} ({', '.join([case.source, *told])})",
        pictures={"truth": case.truth, "masked": case.worn.image, **pictures.rows, **asked},
    )


def draw_confusion(confusion: Confusion, rows: str) -> U8:
    """A confusion matrix for people.

    Args:
        confusion: What to draw; each row is coloured by its shares.
        rows: What a row is: "asked" or "true".

    Returns:
        (H, W, 3) uint8 RGB.
    """
    side = CELL * len(EXPRESSIONS)
    canvas = np.full((TOP + side + 8, MARGIN + side + 8, 3), PAPER, np.uint8)
    _write(canvas, f"{rows} \\ read", (6, TOP - 22))
    for i, name in enumerate(EXPRESSIONS):
        _write(canvas, name[:9], (MARGIN + i * CELL + 2, TOP - 8), size=0.34)
        _write(canvas, name, (6, TOP + i * CELL + CELL // 2 + 4))
    for i, counts in enumerate(confusion.counts):
        for j, count in enumerate(counts):
            _cell(canvas, i, j, count, sum(counts))
    return canvas


def _cell(canvas: U8, row: int, column: int, count: int, total: int) -> None:
    share = count / max(total, 1)
    x, y = MARGIN + column * CELL, TOP + row * CELL
    canvas[y : y + CELL - 1, x : x + CELL - 1] = 255 + share * (FULL - 255)
    ink = PAPER if share > 0.5 else INK
    _write(canvas, f"{share:.0%}", (x + 8, y + CELL // 2), colour=ink)
    _write(canvas, str(count), (x + 8, y + CELL // 2 + 16), size=0.34, colour=ink)


def _write(
    canvas: U8,
    text: str,
    place: tuple[int, int],
    *,
    size: float = 0.42,
    colour: Sequence[int] = INK,
) -> None:
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
