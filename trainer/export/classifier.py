"""The judge of expressions to its model file: one file, checked before it gets its name."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.contract import FEATURES, PROBABILITY
from ecgan.engine.errors import ParityError
from ecgan.engine.types import F32, U8

from ..networks.expression_judge import ExpressionJudge
from .contract import ClassifierContract
from .fold import fold_batch_norm
from .graph import build_model, rounded_to_half, save_model, store_half
from .write import Exported, named

logger = logging.getLogger(__name__)

MAX_PROBABILITY = 1e-3
"""Largest difference of a probability between torch and the file."""

MAX_STORED = 1e-2
"""What storing weights as float16 may move a probability by."""


def export_classifier(network: ExpressionJudge, folder: Path, name: str, crops: U8) -> Exported:
    """Write ``NAME.onnx``, or nothing.

    Args:
        network: As trained, in evaluation mode, float32.
        folder: Target; must exist.
        name: Of the file.
        crops: (N, 256, 256, 3) uint8 aligned faces to check on, N at least 2.

    Raises:
        ParityError: The file differs from the network by more than is allowed.
    """
    trained = ClassifierContract(network).eval()
    one = torch.from_numpy(crops[:1])
    folded = fold_batch_norm(network, lambda copy: ClassifierContract(copy)(one))
    contract = ClassifierContract(folded).eval()
    wanted = _by_torch(trained, crops)
    rounded = _by_torch(ClassifierContract(rounded_to_half(folded)).eval(), crops)
    cost = _gap(rounded.probability, wanted.probability)
    is_stored_half = cost < MAX_STORED
    part = folder / f".{name}.onnx.part"
    try:
        logger.info("writing %s.onnx and comparing it with torch on %d crops", name, len(crops))
        model = build_model(
            contract, {"crop": crops}, [PROBABILITY, FEATURES], part.with_suffix(".trace")
        )
        if is_stored_half:
            store_half(model)
        save_model(model, part)
        expected = rounded if is_stored_half else wanted
        found = by_onnxruntime(part, crops)
        worst = _gap(found.probability, expected.probability)
        if not worst <= MAX_PROBABILITY:
            raise ParityError(
                f"a probability of the exported file differs from torch by {worst:.4f}, "
                f"{MAX_PROBABILITY} allowed"
            )
        file = named(part)
    finally:
        part.unlink(missing_ok=True)
    figures = {
        "export_worst_probability": round(worst, 6),
        "export_worst_feature": round(_gap(found.features, expected.features), 6),
        "stored_bits": 16.0 if is_stored_half else 32.0,
        "stored_half_worst_probability": round(cost, 6),
    }
    return Exported(file, None, figures)


@dataclass(frozen=True)
class Found:
    """What a batch reads: (N, 7) and (N, D)."""

    probability: F32
    features: F32


def _by_torch(contract: ClassifierContract, crops: U8) -> Found:
    with torch.no_grad():
        probability, features = contract(torch.from_numpy(crops))
    return Found(probability.numpy(), features.numpy())


def by_onnxruntime(path: Path, crops: U8) -> Found:
    """What the file makes of crops, a row at a time: that also tries a batch which is not the one that was traced."""
    backend = OrtBackend.open(path, device="cpu")
    try:
        rows = [backend.run({"crop": crops[i : i + 1]}) for i in range(len(crops))]
    finally:
        backend.close()
    return Found(*(np.concatenate([row[key] for row in rows]) for key in (PROBABILITY, FEATURES)))


def _gap(found: F32, wanted: F32) -> float:
    return float(np.abs(found - wanted).max())
