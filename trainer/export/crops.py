"""Crops on which an exported file is held against its network: random ones, and real faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ecgan.engine.align import crop_matrix, warp_face
from ecgan.engine.detect import DETECTORS
from ecgan.engine.errors import EcganError, InputError
from ecgan.engine.jobs.report import DEFAULT_MAX_PIXELS
from ecgan.engine.media.images import read_image
from ecgan.engine.types import CROP_SIZE, U8

from ..data import load_data
from ..data.samples import draw_sample

REAL_CROPS = 8
"""Real faces at most."""


def random_crops() -> U8:
    """(4, 256, 256, 3) uint8: two smooth pictures and two of noise, always the same."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 255, (2, 3, 12, 12)).astype(np.float32))
    smooth = nn.functional.interpolate(coarse, size=CROP_SIZE, mode="bicubic").clamp(0, 255)
    noise = rng.integers(0, 256, (2, CROP_SIZE, CROP_SIZE, 3), dtype=np.uint8)
    return np.concatenate([smooth.byte().permute(0, 2, 3, 1).numpy(), noise])


def photo_crops(photos: Sequence[Path]) -> U8:
    """The faces of photos, aligned: (N, 256, 256, 3) uint8, N at most ``REAL_CROPS``.

    Raises:
        InputError: A photo cannot be read, or no face is found.
    """
    detector = DETECTORS["retinaface"]()
    found: list[U8] = []
    for photo in photos:
        frame = read_image(photo, DEFAULT_MAX_PIXELS).rgb
        found += [warp_face(frame, crop_matrix(face.landmarks)) for face in detector.detect(frame)]
    if not found:
        raise InputError("no face is found in the photos to check on")
    return np.stack(found[:REAL_CROPS])


def training_crops(data: Sequence[str]) -> U8:
    """Faces of a run's validation split, as ``photo_crops``; none where the data is not here."""
    try:
        faces = load_data(data).select("val")
    except EcganError:
        faces = None
    if not faces:
        return np.zeros((0, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    rng = np.random.default_rng(0)
    rows = np.unique(np.linspace(0, len(faces) - 1, REAL_CROPS).astype(int))
    return np.stack([draw_sample(faces, row, rng, CROP_SIZE, jitter=0).image for row in rows])
