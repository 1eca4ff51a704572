"""Faces in uncompressed tar shards described by CSV files.

A CSV row names a picture (`file`), the tar it lies in (`shard`), its `source`, `person`, `split`,
five landmarks (`lex ley rex rey nox noy mlx mly mrx mry`, pixels of the stored picture) and,
where known, an expression (`label`). Pictures stay JPEG bytes on disk until they are asked for,
so memory does not grow with the set.
"""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ecgan.engine.errors import DatasetError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import F32, U8

SPLITS = ("train", "val", "test")
LANDMARK_COLUMNS = ("lex", "ley", "rex", "rey", "nox", "noy", "mlx", "mly", "mrx", "mry")


@dataclass(frozen=True)
class FaceRecord:
    """One row.

    Attributes:
        file: Name inside the shard.
        shard: Path of the tar file.
        source: Data source, for weights and for figures by source.
        person: Identity, for splits.
        split: "train", "val" or "test".
        landmarks: (5, 2) float32 in pixels of the stored picture.
        label: Index into ``EXPRESSIONS``, or -1.
        aligned: Whether the picture is framed like the crop template already.
    """

    file: str
    shard: Path
    source: str
    person: str
    split: str
    landmarks: F32
    label: int
    aligned: bool


class FaceSet(Sequence[FaceRecord]):
    """Rows with access to their pictures.

    Raises:
        DatasetError: A shard is missing, or a row names a file that its shard does not hold.
    """

    def __init__(self, records: Iterable[FaceRecord]) -> None:
        self.records = list(records)
        self._spans = _index_shards({r.shard for r in self.records})
        for record in self.records:
            if (record.shard, record.file) not in self._spans:
                raise DatasetError(f"'{record.file}' is not in '{record.shard}'")

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> FaceRecord:  # type: ignore[override]
        return self.records[index]

    def image(self, index: int, *, reduce: int = 1) -> U8:
        """Decode a picture.

        Args:
            index: Row.
            reduce: 1, 2 or 4: decode at that fraction of the size, which costs less.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            DatasetError: The bytes are not a picture.
        """
        record = self.records[index]
        offset, size = self._spans[record.shard, record.file]
        with record.shard.open("rb") as handle:
            handle.seek(offset)
            data = np.frombuffer(handle.read(size), np.uint8)
        flag = {
            1: cv2.IMREAD_COLOR,
            2: cv2.IMREAD_REDUCED_COLOR_2,
            4: cv2.IMREAD_REDUCED_COLOR_4,
        }[reduce]
        picture = cv2.imdecode(data, flag)
        if picture is None:
            raise DatasetError(f"'{record.file}' in '{record.shard}' is not a readable picture")
        return np.asarray(picture[..., ::-1])

    def select(self, split: str, sources: Iterable[str] | None = None) -> FaceSet:
        """Rows of a split, and of certain sources where given."""
        keep = None if sources is None else set(sources)
        chosen = FaceSet.__new__(FaceSet)
        chosen.records = [
            r for r in self.records if r.split == split and (keep is None or r.source in keep)
        ]
        chosen._spans = self._spans
        return chosen


def load_faces(table: Path) -> FaceSet:
    """Read a table of aligned faces; a shard's path is relative to its folder, or to the one above.

    Args:
        table: CSV file whose pictures are framed like the crop template.

    Raises:
        DatasetError: The file is missing, a column is missing, or a value cannot be read.
    """
    return FaceSet(_read_table(table, True))


def load_folder(folder: Path) -> FaceSet:
    """All faces of a data folder: `faces/*.csv` (aligned) and `expressions/expressions.csv`.

    A picture that both name takes its row, with the label, from the expressions.

    Raises:
        DatasetError: The folder has no `faces/faces.csv`, or a table or shard is broken.
    """
    tables = sorted((folder / "faces").glob("*.csv"))
    if not tables:
        raise DatasetError(
            f"no table in '{folder / 'faces'}'",
            hint="expected faces/faces.csv beside its tar shards",
        )
    rows = {(r.shard.name, r.file): r for table in tables for r in _read_table(table, True)}
    labelled = folder / "expressions" / "expressions.csv"
    if labelled.exists():
        rows |= {(r.shard.name, r.file): r for r in _read_table(labelled, False)}
    return FaceSet(rows.values())


def _read_table(table: Path, aligned: bool) -> list[FaceRecord]:
    try:
        with table.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
    except FileNotFoundError:
        raise DatasetError(f"table '{table}' does not exist") from None
    records = []
    for number, row in enumerate(rows, start=2):
        try:
            records.append(_record(table, row, aligned))
        except KeyError as error:
            raise DatasetError(f"'{table}' has no column {error}") from error
        except ValueError as error:
            raise DatasetError(f"'{table}' line {number}: {error}") from error
    return records


def _record(table: Path, row: dict[str, str], aligned: bool) -> FaceRecord:
    if row["split"] not in SPLITS:
        raise ValueError(f"split '{row['split']}' is not one of {', '.join(SPLITS)}")
    label = row.get("label") or ""
    if label and label not in EXPRESSIONS:
        raise ValueError(f"label '{label}' is not one of {', '.join(EXPRESSIONS)}")
    points = np.array([float(row[c]) for c in LANDMARK_COLUMNS], np.float32).reshape(5, 2)
    beside = table.parent / row["shard"]
    shard = beside if beside.exists() else table.parent.parent / row["shard"]
    return FaceRecord(
        file=row["file"],
        shard=shard,
        source=row["source"],
        person=row["person"],
        split=row["split"],
        landmarks=points,
        label=EXPRESSIONS.index(label) if label else -1,
        # tables that mix aligned shards with others name the aligned ones by folder
        aligned=aligned or shard.parent.name == "faces",
    )


def _index_shards(shards: Iterable[Path]) -> dict[tuple[Path, str], tuple[int, int]]:
    spans: dict[tuple[Path, str], tuple[int, int]] = {}
    for shard in sorted(shards):
        try:
            with tarfile.open(shard, "r:") as archive:
                for member in archive:
                    spans[shard, member.name] = (member.offset_data, member.size)
        except FileNotFoundError:
            raise DatasetError(f"shard '{shard}' does not exist") from None
        except tarfile.TarError as error:
            raise DatasetError(f"shard '{shard}' is not an uncompressed tar: {error}") from error
    return spans
