"""One trained network to its model files, checked before they get their names."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import nn

from ecgan.engine.types import U8

from . import check
from .contract import Contract, SegmenterContract, TrainingInput, with_contract
from .fold import fold
from .graph import build_model, rounded_to_half, save_model, store_half
from .half import LARGEST, HalfNetwork, largest_activation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelFile:
    """A written file.

    Attributes:
        path: Where.
        sha256: Of its bytes.
    """

    path: Path
    sha256: str


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        full: The file that computes in float32.
        half: The file whose trunk computes in float16; None where only the other was asked for.
        figures: What the checks measured, name -> value.
    """

    full: ModelFile
    half: ModelFile | None
    figures: dict[str, float]


def export_onnx(
    network: nn.Module,
    folder: Path,
    name: str,
    crops: U8,
    *,
    scale: TrainingInput,
    half: bool = True,
) -> Exported:
    """Write ``NAME.onnx`` and ``NAME.fp16.onnx``, or neither.

    Args:
        network: As trained, in evaluation mode, float32.
        folder: Target; must exist.
        name: Of the files.
        crops: (N, 256, 256, 3) uint8 aligned faces to check on.
        scale: What it was shown in training.
        half: Whether to write the second file.

    Raises:
        ParityError: A file differs from what it was made of by more than is allowed.
    """
    trained = with_contract(network, scale).eval()
    feeds = check.make_feeds(trained, crops)
    one = tuple(torch.from_numpy(value[:1]) for value in feeds.values())
    folded = fold(network, lambda copy: with_contract(copy, scale)(*one), scale.side)
    parts = [folder / f".{name}.onnx.part", folder / f".{name}.fp16.onnx.part"][: 1 + half]
    try:
        logger.info("writing %s.onnx and comparing it with torch on %d crops", name, len(crops))
        figures = _write_full(trained, folded, scale, feeds, parts[0])
        if half:
            logger.info("writing %s.fp16.onnx and comparing it with the first", name)
            contract = with_contract(HalfNetwork(folded), scale).eval()
            save_model(_traced(contract, feeds, parts[1]), parts[1])
            figures |= _check_half(with_contract(folded, scale), feeds, *parts)
        files = [named(part) for part in parts]
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return Exported(files[0], files[1] if half else None, figures)


def _write_full(
    trained: Contract, folded: nn.Module, scale: TrainingInput, feeds: check.Feeds, part: Path
) -> dict[str, float]:
    contract = with_contract(folded, scale).eval()
    model = _traced(contract, feeds, part)
    rounded = with_contract(rounded_to_half(folded), scale).eval()
    cost = check.compare(
        check.by_torch(rounded, feeds, rounded=False),
        check.by_torch(contract, feeds, rounded=False),
        feeds,
    )
    is_stored_half = cost.worst < check.MAX_STORED
    if is_stored_half:
        store_half(model)
    save_model(model, part)
    found = check.compare(check.by_onnxruntime(part, feeds), check.by_torch(trained, feeds), feeds)
    check.require_parity(found)
    return {
        "export_worst_level": found.worst,
        "export_mean_level": round(found.mean, 5),
        "stored_bits": 16.0 if is_stored_half else 32.0,
        "stored_half_worst_level": round(cost.worst, 3),
    }


def _check_half(folded: Contract, feeds: check.Feeds, full: Path, half: Path) -> dict[str, float]:
    found = check.compare(
        check.by_onnxruntime(half, feeds), check.by_onnxruntime(full, feeds), feeds
    )
    check.require_half_parity(found)
    largest = largest_activation(folded, tuple(torch.from_numpy(v) for v in feeds.values()))
    if largest > LARGEST:
        logger.warning(
            "an activation reaches %.0f; float16 ends at 65504, so fp16 may fail on a GPU", largest
        )
    return {
        "fp16_psnr": round(found.psnr, 2),
        "fp16_worst_level": found.worst,
        "largest_activation": round(largest, 2),
    }


def _traced(contract: Contract, feeds: check.Feeds, part: Path) -> onnx.ModelProto:
    output = "mask" if isinstance(contract, SegmenterContract) else "painted"
    return build_model(contract, feeds, [output], part.with_suffix(".trace"))


def named(part: Path) -> ModelFile:
    """Give a checked file its name."""
    digest = hashlib.sha256(part.read_bytes()).hexdigest()
    path = part.with_name(part.name.removeprefix(".").removesuffix(".part"))
    part.replace(path)
    return ModelFile(path, digest)
