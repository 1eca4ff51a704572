"""Contact sheets of what a network does, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ecgan.engine.types import U8


def save_grid(path: Path, rows: Sequence[Sequence[U8]]) -> None:
    """Write pictures of one size as a PNG table.

    Args:
        path: Target.
        rows: Rows of (S, S, 3) uint8 RGB pictures, equally many in each.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = np.concatenate([np.concatenate(list(row), 1) for row in rows], 0)
    done, data = cv2.imencode(".png", sheet[..., ::-1])
    if done:
        path.write_bytes(data.tobytes())
