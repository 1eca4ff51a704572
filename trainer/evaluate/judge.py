"""The evaluation classifier: reads one of seven expressions off an aligned crop; training never sees it.

A model file of kind "classifier": crop uint8 (N, 256, 256, 3) -> ``probability`` float32 (N, 7) in the
order of ``EXPRESSIONS`` and ``features`` float32 (N, D), its penultimate layer.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecgan.engine.backends.base import Backend
from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.contract import BATCH_MAX, FEATURES, PROBABILITY
from ecgan.engine.errors import ModelMismatch, ModelMissing
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.models import CLASSIFIER, load_manifest, model_folder, verified_path
from ecgan.engine.types import CROP_SIZE, F32, U8


class Reading(NamedTuple):
    """What the classifier makes of N pictures.

    Attributes:
        probability: (N, 7) float32, rows sum to 1.
        features: (N, D) float32.
    """

    probability: F32
    features: F32


class Judge:
    """Reads expressions.

    Args:
        backend: The opened classifier.
        name: From the manifest.
        sha256: Of its file.

    Raises:
        ModelMismatch: The model does not have a classifier's input and outputs.
    """

    def __init__(self, backend: Backend, name: str, sha256: str) -> None:
        self.name, self.sha256, self._backend = name, sha256, backend
        crop = backend.inputs.get("crop")
        fits = list(backend.inputs) == ["crop"] and {PROBABILITY, FEATURES} <= set(backend.outputs)
        fits = fits and crop is not None and crop.dtype == np.uint8
        fits = fits and backend.outputs[PROBABILITY].shape[-1] == len(EXPRESSIONS)
        if not fits:
            raise ModelMismatch(
                f"the classifier is {', '.join(backend.inputs)} -> {', '.join(backend.outputs)}, "
                f"expected crop uint8 (N, {CROP_SIZE}, {CROP_SIZE}, 3) -> "
                f"{PROBABILITY} (N, {len(EXPRESSIONS)}), {FEATURES} (N, D)"
            )

    def read(self, crops: U8) -> Reading:
        """Read N >= 1 aligned crops (N, 256, 256, 3) uint8 RGB."""
        parts = [
            self._backend.run({"crop": np.ascontiguousarray(crops[start : start + BATCH_MAX])})
            for start in range(0, len(crops), BATCH_MAX)
        ]
        probability, features = (
            np.concatenate([part[name] for part in parts]) for name in (PROBABILITY, FEATURES)
        )
        return Reading(probability, features)


def open_judge(folder: Path | None, threads: int | None = None) -> Judge:
    """The evaluation classifier of a model folder.

    Args:
        folder: Where its manifest lies; None for the models that ship.
        threads: Threads to compute with; None for one per core.

    Raises:
        ModelMissing: The manifest names none, or its file is not there.
        ModelMismatch: The file is damaged, or another kind of network.
    """
    place = folder or model_folder()
    try:
        entry = load_manifest(place).of_kind(CLASSIFIER)
    except ModelMissing as missing:
        raise ModelMissing(
            f"no evaluation classifier in '{place}', so expressions cannot be read",
            hint="name a folder whose manifest has one: --classifier FOLDER",
        ) from missing
    backend = OrtBackend.open(verified_path(place, entry), device="cpu", threads=threads)
    return Judge(backend, entry.name, entry.sha256)
