"""A data folder with tables of aligned faces beside their shards, as `ecgan prepare` writes it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..base import Picture, Reader
from ..faces import FaceSet
from ..tables import load_folder


class Prepared(Reader):
    """`faces/*.csv` with tar shards; `expressions/expressions.csv` and `sources.toml` where wanted."""

    has_landmarks = True

    def recognises(self, path: Path) -> bool:
        """Whether it has a folder `faces` with a table."""
        return any((path / "faces").glob("*.csv"))

    def pictures(self, path: Path) -> list[Picture]:
        """Every row as a picture, to be detected and aligned anew."""
        return pictures_of(self.faces(path))

    def faces(self, path: Path) -> FaceSet:
        """Every row."""
        return load_folder(path)


def pictures_of(faces: FaceSet) -> list[Picture]:
    """The rows of tables as pictures."""
    return [
        Picture(r.file, r.source, partial(faces.image, i), r.label, r.person, r.split)
        for i, r in enumerate(faces)
    ]
