"""Drawn faces with labels, whose persons are of the halves and splits that a test asks for."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.trainer.data.splits import half_of

KINDS = (
    ("train", "even", (*EXPRESSIONS, "")),
    ("train", "odd", (*EXPRESSIONS, "")),
    ("val", "even", EXPRESSIONS),
    ("val", "odd", EXPRESSIONS),
    ("test", "even", EXPRESSIONS[:2]),
)
"""Split and half of the persons, and the labels of their faces, one each: all that were drawn."""


def persons(half: str) -> Iterator[str]:
    """Names of one half, without end."""
    return (name for number in count() if half_of(name := f"person {number}") == half)


def label_faces(root: Path) -> None:
    """Give the faces that ``write_faces`` drew such persons."""
    path = root / "faces" / "faces.csv"
    with path.open(newline="") as handle:
        drawn = list(csv.DictReader(handle))
    names = {half: persons(half) for half in ("even", "odd")}
    rows = [
        {"split": split, "person": next(names[half]), "label": label}
        for split, half, labels in KINDS
        for label in labels
    ]
    rows = [face | row for face, row in zip(drawn, rows, strict=True)]
    with path.open("w", newline="") as handle:
        table = csv.DictWriter(handle, list(drawn[0]))
        table.writeheader()
        table.writerows(rows)
