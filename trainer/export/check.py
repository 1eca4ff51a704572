"""How far a model file is from the network it was made of, in levels of 255."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.errors import ParityError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import U8

from .contract import Contract, SegmenterContract

Feeds = Mapping[str, np.ndarray]

MAX_LEVELS = 1.0
"""Largest difference between torch and the float32 file: the last digit may round either way."""

MAX_STORED = 0.5
"""What storing weights as float16 may move a value by, before it is rounded to a level."""

MIN_PSNR = 50.0
"""Least agreement of the float16 file with the float32 one over what is painted, in dB."""

SAME = 99.0
"""Stands for no difference at all, in dB."""


@dataclass(frozen=True)
class Difference:
    """Between two results over the same crops, in levels of 255.

    Attributes:
        worst: Largest.
        mean: Average.
        psnr: In dB over what is painted or, for a mask, over all of it.
    """

    worst: float
    mean: float
    psnr: float


def make_feeds(contract: Contract, crops: U8) -> dict[str, np.ndarray]:
    """Inputs to check on: a soft-edged mask over the lower face, each expression and none in turn.

    Args:
        contract: Whose inputs they are.
        crops: (N, 256, 256, 3) uint8.
    """
    feeds: dict[str, np.ndarray] = {"crop": crops}
    if not isinstance(contract, SegmenterContract):
        mask = np.zeros(crops.shape[:3], np.uint8)
        mask[:, 136:240, 66:194] = 128
        mask[:, 140:236, 70:190] = 255
        rows = np.arange(len(crops)) % (len(EXPRESSIONS) + 1)
        weights = np.vstack([np.eye(len(EXPRESSIONS)), np.zeros((1, len(EXPRESSIONS)))])
        feeds |= {"mask": mask, "expression": weights.astype(np.float32)[rows]}
    return feeds


def by_torch(contract: Contract, feeds: Feeds, *, rounded: bool = True) -> np.ndarray:
    """What torch makes of the feeds, a row at a time: uint8, or float32 levels not yet rounded."""
    call = contract if rounded else contract.levels
    with torch.no_grad():
        rows = [call(*(torch.from_numpy(value) for value in row.values())) for row in _rows(feeds)]
    return torch.cat(rows).numpy()


def by_onnxruntime(path: Path, feeds: Feeds) -> np.ndarray:
    """What ONNX Runtime on the CPU makes of the feeds, a row at a time: uint8."""
    backend = OrtBackend.open(path, device="cpu")
    try:
        return np.concatenate([next(iter(backend.run(row).values())) for row in _rows(feeds)])
    finally:
        backend.close()


def compare(found: np.ndarray, wanted: np.ndarray, feeds: Feeds) -> Difference:
    """The difference of two results of the same feeds."""
    gap = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
    painted = gap[feeds["mask"] > 0] if "mask" in feeds else gap
    error = float(np.square(painted).mean())
    psnr = min(SAME, 10 * np.log10(255**2 / error)) if error else SAME
    return Difference(float(gap.max()), float(gap.mean()), float(psnr))


def require_parity(found: Difference) -> None:
    """Refuse a float32 file that differs from torch.

    Raises:
        ParityError: By more than ``MAX_LEVELS`` at some sample.
    """
    if not found.worst <= MAX_LEVELS:
        raise ParityError(
            f"the exported file differs from torch by {found.worst:.0f} of 255, "
            f"{MAX_LEVELS:.0f} allowed"
        )


def require_half_parity(found: Difference) -> None:
    """Refuse a float16 file that differs from the float32 one.

    Raises:
        ParityError: They agree to less than ``MIN_PSNR``.
    """
    if not found.psnr >= MIN_PSNR:
        raise ParityError(
            f"in float16 the file agrees with the float32 one to {found.psnr:.1f} dB, "
            f"at least {MIN_PSNR:.0f} expected",
            hint="--fp32-only writes the float32 file alone",
        )


def _rows(feeds: Feeds) -> list[dict[str, np.ndarray]]:
    count = len(feeds["crop"])
    return [{name: value[i : i + 1] for name, value in feeds.items()} for i in range(count)]
