"""Both trainings end to end on drawn faces: losses fall, runs resume, results are usable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ecgan.engine.errors import ModelMismatch, OptionError
from ecgan.engine.models import GENERATOR, SEGMENTER, load_manifest, verified_path
from ecgan.trainer import runs
from ecgan.trainer.checkpoint import load_checkpoint, save_checkpoint
from ecgan.trainer.config import PRESETS, GeneratorConfig, SegmenterConfig, load_config
from ecgan.trainer.data import SampleStream, load_folder
from ecgan.trainer.data.samples import source_weights
from ecgan.trainer.export import export_checkpoint
from ecgan.trainer.generator_samples import GeneratorSamples
from ecgan.trainer.networks.fast import FastGenerator
from ecgan.trainer.train_generator import GeneratorRun, train_generator
from ecgan.trainer.train_segmenter import train_segmenter


def tiny(folder: Path, **changes: object) -> GeneratorConfig:
    values = {**PRESETS["generator"]["tiny"], "data": str(folder), **changes}
    return load_config(GeneratorConfig, overrides=values)


@pytest.mark.slow
def test_the_coarse_stage_learns(faces_folder: Path, tmp_path: Path) -> None:
    config = tiny(
        faces_folder, samples=320, batch=4, reconstruction_only=140, warmup=8, learning_rate=3e-3
    )
    run = GeneratorRun(config, tmp_path, load_folder(faces_folder))
    rng = np.random.default_rng(0)
    samples = GeneratorSamples(run.faces, config, {})
    items = [samples.draw(row, rng) for row in range(4)]
    batch = {key: np.stack([item[key] for item in items]) for key in items[0]}
    losses = [run.step(batch) for _ in range(40)]
    first = np.mean([entry["l1"] for entry in losses[:5]])
    last = np.mean([entry["l1"] for entry in losses[-5:]])
    assert last < 0.6 * first  # the same four faces again and again
    assert "d" not in losses[0]
    assert {"d", "g", "feature"} <= losses[-1].keys()


@pytest.mark.slow
def test_a_resumed_run_ends_in_the_same_weights(faces_folder: Path, tmp_path: Path) -> None:
    faces = load_folder(faces_folder)
    config = tiny(faces_folder, samples=24, batch=4, reconstruction_only=8, threads=1)
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    train_generator(config, whole, faces)
    # the schedule looks at the length of the run, so the first half is cut off, not shortened
    run = GeneratorRun(config, halves, faces)
    train = faces.select("train")
    stream = SampleStream(
        GeneratorSamples(train, config, {}).draw,
        source_weights(train, config.shares),
        batch=4,
        seed=config.seed,
    )
    for _ in range(3):
        run.step(next(stream))
    stream.close()
    run.save(halves / "checkpoints" / "last.pt")
    train_generator(config, halves, faces)
    one, two = (load_checkpoint(d / "checkpoints" / "last.pt") for d in (whole, halves))
    for part in ("generator", "ema", "whole", "lower"):
        for name, value in one[part].items():
            assert torch.equal(value, two[part][name]), f"{part}.{name}"


@pytest.mark.slow
def test_the_fine_stage_starts_from_the_coarse_one(faces_folder: Path, tmp_path: Path) -> None:
    faces = load_folder(faces_folder)
    coarse = GeneratorRun(tiny(faces_folder), tmp_path / "coarse", faces)
    coarse.save(tmp_path / "coarse.pt")
    config = tiny(faces_folder, size=256, batch=2, samples=4, start=str(tmp_path / "coarse.pt"))
    train_generator(config, tmp_path / "fine", faces)
    lines = (tmp_path / "fine" / "log.jsonl").read_text().splitlines()
    assert "val_psnr" in json.loads(lines[-1])
    assert list((tmp_path / "fine").glob("fakes_*.png"))
    state = load_checkpoint(tmp_path / "fine" / "checkpoints" / "last.pt")
    assert state["seen"] == 4


@pytest.mark.slow
def test_segmenter_and_generator_become_a_model_folder(faces_folder: Path, tmp_path: Path) -> None:
    config = SegmenterConfig(
        data=str(faces_folder), widths=(4, 4, 8, 8, 8), samples=64, batch=8, warmup=8
    )
    train_segmenter(config, tmp_path / "run", load_folder(faces_folder))
    folder = tmp_path / "models"
    export_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt", folder, licence="test weights")
    manifest = load_manifest(folder)
    assert {m.kind for m in manifest.models} == {"segmenter", "generator", "detector"}
    entry = manifest.of_kind(SEGMENTER)
    assert entry.licence == "test weights"
    assert entry.samples_seen == 64
    for row in manifest.models:
        assert verified_path(folder, row).exists()
    assert manifest.of_kind(GENERATOR).classes[0] == "surprise"


def test_export_refuses_a_foreign_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x.pt", {"ema": FastGenerator((8, 8, 8, 8), 8).state_dict()})
    with pytest.raises(ModelMismatch, match="not a checkpoint of ecgan train"):
        export_checkpoint(tmp_path / "x.pt", tmp_path / "m", licence="none")
    assert not (tmp_path / "m" / "manifest.json").exists()


def test_an_unknown_preset_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        OptionError, match="unknown preset 'bold' of the generator; choose from recon, coarse"
    ):
        runs.run_training("generator", tmp_path, preset="bold", config=None, overrides={})
