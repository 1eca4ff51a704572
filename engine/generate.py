"""Crop, mask, expression -> crop: paints what the covering hid, through a backend."""

from __future__ import annotations

import numpy as np

from .backends.base import Backend
from .contract import BATCH_MAX, output_name
from .errors import OptionError
from .expressions import EXPRESSIONS
from .types import F32, U8


class Generator:
    """Paints the masked part of aligned faces.

    Args:
        backend: The opened generator.
        auto: Whether it can do without an expression, from the manifest.
        expressions: Whether it can be asked for one, from the manifest.

    Raises:
        ModelMismatch: The model does not have a generator's inputs and output.
    """

    def __init__(self, backend: Backend, *, auto: bool, expressions: bool = True) -> None:
        self.backend = backend
        self.auto, self.expressions = auto, expressions
        self._output = output_name(backend, "generator")

    def paint(self, crops: U8, masks: F32, weights: F32) -> U8:
        """Paint aligned faces.

        Args:
            crops: (N, 256, 256, 3) uint8 RGB; N may be 0 or above the largest batch.
            masks: (N, 256, 256) float32 in [0, 1]; 1 = repaint.
            weights: (N, 7) float32 in the order of ``EXPRESSIONS``; all zeros for ``auto``.

        Returns:
            (N, 256, 256, 3) uint8 RGB, equal to ``crops`` where the mask is below 1/510.

        Raises:
            OptionError: A row of weights is all zeros and the model cannot do that, or one is not
                and the model knows no expressions.
        """
        if not self.expressions and weights.any():
            raise OptionError(
                "this generator knows no expressions", hint="leave --expression out, or say auto"
            )
        if not self.auto and len(weights) and not weights.any(axis=1).all():
            raise OptionError(
                "this generator cannot do expression 'auto'",
                hint=f"choose one of {', '.join(EXPRESSIONS)} with --expression",
            )
        levels = np.rint(masks * np.float32(255)).astype(np.uint8)
        painted = [np.zeros((0, *crops.shape[1:]), np.uint8)]
        for start in range(0, len(crops), BATCH_MAX):
            part = slice(start, start + BATCH_MAX)
            feeds = {
                "crop": np.ascontiguousarray(crops[part]),
                "mask": np.ascontiguousarray(levels[part]),
                "expression": np.ascontiguousarray(weights[part], np.float32),
            }
            painted.append(self.backend.run(feeds)[self._output])
        return np.concatenate(painted)
