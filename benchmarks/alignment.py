"""How far a drawn mask misplaces the crop: what the alignment jitter of training imitates.

``python -m ecgan.benchmarks.alignment DATA`` draws a mask on faces of the validation split, finds each as
the engine does, and compares its crop with the table's; heads that are turned more and more apart.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass

import cv2
import numpy as np

from ecgan.engine.align import crop_matrix
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import CROP_SIZE, F32, U8
from ecgan.trainer.data import FaceSet, load_data
from ecgan.trainer.data.samples import draw_sample, turn
from ecgan.trainer.data.sources import ALL_PHOTO
from ecgan.trainer.synth import wear_mask

RIM = 80
"""Pixels of mirrored picture around each crop, so that a face does not fill its frame."""

BANDS = (0.0, 0.08, 0.18, np.inf)
"""Turns of the head that are told apart."""

SIZES = (0.3, 1.0)
"""Faces are shrunk by a random factor between these."""


@dataclass(frozen=True)
class Misplacement:
    """How a crop differs from the true one.

    Attributes:
        turn: How far the head is turned, from 0; see ``trainer.data.samples.turn``.
        degrees: Rotation, towards the side to which the head is turned.
        scale: Logarithm of the scale; below 0 the face is too small in the crop.
        shift: (x, y) of the crop's centre, as shares of its side; x towards that side too.
    """

    turn: float
    degrees: float
    scale: float
    shift: tuple[float, float]


def misplacement(true_to_found: F32, turned: float) -> Misplacement:
    """Read a (2, 3) similarity from the true crop to the found one, of a head turned so far."""
    a, b = true_to_found[0, 0], true_to_found[1, 0]
    centre = np.full(2, (CROP_SIZE - 1) / 2)
    moved = true_to_found[:, :2] @ centre + true_to_found[:, 2] - centre
    side = float(np.sign(turned))
    return Misplacement(
        turn=abs(turned),
        degrees=side * float(np.degrees(np.arctan2(b, a))),
        scale=float(np.log(np.hypot(a, b))),
        shift=(side * float(moved[0]) / CROP_SIZE, float(moved[1]) / CROP_SIZE),
    )


def measure(faces: FaceSet, unmasker: Unmasker, count: int) -> tuple[list[Misplacement], int]:
    """Misplacement of up to ``count`` aligned faces with masks, and how many were not found."""
    rng = np.random.default_rng(0)
    usable = [i for i, r in enumerate(faces) if r.aligned and r.facts == ALL_PHOTO]
    found, missed = [], 0
    for index in rng.permutation(usable)[:count]:
        sample = draw_sample(faces, int(index), rng, CROP_SIZE, jitter=0)
        picture = wear_mask(sample.image, sample.landmarks, rng).image
        frame, crop_to_frame = _in_a_frame(picture, float(rng.uniform(*SIZES)))
        landmarks = _middle_face(frame, unmasker)
        if landmarks is None:
            missed += 1
            continue
        matrix = crop_matrix(landmarks)
        shift = matrix[:, :2] @ crop_to_frame[:, 2] + matrix[:, 2]
        moved = np.column_stack([matrix[:, :2] @ crop_to_frame[:, :2], shift])
        found.append(misplacement(moved, turn(sample.landmarks)))
    return found, missed


def _in_a_frame(crop: U8, size: float) -> tuple[U8, F32]:
    wide = cv2.copyMakeBorder(crop, RIM, RIM, RIM, RIM, cv2.BORDER_REFLECT_101)
    frame = cv2.resize(wide, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    shift = size * (RIM + 0.5) - 0.5
    return np.asarray(frame, np.uint8), np.array([[size, 0, shift], [0, size, shift]], np.float32)


def _middle_face(frame: U8, unmasker: Unmasker) -> F32 | None:
    middle = np.array(frame.shape[1::-1]) / 2
    reach = frame.shape[0] / 8
    near = [
        face
        for face in unmasker.detect(frame)
        if np.hypot(*((face.bbox[:2] + face.bbox[2:]) / 2 - middle)) < reach
    ]
    return max(near, key=lambda face: face.height).landmarks if near else None


def main(arguments: list[str] | None = None) -> int:
    """Print mean and standard deviation of each measure, for heads turned more and more."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="data folder, as a run names its data")
    parser.add_argument("--split", default="val", help="train, val or test")
    parser.add_argument("--count", type=int, default=360, help="faces to measure")
    options = parser.parse_args(arguments)
    with Unmasker() as unmasker:
        found, missed = measure(
            load_data(options.data).select(options.split), unmasker, options.count
        )
    sys.stdout.write(f"{len(found)} faces, {missed} not found\n")
    for least, most in itertools.pairwise(BANDS):
        band = [m for m in found if least <= m.turn < most]
        if not band:
            continue
        sys.stdout.write(f"{len(band)} faces with turn {least:.2f} to {most:.2f}\n")
        table = np.array([[m.degrees, 100 * m.scale, *(100 * v for v in m.shift)] for m in band])
        for name, column in zip(
            ("degrees", "scale, %", "shift x, % of the crop", "shift y, %"), table.T, strict=True
        ):
            sys.stdout.write(f"  {name}: mean {column.mean():+.2f}, deviation {column.std():.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
