"""How many faces of photos of people who wear masks the detector finds.

``python -m ecgan.benchmarks.detection DATA`` reads ``DATA/masked``: whole photos, boxes drawn by
people (``with_mask``, ``with_incorrect_mask``, ``without_mask``), and a list of held-out photos.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ecgan.engine.detect import DETECTORS, Detector
from ecgan.engine.detect.boxes import overlaps
from ecgan.engine.types import F32, U8

MIN_HEIGHT = 48
MATCH_IOU = 0.3
LABELS = ("with_mask", "with_incorrect_mask", "without_mask")


@dataclass
class Tally:
    """Counts over some photos; boxes are those of at least ``MIN_HEIGHT`` pixels."""

    photos: int = 0
    photos_with_face: int = 0
    boxes: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    annotated_photos: int = 0
    unannotated_faces: int = 0
    seconds: float = 0.0

    def lines(self, name: str) -> list[str]:
        """The figures as text."""
        rows = [f"{name}: a face in {_share(self.photos_with_face, self.photos)} of the photos"]
        for label in LABELS:
            share = _share(self.found[label], self.boxes[label])
            rows.append(f"  {label:20} boxes >= {MIN_HEIGHT} px found: {share}")
        rows.append(
            f"  faces no person annotated: {self.unannotated_faces} "
            f"in {self.annotated_photos} photos"
        )
        rows.append(f"  {1000 * self.seconds / max(self.photos, 1):.0f} ms a photo")
        return rows


def photo_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the masked photos."""
    with tarfile.open(folder / "masked_photos_0.tar") as shard:
        for member in shard:
            content = shard.extractfile(member)
            if content is not None:
                yield Path(member.name).name, content.read()


def decode(content: bytes) -> U8:
    """(H, W, 3) uint8 RGB picture of a photo's content."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def photos(folder: Path) -> Iterator[tuple[str, U8]]:
    """Names and (H, W, 3) uint8 RGB pictures of the masked photos."""
    for name, content in photo_files(folder):
        yield name, decode(content)


def measure(folder: Path, detector: Detector, *, every: int = 1) -> dict[str, Tally]:
    """Run the detector over all photos.

    Args:
        folder: The data set's ``masked`` folder.
        detector: What to measure.
        every: Take one photo in so many, for a quick look.

    Returns:
        Tallies of "photos" and of "holdout", which are apart.
    """
    marks = json.loads((folder / "faces.json").read_text(encoding="utf-8"))
    held = {Path(line).name for line in (folder / "holdout.txt").read_text().split()}
    tallies = {"photos": Tally(), "holdout": Tally()}
    for name, image in itertools.islice(photos(folder), 0, None, every):
        tally = tallies["holdout" if name in held else "photos"]
        began = time.perf_counter()
        faces = detector.detect(image, small=True)
        tally.seconds += time.perf_counter() - began
        tally.photos += 1
        tally.photos_with_face += bool(faces)
        boxes = np.array([face.bbox for face in faces], np.float32).reshape(-1, 4)
        _match(tally, marks[name]["annotated"], boxes)
    return tallies


def _match(tally: Tally, annotated: list[dict[str, object]], boxes: F32) -> None:
    known = np.zeros(len(boxes), bool)
    for mark in annotated:
        box = np.array(mark["box"], np.float32)
        near = overlaps(box, boxes) > MATCH_IOU
        known |= near
        if box[3] - box[1] >= MIN_HEIGHT:
            tally.boxes[str(mark["label"])] += 1
            tally.found[str(mark["label"])] += bool(near.any())
    if annotated:
        tally.annotated_photos += 1
        tally.unannotated_faces += int((~known).sum())


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} = {100 * part / max(whole, 1):.1f} %"


def main(arguments: list[str] | None = None) -> int:
    """Print the figures of a detector."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data sets, with masked/ inside")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args(arguments)
    detector = DETECTORS["retinaface"](threads=options.threads)
    for name, tally in measure(options.data / "masked", detector).items():
        sys.stdout.write("\n".join(tally.lines(name)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
