"""Faces in stacks, for networks that look at all of them once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ecgan.engine.types import U8

from .faces import FaceSet
from .samples import draw_sample


def stacks(faces: FaceSet, size: int, at_once: int) -> Iterator[U8]:
    """Aligned faces in their order, without jitter: (N, size, size, 3) uint8 RGB.

    Args:
        faces: The set.
        size: Side of the pictures.
        at_once: N of every stack but the last.

    Raises:
        BrokenPicture: A picture cannot be decoded.
    """
    rng = np.random.default_rng(0)  # nothing is drawn without jitter
    for begin in range(0, len(faces), at_once):
        rows = range(begin, min(begin + at_once, len(faces)))
        yield np.stack([draw_sample(faces, i, rng, size, jitter=0).image for i in rows])
