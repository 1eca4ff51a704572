"""A PNG of every drawn mask on one face: each cut in several colours, each way of wearing it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ecgan.engine.errors import DatasetError
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import CROP_SIZE, F32, U8

from ..data.files import loader
from ..data.mixture import parse_spec
from ..data.samples import draw_sample
from ..data.shards import BrokenPicture
from ..synth import MASK_STYLES, POSES, Palette, distract, wear_mask
from ..synth.wearing import WELL
from .align import AlignedFace, align_faces
from .contact import titled

COLOURS = 6
"""Draws of each cut as it should sit, from the colours that training uses."""

HELD_OUT = 2
"""Draws from those that training never uses."""

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "astronaut.jpg"

BareFace = tuple[U8, F32]
"""(256, 256, 3) uint8 RGB aligned face, and its (5, 2) float32 landmarks."""


def draw_mask_sheet(face: BareFace) -> U8:
    """A row for each cut of each style, and one of what is no mask.

    Args:
        face: Whom to draw on; the same face gives the same sheet.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    others = [pose for pose in POSES if pose != WELL]
    wanted: list[tuple[str, Palette]] = [(WELL, "train")] * COLOURS
    wanted += [(pose, "train") for pose in others]
    wanted += [(WELL, "held-out")] * HELD_OUT
    columns = f"{COLOURS} x well, {', '.join(others)}, {HELD_OUT} x held-out colours"
    rows: list[U8] = []
    for style in MASK_STYLES:
        for kind in MASK_STYLES[style].KINDS:
            cells = [
                wear_mask(
                    *face,
                    np.random.default_rng([number, len(rows)]),
                    style,
                    kind=kind,
                    pose=pose,
                    palette=palette,
                ).image
                for number, (pose, palette) in enumerate(wanted)
            ]
            rows.append(titled(np.concatenate(cells, 1), f"{style}, {kind}: {columns}"))
    bare = [distract(*face, np.random.default_rng([n, 99])) for n in range(len(wanted))]
    rows.append(titled(np.concatenate(bare, 1), "no mask, and trained as such"))
    return np.concatenate(rows)


def example_face() -> BareFace:
    """The face of the example photo.

    Raises:
        DatasetError: There is none beside the program.
    """
    if not EXAMPLE.is_file():
        raise DatasetError(
            "there is no example photo beside the program",
            hint="name a photo or data set: ecgan prepare INPUT --mask-sheet OUT.png",
        )
    return _align(loader(EXAMPLE)(), str(EXAMPLE))


def face_of(text: str) -> BareFace:
    """The first usable face of a data set.

    Args:
        text: As ``parse_spec`` reads it; a table of faces is taken as it is, else faces are found.

    Raises:
        OptionError: The text cannot be read.
        DatasetError: The data is missing or broken, or shows no bare face.
    """
    spec = parse_spec(text)
    reader = spec.open()
    if reader.has_landmarks:
        faces = reader.faces(spec.path)
        for index in range(len(faces)):
            try:
                sample = draw_sample(faces, index, np.random.default_rng(0), CROP_SIZE, jitter=0)
            except BrokenPicture:
                continue
            return sample.image, sample.landmarks
        raise DatasetError(f"'{text}' holds no face")
    for picture in reader.pictures(spec.path):
        return _align(picture.load(), picture.name)
    raise DatasetError(f"'{text}' holds no picture")


def _align(image: U8, name: str) -> BareFace:
    with Unmasker() as unmasker:
        [found] = align_faces(image, unmasker, min_face=1, every=False)
    if not isinstance(found, AlignedFace):
        raise DatasetError(f"'{name}' cannot carry a drawn mask: {found.value}")
    return found.crop, found.landmarks
