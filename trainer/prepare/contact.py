"""A PNG of prepared faces for people to look at: a row an expression, landmarks marked."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import U8

from ..data.faces import FaceSet
from ..data.files import write_png
from ..data.tables import load_folder

COLUMNS = 10
SIDE = 128
MARK_COLOUR = (90, 255, 90)


def write_sheet(path: Path, folder: Path) -> None:
    """Write up to ten faces of each expression, and of those without a label.

    Args:
        path: Target, a PNG.
        folder: A prepared folder.
    """
    faces = load_folder(folder)
    rows = []
    for label, name in [*enumerate(EXPRESSIONS), (-1, "no label")]:
        chosen = [i for i, record in enumerate(faces) if record.label == label]
        if chosen:
            rows.append(_row(faces, chosen, f"{name}: {len(chosen)}"))
    write_png(path, np.concatenate(rows))


def titled(picture: U8, title: str) -> U8:
    """A picture with a line of text above it."""
    bar = np.full((22, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(bar, title, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([bar, picture])


def _row(faces: FaceSet, chosen: list[int], title: str) -> U8:
    spread = np.linspace(0, len(chosen) - 1, min(COLUMNS, len(chosen))).round().astype(int)
    cells = [_cell(faces, chosen[k]) for k in spread]
    blank = np.full((SIDE, SIDE, 3), 255, np.uint8)
    cells += [blank] * (COLUMNS - len(cells))
    return titled(np.concatenate(cells, 1), title)


def _cell(faces: FaceSet, index: int) -> U8:
    picture = faces.image(index)
    scale = SIDE / picture.shape[0]
    small = np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    for x, y in np.round(faces[index].landmarks * scale).astype(int).tolist():
        cv2.circle(small, (x, y), 1, MARK_COLOUR, -1, cv2.LINE_AA)
    return small
