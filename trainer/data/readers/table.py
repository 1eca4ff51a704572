"""A labelled table: one CSV file that names pictures, loose beside it or in tar files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ecgan.engine.errors import DatasetError

from ..base import Picture, Reader
from ..faces import FaceSet
from ..files import decode
from ..shards import locate
from ..tables import label_index, load_faces, read_rows, shard_path, split_name


class Table(Reader):
    """Column `file`; where known `label`, `shard`, `source`, `person`, `split`.

    With landmark columns the pictures are aligned faces, and can be trained on as they are.
    """

    def recognises(self, path: Path) -> bool:
        """Whether it is a CSV file."""
        return path.suffix.lower() == ".csv"

    def pictures(self, path: Path) -> list[Picture]:
        """Every row."""
        rows = read_rows(path)
        if rows and "file" not in rows[0]:
            raise DatasetError(f"'{path}' has no column 'file'")
        shards = [shard_path(path, row.get("shard") or ".") for row in rows]
        spans = locate((s, row["file"]) for s, row in zip(shards, rows, strict=True))
        found = []
        for number, (shard, row) in enumerate(zip(shards, rows, strict=True), start=2):
            try:
                label, split = label_index(row.get("label")), row.get("split") or ""
                split = split_name(split) if split else ""
            except ValueError as error:
                raise DatasetError(f"'{path}' line {number}: {error}") from error
            load = partial(decode, spans[shard, row["file"]], row["file"])
            source = row.get("source") or path.stem
            person = row.get("person") or ""
            found.append(Picture(row["file"], source, load, label, person, split))
        return found

    def faces(self, path: Path) -> FaceSet:
        """Every row, with its landmarks."""
        return load_faces(path)
