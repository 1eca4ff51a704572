"""Crop -> mask: where a covering is worn, through a backend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .backends.base import Backend
from .backends.pending import start
from .contract import BATCH_MAX, output_name
from .types import CROP_SIZE, F32, U8


class Segmenter:
    """Finds the covering on aligned faces.

    Args:
        backend: The opened segmenter.
        threshold: Share of the crop above which a mask is claimed, from the manifest.
        batch: Most crops that the model is given at once.

    Raises:
        ModelMismatch: The model does not have a segmenter's inputs and output.
    """

    def __init__(self, backend: Backend, threshold: float, batch: int = BATCH_MAX) -> None:
        self.backend = backend
        self.threshold = threshold
        self._batch = batch
        self._output = output_name(backend, "segmenter")

    def masks(self, crops: U8 | Sequence[U8]) -> F32:
        """Masks of aligned faces.

        Args:
            crops: (N, 256, 256, 3) uint8 RGB, or its N rows; N may be 0 or above the largest batch.

        Returns:
            (N, 256, 256) float32 in [0, 1]; 1 = covered.
        """
        levels = [np.zeros((0, CROP_SIZE, CROP_SIZE), np.uint8)]
        levels += start(self.backend, {"crop": crops}, self._output, self._batch)()
        return np.concatenate(levels).astype(np.float32) / np.float32(255)

    def claims(self, mask: F32) -> bool:
        """Whether a (256, 256) mask in [0, 1] is large enough to be a worn covering."""
        return float(mask.mean()) > self.threshold
