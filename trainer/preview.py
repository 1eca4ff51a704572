"""Sheets of what a network does, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgan.engine.types import U8


def make_sheet(rows: Sequence[Sequence[U8]]) -> U8:
    """Pictures as one: rows of (S, S, 3) uint8 RGB, equally many in each."""
    return np.concatenate([np.concatenate(list(row), 1) for row in rows], 0)
