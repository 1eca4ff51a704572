"""A stand-in for RAF-DB: its layout and names, with the example's face in every picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from ecgan.engine.types import U8

FACE_X, FACE_Y, REACH = 232, 150, 62
"""Middle of the face in the example photo, and how far a tight crop goes from it, in pixels."""


def tight_face(photo: U8, number: int) -> Image.Image:
    """The photo's face as RAF-DB frames faces, 100x100, each time a little different."""
    rng = np.random.default_rng(number)
    x, y = rng.integers(-6, 7, 2)
    image = Image.fromarray(photo)
    if number % 2:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        x = photo.shape[1] - 2 * FACE_X - x
    left, top = FACE_X - REACH + int(x), FACE_Y - REACH + int(y)
    crop = image.crop((left, top, left + 2 * REACH, top + 2 * REACH)).resize((100, 100))
    return Image.fromarray((np.asarray(crop) * rng.uniform(0.7, 1.0)).astype(np.uint8))


def write_rafdb(basic: Path, labels: Mapping[str, int]) -> Path:
    """Write the label file of a set.

    Args:
        basic: Folder of the basic set; made.
        labels: Name, such as `train_00001`, -> 1 to 7.

    Returns:
        The folder for the pictures, `NAME_aligned.jpg`.
    """
    pictures = basic / "Image" / "aligned"
    pictures.mkdir(parents=True)
    (basic / "EmoLabel").mkdir()
    lines = "".join(f"{name}.jpg {label}\n" for name, label in labels.items())
    (basic / "EmoLabel" / "list_patition_label.txt").write_text(lines)
    return pictures
