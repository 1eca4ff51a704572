"""What a model file takes and gives: pre- and post-processing lie inside the graph.

The same for every runtime and every architecture, so that all of them run the same bytes:

    segmenter: crop uint8 (N, 256, 256, 3) -> mask uint8 (N, 256, 256)
    classifier: crop uint8 (N, 256, 256, 3) -> probability float32 (N, 7), features float32 (N, D)
    generator: crop uint8 (N, 256, 256, 3), mask uint8 (N, 256, 256), expression float32 (N, 7)
               -> crop uint8 (N, 256, 256, 3), equal to the input bit for bit where mask is 0

N is free, from 1 to ``BATCH_MAX``; mask 255 = repaint, 0 = keep, between = soft.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .backends.base import Backend, TensorSpec
from .errors import ModelMismatch
from .expressions import EXPRESSIONS
from .types import CROP_SIZE

BATCH_MAX = 16
"""Largest batch a model file promises to take."""

PROBABILITY, FEATURES = "probability", "features"
"""Outputs of a classifier."""

_CROP = TensorSpec(np.dtype(np.uint8), (None, CROP_SIZE, CROP_SIZE, 3))
_MASK = TensorSpec(np.dtype(np.uint8), (None, CROP_SIZE, CROP_SIZE))
_EXPRESSION = TensorSpec(np.dtype(np.float32), (None, len(EXPRESSIONS)))

INPUTS: Mapping[str, Mapping[str, TensorSpec]] = {
    "segmenter": {"crop": _CROP},
    "generator": {"crop": _CROP, "mask": _MASK, "expression": _EXPRESSION},
}
OUTPUTS: Mapping[str, TensorSpec] = {"segmenter": _MASK, "generator": _CROP}


def output_name(backend: Backend, kind: str) -> str:
    """Hold an opened model against the contract of its kind.

    Args:
        backend: The opened model.
        kind: "segmenter" or "generator".

    Returns:
        Name of its one output, which each exporter may choose.

    Raises:
        ModelMismatch: Its inputs or output differ from the contract.
    """
    fits = backend.inputs.keys() == INPUTS[kind].keys() and len(backend.outputs) == 1
    fits = fits and all(_fits(backend.inputs[name], spec) for name, spec in INPUTS[kind].items())
    fits = fits and all(_fits(found, OUTPUTS[kind]) for found in backend.outputs.values())
    if not fits:
        raise ModelMismatch(
            f"the {kind} is {_words(backend.inputs)} -> {_words(backend.outputs)}, "
            f"expected {_words(INPUTS[kind])} -> {_words({'any name': OUTPUTS[kind]})}",
            hint="export it again: ecgan export CHECKPOINT --output FOLDER",
        )
    return next(iter(backend.outputs))


def _fits(found: TensorSpec, wanted: TensorSpec) -> bool:
    """The batch must be free; a size that the exporter left open may be anything."""
    return (
        found.dtype == wanted.dtype
        and len(found.shape) == len(wanted.shape)
        and found.shape[0] is None
        and all(
            size in (None, right)
            for size, right in zip(found.shape[1:], wanted.shape[1:], strict=True)
        )
    )


def _words(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(
        f"{name} {spec.dtype} ({', '.join('N' if size is None else str(size) for size in spec.shape)})"
        for name, spec in specs.items()
    )
