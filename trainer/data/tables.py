"""Tables of faces: CSV files beside tar shards or loose pictures.

A row names a picture (`file`), the tar or folder it lies in (`shard`), its `source`, `person`, `split`,
five landmarks (`lex ley rex rey nox noy mlx mly mrx mry`, pixels of the stored picture) and, where
known, an expression (`label`) and the corners of the part that is photo (`photo`: eight numbers).
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ecgan.engine.errors import DatasetError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import F32

from .faces import FaceRecord, FaceSet
from .sources import ALL_PHOTO, FACTS_NAME, SourceFacts, read_facts
from .splits import SPLITS

LANDMARK_COLUMNS = ("lex", "ley", "rex", "rey", "nox", "noy", "mlx", "mly", "mrx", "mry")
PHOTO_COLUMN = "photo"


def load_faces(table: Path) -> FaceSet:
    """Read a table of aligned faces; a shard's path is relative to its folder, or to the one above.

    Args:
        table: CSV file whose pictures are framed like the crop template.

    Raises:
        DatasetError: The file is missing, a column is missing, or a value cannot be read.
    """
    return FaceSet(_read_faces(table, True, _facts_near(table)))


def load_folder(folder: Path) -> FaceSet:
    """All faces of a data folder: `faces/*.csv` (aligned) and `expressions/expressions.csv`.

    A picture that both name takes its row, with the label, from the expressions. `sources.toml` in
    the folder may state facts about sources.

    Raises:
        DatasetError: The folder has no `faces/faces.csv`, or a table or shard is broken.
    """
    tables = sorted((folder / "faces").glob("*.csv"))
    if not tables:
        raise DatasetError(
            f"no table in '{folder / 'faces'}'",
            hint="expected faces/faces.csv beside its tar shards; ecgan prepare makes such a folder",
        )
    facts = read_facts(folder)
    rows = {(r.shard.name, r.file): r for t in tables for r in _read_faces(t, True, facts)}
    labelled = folder / "expressions" / "expressions.csv"
    if labelled.exists():
        rows |= {(r.shard.name, r.file): r for r in _read_faces(labelled, False, facts)}
    return FaceSet(rows.values())


def read_rows(table: Path) -> list[dict[str, str]]:
    """The rows of a CSV file as text.

    Raises:
        DatasetError: It is missing, or is not a table in UTF-8.
    """
    try:
        with table.open(newline="", encoding="utf-8") as handle:
            return list(csv.DictReader(handle))
    except FileNotFoundError:
        raise DatasetError(f"table '{table}' does not exist") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"'{table}' is not a CSV file in UTF-8: {error}") from error


def label_index(text: str | None) -> int:
    """Index of a table's label, -1 for none.

    Raises:
        ValueError: It is no expression.
    """
    if not text:
        return -1
    if text not in EXPRESSIONS:
        raise ValueError(f"label '{text}' is not one of {', '.join(EXPRESSIONS)}")
    return EXPRESSIONS.index(text)


def split_name(text: str) -> str:
    """A table's split.

    Raises:
        ValueError: It is none.
    """
    if text not in SPLITS:
        raise ValueError(f"split '{text}' is not one of {', '.join(SPLITS)}")
    return text


def shard_path(table: Path, name: str) -> Path:
    """A shard named in a table: relative to the table's folder, or to the one above."""
    beside = table.parent / name
    return beside if beside.exists() else table.parent.parent / name


def _facts_near(table: Path) -> dict[str, SourceFacts]:
    folder = table.parent
    return read_facts(folder if (folder / FACTS_NAME).is_file() else folder.parent)


def _read_faces(table: Path, aligned: bool, facts: dict[str, SourceFacts]) -> list[FaceRecord]:
    records = []
    for number, row in enumerate(read_rows(table), start=2):
        try:
            records.append(_record(table, row, aligned, facts))
        except KeyError as error:
            raise DatasetError(f"'{table}' has no column {error}") from error
        except ValueError as error:
            raise DatasetError(f"'{table}' line {number}: {error}") from error
    return records


def _record(
    table: Path, row: dict[str, str], aligned: bool, facts: dict[str, SourceFacts]
) -> FaceRecord:
    if None in row.values():
        raise ValueError("fewer cells than columns")
    shard = shard_path(table, row["shard"])
    corners = row.get(PHOTO_COLUMN)
    return FaceRecord(
        file=row["file"],
        shard=shard,
        source=row["source"],
        person=row["person"],
        split=split_name(row["split"]),
        landmarks=_points([row[c] for c in LANDMARK_COLUMNS], 5),
        label=label_index(row.get("label")),
        # tables that mix aligned shards with others name the aligned ones by folder
        aligned=aligned or shard.parent.name == "faces",
        photo=_points(corners.split(), 4) if corners else None,
        facts=facts.get(row["source"], ALL_PHOTO),
    )


def _points(numbers: list[str], count: int) -> F32:
    if len(numbers) != 2 * count:
        raise ValueError(f"'{' '.join(numbers)}' is not {2 * count} numbers")
    return np.array([float(v) for v in numbers], np.float32).reshape(count, 2)
