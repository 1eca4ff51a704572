"""Start a training run by name, and turn its checkpoint into a model folder."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ecgan.engine.errors import ModelMismatch, OptionError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.models.manifest import MANIFEST_NAME, Manifest, ModelEntry, load_manifest
from ecgan.engine.models.store import model_folder, verified_path
from ecgan.engine.types import CROP_SIZE

from .checkpoint import load_checkpoint, save_checkpoint, small_checkpoint
from .config import PRESETS, GeneratorConfig, SegmenterConfig, load_config
from .data import load_folder
from .export import OPSET, export_onnx
from .networks.fast import FastGenerator
from .networks.segmenter import Segmenter
from .train_generator import train_generator
from .train_segmenter import train_segmenter

CLAIM_SHARE = 0.06
"""Share of the crop above which a mask is claimed: worn masks cover 9 % and more, and of bare faces
in real photos few reach this (measured by ecgan.benchmarks.claims)."""


def run_training(
    network: str,
    run_dir: Path,
    *,
    preset: str | None,
    config: Path | None,
    overrides: dict[str, Any],
) -> None:
    """Train "segmenter" or "generator" in a run folder, going on with what is there.

    Args:
        network: Which.
        run_dir: The run's folder.
        preset: Stage of that network; None for its first.
        config: TOML file whose keys win over the preset's.
        overrides: Values that win over both.

    Raises:
        OptionError: Unknown preset.
        ConfigError: Unknown key, or a value of a wrong type.
        DatasetError: The data cannot be used.
        Diverged: A value is not finite.
    """
    stages = PRESETS[network]
    name = preset or next(iter(stages))
    if name not in stages:
        raise OptionError(
            f"unknown preset '{name}' of the {network}; choose from {', '.join(stages)}"
        )
    if network == "segmenter":
        plan = load_config(SegmenterConfig, config, preset=stages[name], overrides=overrides)
        train_segmenter(plan, run_dir, load_folder(Path(plan.data)))
    else:
        stage = load_config(GeneratorConfig, config, preset=stages[name], overrides=overrides)
        train_generator(stage, run_dir, load_folder(Path(stage.data)))


def export_checkpoint(
    checkpoint: Path, folder: Path, *, licence: str, small: Path | None = None
) -> Path:
    """Write a checkpoint's averaged weights as a model file and name it in the folder's manifest.

    Networks that the folder lacks are copied from those that ship, so that it is complete.

    Args:
        checkpoint: Of either network.
        folder: Target; made where it is missing.
        licence: Terms of the weights, one line.
        small: Also write a small checkpoint there, from which another run can start.

    Returns:
        The model file.

    Raises:
        ModelMissing: No such checkpoint.
        ModelMismatch: It is not one of ours.
        ParityError: The exported file differs from torch.
    """
    state = load_checkpoint(checkpoint)
    kind = "segmenter" if "segmenter" in state else "generator"
    network = _network(kind, state, checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    name = {"segmenter": "segmenter", "generator": "ecgan-fast"}[kind]
    exported = export_onnx(network, folder / f"{name}.onnx", _check_crops())
    entry = ModelEntry(
        name=name,
        kind=kind,
        file=exported.path.name,
        sha256=exported.sha256,
        licence=licence,
        origin="trained by ecgan train",
        template="ffhq_256",
        crop_size=CROP_SIZE,
        classes=list(EXPRESSIONS) if kind == "generator" else [],
        auto=kind == "generator",
        opset=OPSET,
        parameters=sum(p.numel() for p in network.parameters()),
        gflop=round(_gflop(network), 3),
        samples_seen=int(state["seen"]),
        threshold=CLAIM_SHARE if kind == "segmenter" else 0.0,
        figures={
            "export_worst_level": exported.worst,
            "export_mean_level": round(exported.mean, 5),
        },
    )
    _write_manifest(folder, entry)
    if small is not None:
        save_checkpoint(small, small_checkpoint(state))
    return exported.path


def _network(kind: str, state: dict[str, Any], path: Path) -> FastGenerator | Segmenter:
    try:
        plan = state["config"]
        network = (
            Segmenter(plan["widths"])
            if kind == "segmenter"
            else FastGenerator(plan["widths"], plan["head"])
        )
        network.load_state_dict(state["ema"])
    except (KeyError, RuntimeError) as error:
        raise ModelMismatch(f"'{path}' is not a checkpoint of ecgan train") from error
    return network.eval()


def _check_crops() -> np.ndarray:
    """Smooth random pictures: what the exported file is held against torch on."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 255, (4, 3, 12, 12)).astype(np.float32))
    smooth = nn.functional.interpolate(coarse, size=CROP_SIZE, mode="bicubic").clamp(0, 255)
    return smooth.byte().permute(0, 2, 3, 1).contiguous().numpy()


def _gflop(network: nn.Module) -> float:
    picture = torch.zeros(1, 3, CROP_SIZE, CROP_SIZE)
    inputs = [picture]
    if isinstance(network, FastGenerator):
        inputs += [picture[:, :1], torch.zeros(1, len(EXPRESSIONS))]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs)
    return counter.get_total_flops() / 1e9


def _write_manifest(folder: Path, entry: ModelEntry) -> None:
    rows = load_manifest(folder).models if (folder / MANIFEST_NAME).exists() else []
    kept = [row for row in rows if row.kind != entry.kind]
    have = {row.kind for row in kept} | {entry.kind}
    for row in load_manifest(model_folder()).models:
        if row.kind not in have:
            source = verified_path(model_folder(), row)
            shutil.copyfile(source, folder / row.file)
            kept.append(dataclasses.replace(row, precisions={}, precision_sha256={}))
            have.add(row.kind)
    part = folder / f".{MANIFEST_NAME}.part"
    part.write_text(Manifest([entry, *kept]).to_json(), encoding="utf-8")
    part.replace(folder / MANIFEST_NAME)
