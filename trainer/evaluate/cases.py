"""What is evaluated: faces whose truth is known, each with a drawn mask and what the detector makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ecgan.engine.types import CROP_SIZE, F32, U8, Face

from ..data import FaceRecord, FaceSet, Sample
from ..data.samples import draw_sample
from ..synth import Covering, wear_mask
from ..synth.base import Palette
from ..synth.wearing import WELL

SHARES = (0.14, 0.25)
"""Share of the picture that a drawn mask covers: masks beyond are drawn again."""


@dataclass(frozen=True)
class Case:
    """One face with one mask.

    Attributes:
        file: Name of the picture.
        source: Data source.
        label: Index into ``EXPRESSIONS``, or -1.
        truth: (256, 256, 3) uint8 RGB, aligned.
        landmarks: (5, 2) float32 of the bare face, in pixels of the picture.
        worn: The same with the mask.
        region: (256, 256) float32, 0 or 1: where figures are taken, the mask where the picture is photo.
        faces: What the detector finds on the masked picture.
    """

    file: str
    source: str
    label: int
    truth: U8
    landmarks: F32
    worn: Covering
    region: F32
    faces: list[Face]


class Cases(Sequence[Case]):
    """Faces, evenly chosen from a set, each with one or several masks; made when they are asked for.

    Args:
        faces: Where to choose from.
        detect: Finds the faces of a picture.
        limit: Faces at most; None for all.
        masks: Masks a face.
    """

    def __init__(
        self,
        faces: FaceSet,
        detect: Callable[[U8], list[Face]],
        *,
        limit: int | None = None,
        masks: int = 1,
    ) -> None:
        self.faces, self._detect = faces, detect
        rows = evenly(len(faces), len(faces) if limit is None else limit)
        self._places = [(row, variant) for variant in range(masks) for row in rows]

    def __len__(self) -> int:
        return len(self._places)

    def row(self, number: int) -> int:
        """Which row of ``faces`` a case is made of."""
        return self._places[number][0]

    def record(self, number: int) -> FaceRecord:
        """The row that a case is made of."""
        return self.faces[self.row(number)]

    def __getitem__(self, number: int) -> Case:  # type: ignore[override]
        row, variant = self._places[number]
        record = self.faces[row]
        sample = draw_sample(self.faces, row, np.random.default_rng([0, row]), CROP_SIZE, jitter=0)
        worn = draw_masked(sample, row, variant=variant)
        return Case(
            file=record.file,
            source=record.source,
            label=record.label,
            truth=sample.image,
            landmarks=sample.landmarks,
            worn=worn,
            region=((worn.mask > 0.5) & (sample.valid > 0.5)).astype(np.float32),
            faces=self._detect(worn.image),
        )


def evenly(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` of the numbers below ``count``, evenly spread."""
    kept = min(count, wanted)
    return [i * count // kept for i in range(kept)]


def draw_masked(
    sample: Sample | Case,
    row: int,
    palette: Palette = "held-out",
    *,
    degrade: bool = False,
    variant: int = 0,
) -> Covering:
    """Draw the mask that belongs to a face: always the same, of a usual size, and well worn.

    Args:
        sample: The bare face.
        row: Number of the face in its set.
        palette: Colours and patterns.
        degrade: Also shadow, things in front, blur, noise and JPEG.
        variant: Another number, another mask.
    """
    image = sample.truth if isinstance(sample, Case) else sample.image
    rng = np.random.default_rng([0, row, variant] if variant else [0, row])
    while True:
        worn = wear_mask(image, sample.landmarks, rng, pose=WELL, palette=palette, degrade=degrade)
        if SHARES[0] <= worn.mask.mean() <= SHARES[1]:
            return worn
