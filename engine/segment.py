"""Crop -> mask: where a covering is worn, through a backend."""

from __future__ import annotations

import numpy as np

from .backends.base import Backend
from .contract import BATCH_MAX, output_name
from .types import CROP_SIZE, F32, U8


class Segmenter:
    """Finds the covering on aligned faces.

    Args:
        backend: The opened segmenter.
        threshold: Share of the crop above which a mask is claimed, from the manifest.

    Raises:
        ModelMismatch: The model does not have a segmenter's inputs and output.
    """

    def __init__(self, backend: Backend, threshold: float) -> None:
        self.backend = backend
        self.threshold = threshold
        self._output = output_name(backend, "segmenter")

    def masks(self, crops: U8) -> F32:
        """Masks of aligned faces.

        Args:
            crops: (N, 256, 256, 3) uint8 RGB; N may be 0 or above the largest batch.

        Returns:
            (N, 256, 256) float32 in [0, 1]; 1 = covered.
        """
        levels = [np.zeros((0, CROP_SIZE, CROP_SIZE), np.uint8)]
        for start in range(0, len(crops), BATCH_MAX):
            batch = np.ascontiguousarray(crops[start : start + BATCH_MAX])
            levels.append(self.backend.run({"crop": batch})[self._output])
        return np.concatenate(levels).astype(np.float32) / np.float32(255)

    def claims(self, mask: F32) -> bool:
        """Whether a (256, 256) mask in [0, 1] is large enough to be a worn covering."""
        return float(mask.mean()) > self.threshold
