"""Sheets of what a network does, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ecgan.engine.types import U8


def make_sheet(rows: Sequence[Sequence[U8]]) -> U8:
    """Pictures as one: rows of (S, S, 3) uint8 RGB, equally many in each."""
    return np.concatenate([np.concatenate(list(row), 1) for row in rows], 0)


def save_sheet(path: Path, sheet: U8) -> None:
    """Write a (H, W, 3) uint8 RGB picture as a PNG.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(".png", sheet[..., ::-1])
    if done:
        path.write_bytes(data.tobytes())
