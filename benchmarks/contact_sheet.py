"""A sheet of faces: bare, with a drawn mask, and without it in every expression.

``python -m ecgan.benchmarks.contact_sheet OUT.jpg --data DATA`` takes faces of the validation split that may be
shown (the Face Research Lab London Set and generated portraits), every one of them in turn, so
that nobody picks the good ones. ``--photo FILE`` makes a row of one photo instead: as it is, where
is painted, happy, neutral.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ecgan.engine.expressions import AUTO, EXPRESSIONS
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import U8
from ecgan.trainer.data import FaceSet, load_faces
from ecgan.trainer.data.samples import draw_sample
from ecgan.trainer.synth import wear_mask

SHOWN = ("webmorph__london-", "sd3__")
"""Beginnings of the names of pictures that may be published; see THIRD_PARTY_NOTICES."""

CELL = 160
COLUMNS = (AUTO, *EXPRESSIONS)


def sheet(faces: FaceSet, unmasker: Unmasker, *, count: int, seed: int = 0) -> U8:
    """Draw the sheet.

    Args:
        faces: Where to take faces from, evenly spread.
        unmasker: What takes the masks off.
        count: Rows.
        seed: Of the masks.

    Returns:
        (count * 160, 10 * 160, 3) uint8 RGB: bare, masked, auto, the seven expressions.
    """
    rows = []
    for index in np.linspace(0, len(faces) - 1, count).astype(int):
        rng = np.random.default_rng([seed, int(index)])
        sample = draw_sample(faces, int(index), rng, 256, jitter=0)
        masked = wear_mask(sample.image, sample.landmarks, rng, degrade=False).image
        results = unmasker.unmask_each(masked, COLUMNS, faces="largest")
        rows.append(_row([sample.image, masked, *(result.image for result in results)]))
    return np.concatenate(rows, 0)


def photo_row(photo: U8, unmasker: Unmasker) -> U8:
    """(320, 1280, 3) uint8 RGB: the photo's largest face, where is painted, happy, neutral."""
    happy, neutral = unmasker.unmask_each(photo, ["happiness", "neutral"])
    tint = np.array([255, 0, 160], np.float32)
    where = 0.6 * happy.mask[..., None]
    region = (photo * (1 - where) + tint * where).astype(np.uint8)
    face = max((result.face for result in happy.faces), key=lambda face: face.height)
    (x, y), half = (face.bbox[:2] + face.bbox[2:]) / 2, 1.1 * face.height
    rows, columns = (slice(max(0, int(c - half)), int(c + half)) for c in (y, x))
    pictures = (photo, region, happy.image, neutral.image)
    return _row([picture[rows, columns] for picture in pictures], side=320)


def _row(pictures: Sequence[U8], side: int = CELL) -> U8:
    small = [Image.fromarray(p).resize((side, side), Image.Resampling.LANCZOS) for p in pictures]
    return np.concatenate([np.asarray(picture) for picture in small], 1)


def main(arguments: list[str] | None = None) -> int:
    """Write the sheet of the networks that ship, or of a model folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--photo", type=Path, default=None, help="a row of this photo instead")
    options = parser.parse_args(arguments)
    if options.photo is None and options.data is None:
        parser.error("name --data or --photo")
    with Unmasker(models=options.models) as unmasker:
        if options.photo is not None:
            with Image.open(options.photo) as photo:
                picture = photo_row(np.asarray(photo.convert("RGB")), unmasker)
        else:
            table = options.data / "faces" / "faces.csv"
            faces = load_faces(table).select("val")
            chosen = FaceSet(record for record in faces if record.file.startswith(SHOWN))
            picture = sheet(chosen, unmasker, count=min(options.count, len(chosen)))
    Image.fromarray(picture).save(options.output, quality=88)
    sys.stdout.write(f"{options.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
