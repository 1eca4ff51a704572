"""Aligned faces with landmarks: the rows that training reads, and access to their pictures.

Pictures stay encoded bytes on the disk until they are asked for, so memory does not grow with the set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ecgan.engine.types import F32, U8

from .shards import BrokenPicture, locate
from .sources import ALL_PHOTO, SourceFacts

_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
}


@dataclass(frozen=True)
class FaceRecord:
    """One row.

    Attributes:
        file: Name inside the shard.
        shard: The tar file, or the folder of loose files.
        source: Data source, for weights and for figures by source.
        person: Identity, for splits.
        split: "train", "val" or "test".
        landmarks: (5, 2) float32 in pixels of the stored picture.
        label: Index into ``EXPRESSIONS``, or -1.
        aligned: Whether the picture is framed like the crop template already.
        photo: (4, 2) float32 corners, in pixels of the stored picture, of the part that is photo;
            None where all of it is.
        facts: What holds for the whole source.
        weight: How often the row's data set comes, relative to the others of a mixture.
    """

    file: str
    shard: Path
    source: str
    person: str
    split: str
    landmarks: F32
    label: int
    aligned: bool
    photo: F32 | None = None
    facts: SourceFacts = ALL_PHOTO
    weight: float = 1.0

    @property
    def key(self) -> str:
        """A name that no other face of a set has."""
        return f"{self.shard.as_posix()}/{self.file}"


class FaceSet(Sequence[FaceRecord]):
    """Rows with access to their pictures.

    Raises:
        DatasetError: A shard is missing, or a row names a file that its shard does not hold.
    """

    def __init__(self, records: Iterable[FaceRecord]) -> None:
        self.records = list(records)
        self._spans = locate((r.shard, r.file) for r in self.records)

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
            BrokenPicture: The bytes are not a picture.
        """
        record = self.records[index]
        data = np.frombuffer(self._spans[record.shard, record.file].read(), np.uint8)
        picture = cv2.imdecode(data, _REDUCED[reduce]) if data.size else None
        if picture is None:
            raise BrokenPicture(f"'{record.file}' in '{record.shard}' is not a readable picture")
        return np.asarray(picture[..., ::-1])

    def select(self, split: str, sources: Iterable[str] | None = None) -> FaceSet:
        """Rows of a split, and of certain sources where given."""
        keep = None if sources is None else set(sources)
        return self.where(lambda r: r.split == split and (keep is None or r.source in keep))

    def where(self, wanted: Callable[[FaceRecord], bool]) -> FaceSet:
        """The rows that satisfy a condition, in their order."""
        chosen = FaceSet.__new__(FaceSet)
        chosen.records = [record for record in self.records if wanted(record)]
        chosen._spans = self._spans
        return chosen
