"""Crop, mask, expression -> crop: paints what the covering hid, through a backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .backends.base import Backend
from .backends.pending import start
from .contract import BATCH_MAX, output_name
from .errors import OptionError
from .expressions import EXPRESSIONS
from .types import CROP_SIZE, F32, U8


class Generator:
    """Paints the masked part of aligned faces.

    Args:
        backend: The opened generator.
        auto: Whether it can do without an expression, from the manifest.
        expressions: Whether it can be asked for one, from the manifest.
        batch: Most crops that the model is given at once.

    Raises:
        ModelMismatch: The model does not have a generator's inputs and output.
    """

    def __init__(
        self, backend: Backend, *, auto: bool, expressions: bool = True, batch: int = BATCH_MAX
    ) -> None:
        self.backend = backend
        self.auto, self.expressions = auto, expressions
        self._batch = batch
        self._output = output_name(backend, "generator")

    def paint(self, crops: U8 | Sequence[U8], masks: F32, weights: F32) -> U8:
        """Paint aligned faces.

        Args:
            crops: (N, 256, 256, 3) uint8 RGB, or its N rows; N may be 0 or above the largest batch.
            masks: (N, 256, 256) float32 in [0, 1]; 1 = repaint.
            weights: (N, 7) float32 in the order of ``EXPRESSIONS``; all zeros for ``auto``.

        Returns:
            (N, 256, 256, 3) uint8 RGB, equal to ``crops`` where the mask is below 1/510.

        Raises:
            OptionError: A row of weights is all zeros and the model cannot do that, or one is not
                and the model knows no expressions.
        """
        return self.start(crops, masks, weights)()

    def start(self, crops: U8 | Sequence[U8], masks: F32, weights: F32) -> Callable[[], U8]:
        """Begin to paint; a runtime that can, computes while the caller goes on.

        Args:
            As of ``paint``; none of them may be changed before the result is there.

        Returns:
            What waits for the result of ``paint``.

        Raises:
            As ``paint`` does.
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
        feeds = {
            "crop": crops,
            "mask": np.rint(masks * np.float32(255)).astype(np.uint8),
            "expression": np.asarray(weights, np.float32),
        }
        finish = start(self.backend, feeds, self._output, self._batch)
        return lambda: np.concatenate([_NONE, *finish()])


_NONE = np.zeros((0, CROP_SIZE, CROP_SIZE, 3), np.uint8)
