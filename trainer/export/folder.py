"""A checkpoint becomes a model folder that `ecgan unmask --model` takes at once."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ecgan.engine.errors import OutputError, system_reason
from ecgan.engine.models.manifest import MANIFEST_NAME, Manifest, ModelEntry, load_manifest
from ecgan.engine.models.store import CLASSIFIER, SEGMENTER, model_folder, verified_path
from ecgan.engine.types import CROP_SIZE, U8

from ..checkpoint import load_checkpoint, save_checkpoint, small_checkpoint
from ..networks.expression_judge import ExpressionJudge
from .check import make_feeds
from .classifier import export_classifier
from .contract import SYMMETRIC, ClassifierContract, with_contract
from .crops import photo_crops, random_crops, training_crops
from .graph import OPSET
from .trained import Trained, read_trained
from .write import Exported, export_onnx

logger = logging.getLogger(__name__)

CLAIM_SHARE = 0.06
"""Share of the crop above which a mask is claimed: worn masks cover 9 % and more, and of bare faces
in real photos few reach this (measured by ecgan.benchmarks.claims)."""


def export_checkpoint(
    checkpoint: Path,
    folder: Path,
    *,
    licence: str,
    input_range: str = SYMMETRIC,
    photos: Sequence[Path] = (),
    half: bool = True,
    small: Path | None = None,
) -> Exported:
    """Write a checkpoint's network as model files and name them in the folder's manifest.

    Networks that ecgan unmask needs and the folder lacks are copied from those that ship.

    Args:
        checkpoint: Written by ecgan train, or by the paper's own code.
        folder: Target; made where it is missing.
        licence: Terms of the weights, one line.
        input_range: What pictures were in training, a name of ``contract.RANGES``.
        photos: Photos whose faces the files are checked on; without any, faces of the run's
            validation split.
        half: Whether to write the float16 file too.
        small: Also write a small checkpoint there, from which another run can start.

    Returns:
        The files, and what their checks measured.

    Raises:
        ModelMissing: No such checkpoint.
        ModelMismatch: It is no checkpoint that is known.
        ParityError: A file differs from the network, or the two from each other.
        OutputError: The folder cannot be written.
    """
    trained = read_trained(checkpoint, input_range)
    real = photo_crops(photos) if photos else training_crops(trained.data)
    if not len(real):
        logger.warning(
            "no face of the run's data is here: the files are checked on random pictures only; "
            "ecgan export --check PHOTO takes a photo of yours"
        )
    crops = np.concatenate([random_crops(), real])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        exported = _export(trained, folder, crops, half=half)
        _write_manifest(folder, describe(trained, exported, licence))
    except OSError as error:
        raise OutputError(f"cannot write to '{folder}': {system_reason(error)}") from error
    if small is not None:
        save_checkpoint(small, small_checkpoint(load_checkpoint(checkpoint)))
    return exported


def _export(trained: Trained, folder: Path, crops: U8, *, half: bool) -> Exported:
    if isinstance(trained.network, ExpressionJudge):
        return export_classifier(trained.network, folder, trained.name, crops)
    return export_onnx(trained.network, folder, trained.name, crops, scale=trained.scale, half=half)


def describe(trained: Trained, exported: Exported, licence: str) -> ModelEntry:
    """The manifest's row of an exported network."""
    half = exported.half
    return ModelEntry(
        name=trained.name,
        kind=trained.kind,
        file=exported.full.path.name,
        sha256=exported.full.sha256,
        licence=licence,
        origin=trained.origin,
        precisions={"fp16": half.path.name} if half else {},
        precision_sha256={"fp16": half.sha256} if half else {},
        template="ffhq_256",
        crop_size=CROP_SIZE,
        classes=trained.classes,
        auto=trained.auto,
        opset=OPSET,
        parameters=sum(p.numel() for p in trained.network.parameters()),
        gflop=round(count_gflop(trained), 3),
        samples_seen=trained.samples_seen,
        threshold=CLAIM_SHARE if trained.kind == SEGMENTER else 0.0,
        figures=exported.figures,
    )


def count_gflop(trained: Trained) -> float:
    """Operations of one face, a multiply-add counted as two, in 10^9."""
    crops = np.zeros((1, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    if isinstance(trained.network, ExpressionJudge):
        contract: nn.Module = ClassifierContract(trained.network)
        feeds = {"crop": crops}
    else:
        contract = known = with_contract(trained.network, trained.scale)
        feeds = make_feeds(known, crops)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        contract(*(torch.from_numpy(value) for value in feeds.values()))
    return counter.get_total_flops() / 1e9


def _write_manifest(folder: Path, entry: ModelEntry) -> None:
    """Put a row first, so that it is the default of its kind; others stay."""
    rows = load_manifest(folder).models if (folder / MANIFEST_NAME).exists() else []
    kept = [row for row in rows if row.name != entry.name]
    have = {row.kind for row in kept} | {entry.kind}
    for row in load_manifest(model_folder()).models:
        if row.kind not in have and row.kind != CLASSIFIER:
            _copy_shipped(row, folder)
            kept.append(row)
            have.add(row.kind)
    part = folder / f".{MANIFEST_NAME}.part"
    part.write_text(Manifest([entry, *kept]).to_json(), encoding="utf-8")
    part.replace(folder / MANIFEST_NAME)


def _copy_shipped(row: ModelEntry, folder: Path) -> None:
    for precision in ("fp32", *row.precisions):
        source = verified_path(model_folder(), row, precision)
        shutil.copyfile(source, folder / source.name)
