"""Faces cut from photos of people who really wear masks, labelled by a segmenter.

It looks at each face twice, as it is and mirrored; only faces on which both views agree are kept,
so that its mistakes are not learned.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ecgan.engine.align import crop_matrix, warp_face
from ecgan.engine.errors import DatasetError
from ecgan.engine.types import CROP_SIZE, F32, U8

from .samples import jitter_matrix

MIN_HEIGHT = 40
"""Faces lower than this many pixels are too coarse to trust the segmenter on."""

MIN_SHARE, MAX_SHARE = 0.06, 0.4
"""Shares of the crop that a worn mask plausibly covers."""

MIN_AGREEMENT = 0.9
"""IoU of the two views below which a face is left out."""


See = Callable[[Sequence[U8]], F32]
"""Crops (256, 256, 3) uint8 -> masks (N, 256, 256) in [0, 1], as ``engine.segment.Segmenter.masks``."""


@dataclass(frozen=True)
class WornFace:
    """A real face with a mask, (256, 256, 3) uint8 RGB, and where the segmenter sees the mask.

    Attributes:
        image: The crop.
        mask: (256, 256) uint8, 255 = mask.
        landmarks: (5, 2) float32 in pixels of the crop.
    """

    image: U8
    mask: U8
    landmarks: F32


def collect_worn(folder: Path, see: See) -> list[WornFace]:
    """Cut and label faces from a folder of photos.

    Args:
        folder: Holds `masked_photos_*.tar`, `faces.json` with landmarks, and `holdout.txt` with
            the names of photos that must not be trained on.
        see: The segmenter.

    Raises:
        DatasetError: One of those files is missing.
    """
    try:
        marks = json.loads((folder / "faces.json").read_text(encoding="utf-8"))
        held = set((folder / "holdout.txt").read_text(encoding="utf-8").split())
    except FileNotFoundError as error:
        raise DatasetError(f"'{error.filename}' does not exist") from error
    kept = []
    for shard in sorted(folder.glob("masked_photos_*.tar")):
        with tarfile.open(shard) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is None or member.name in held:
                    continue
                photo = np.asarray(Image.open(io.BytesIO(content.read())).convert("RGB"))
                for mark in marks[member.name]["detected"]:
                    if mark["box"][3] - mark["box"][1] >= MIN_HEIGHT:
                        landmarks = np.array(mark["landmarks"], np.float32)
                        matrix = crop_matrix(landmarks)
                        crop = warp_face(photo, matrix)
                        mask = _agreed(crop, see)
                        if mask is not None:
                            marks_in_crop = landmarks @ matrix[:, :2].T + matrix[:, 2]
                            kept.append(WornFace(crop, mask, marks_in_crop))
    return kept


def draw_worn(faces: list[WornFace], rng: np.random.Generator) -> tuple[U8, F32]:
    """A jittered, mirrored copy of a random face and its mask in [0, 1]."""
    face = faces[rng.integers(len(faces))]
    matrix = jitter_matrix(rng, CROP_SIZE, 1.5)
    size = (CROP_SIZE, CROP_SIZE)
    image = cv2.warpAffine(face.image, matrix, size, borderMode=cv2.BORDER_REFLECT_101)
    mask = cv2.warpAffine(face.mask, matrix, size, borderMode=cv2.BORDER_REFLECT_101)
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return np.ascontiguousarray(image, np.uint8), mask.astype(np.float32) / np.float32(255)


def _agreed(crop: U8, see: See) -> U8 | None:
    one, mirrored = see([crop, np.ascontiguousarray(crop[:, ::-1])])
    two = mirrored[:, ::-1]
    both, either = ((one > 0.5) & (two > 0.5)).sum(), ((one > 0.5) | (two > 0.5)).sum()
    mask = (one + two) / 2
    share = float((mask > 0.5).mean())
    if both < MIN_AGREEMENT * either or not MIN_SHARE < share < MAX_SHARE:
        return None
    return np.asarray(np.rint(255 * np.clip((mask - 0.5) * 4 + 0.5, 0, 1)), np.uint8)
