"""On which faces a mask is claimed: photos of people who wear masks, and bare faces.

``python -m ecgan.benchmarks.claims DATA`` reads ``DATA/masked`` and ``DATA/faces``; a face counts
as ``ecgan unmask`` sees it: detected, aligned by its landmarks, and segmented.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from ecgan.engine.detect.boxes import overlaps
from ecgan.engine.pipeline import Unmasker
from ecgan.trainer.data import FaceSet, load_faces

from .detection import LABELS, MATCH_IOU, MIN_HEIGHT, photos

SPLIT = "val"
"""Bare faces that no network learned from."""

ANY_HEIGHT = ", boxes of any height"


def masked_photos(folder: Path, unmasker: Unmasker, *, held_out: bool) -> dict[str, Counter[str]]:
    """Counts for each label of the boxes that people drew.

    Args:
        folder: The data set's ``masked`` folder.
        unmasker: What to measure.
        held_out: The held-out photos, or all others.

    Returns:
        Label -> counts "boxes" (at least ``MIN_HEIGHT`` px high), "found" and "claimed"; the same
        for boxes of any height under the label with ``ANY_HEIGHT`` behind it.
    """
    marks = json.loads((folder / "faces.json").read_text(encoding="utf-8"))
    held = {Path(line).name for line in (folder / "holdout.txt").read_text().split()}
    counts = {label + size: Counter[str]() for label in LABELS for size in ("", ANY_HEIGHT)}
    for name, image in photos(folder):
        annotated = marks[name]["annotated"]
        if (name in held) is not held_out or not annotated:
            continue
        faces = unmasker.detect(image)
        claimed = [unmasker.segmenter.claims(c.mask) for c in unmasker.crop(image, faces)]
        boxes = np.array([face.bbox for face in faces], np.float32).reshape(-1, 4)
        for mark in annotated:
            box = np.array(mark["box"], np.float32)
            near = overlaps(box, boxes) if len(boxes) else np.zeros(0)
            found = bool(len(near)) and float(near.max()) > MATCH_IOU
            sizes = ("", ANY_HEIGHT) if box[3] - box[1] >= MIN_HEIGHT else (ANY_HEIGHT,)
            for size in sizes:
                tally = counts[mark["label"] + size]
                tally["boxes"] += 1
                tally["found"] += found
                tally["claimed"] += found and claimed[int(near.argmax())]
    return counts


def bare_faces(faces: FaceSet, unmasker: Unmasker) -> Counter[str]:
    """Counts "faces", "found" and "claimed" over pictures of one bare face each."""
    counts: Counter[str] = Counter()
    for index in range(len(faces)):
        image = faces.image(index)
        found = unmasker.detect(image)
        largest = max(found, key=lambda face: face.height, default=None)
        counts["faces"] += 1
        if largest is not None:
            counts["found"] += 1
            crop = unmasker.crop(image, [largest])[0]
            counts["claimed"] += unmasker.segmenter.claims(crop.mask)
    return counts


def main(arguments: list[str] | None = None) -> int:
    """Print the figures of the networks that ship, or of a model folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data sets")
    parser.add_argument("--models", type=Path, default=None)
    options = parser.parse_args(arguments)
    with Unmasker(models=options.models) as unmasker:
        for held_out in (False, True):
            rows = masked_photos(options.data / "masked", unmasker, held_out=held_out)
            for label, row in rows.items():
                name = "holdout" if held_out else "photos"
                size = "" if label.endswith(ANY_HEIGHT) else f", boxes of {MIN_HEIGHT} px and more"
                what = f"{name} {label}{size}"
                sys.stdout.write(f"{what}: {_line(row, row['boxes'])}\n")
        bare = load_faces(options.data / "faces" / "faces.csv").select(SPLIT)
        row = bare_faces(bare, unmasker)
        sys.stdout.write(f"bare faces of the {SPLIT} split: {_line(row, row['faces'])}\n")
    return 0


def _line(row: Counter[str], whole: int) -> str:
    found, claimed = row["found"], row["claimed"]
    return (
        f"{whole}, {found} found ({100 * found / max(whole, 1):.1f} %), "
        f"mask claimed on {claimed} ({100 * claimed / max(found, 1):.1f} % of found)"
    )


if __name__ == "__main__":
    sys.exit(main())
