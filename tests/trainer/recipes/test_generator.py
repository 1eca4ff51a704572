"""Our generator's training: what is updated when, and that it learns."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import U8
from ecgan.trainer.config import GeneratorConfig
from ecgan.trainer.loop import Loop
from ecgan.trainer.processes import launch
from ecgan.trainer.recipes.generator import GeneratorRecipe


def tiny(folder: Path, tmp_path: Path, **changes: Any) -> Loop:
    values = {**GeneratorRecipe.presets["tiny"], "data": str(folder), "device": "cpu", **changes}
    config = GeneratorConfig(**values)
    torch.manual_seed(0)
    return Loop(GeneratorRecipe(config), "ecgan-fast", tmp_path, launch(config))


def batch_of(loop: Loop, count: int = 4) -> dict[str, np.ndarray]:
    samples = loop.recipe.open_data(None)
    items = [samples.draw(row, np.random.default_rng(row)) for row in range(count)]
    return {key: np.stack([item[key] for item in items]) for key in items[0]}


@pytest.mark.slow
def test_the_coarse_stage_learns_and_the_discriminators_join_in_time(
    faces_folder: Path, tmp_path: Path
) -> None:
    loop = tiny(faces_folder, tmp_path, reconstruction_only=140, learning_rate=3e-3)
    batch = batch_of(loop)
    losses = [{k: float(v) for k, v in loop.step(batch).items()} for _ in range(40)]
    first = np.mean([entry["l1"] for entry in losses[:5]])
    last = np.mean([entry["l1"] for entry in losses[-5:]])
    assert last < 0.6 * first  # the same four faces again and again
    assert all("d" not in entry for entry in losses[:35])
    assert all({"d", "g", "feature"} <= entry.keys() for entry in losses[35:])


@pytest.mark.parametrize("size", [64, 128, 256])
def test_the_head_learns_with_all_but_the_smallest_pictures(
    faces_folder: Path, tmp_path: Path, size: int
) -> None:
    loop = tiny(faces_folder, tmp_path, size=size, reconstruction_only=0)
    generator: Any = loop.recipe.modules["generator"]
    parts = {"head": generator.head, "trunk": generator.trunk}
    parts |= {name: loop.recipe.modules[name] for name in ("whole", "lower")}
    before = {name: [p.detach().clone() for p in m.parameters()] for name, m in parts.items()}
    loop.step(batch_of(loop, 2))
    moved = {
        name
        for name, module in parts.items()
        if any(
            not torch.equal(a, b) for a, b in zip(before[name], module.parameters(), strict=True)
        )
    }
    assert moved == {"trunk", "whole", "lower"} | ({"head"} if size > 64 else set())


def test_a_start_of_another_size_brings_no_discriminators(
    faces_folder: Path, tmp_path: Path
) -> None:
    coarse = tiny(faces_folder, tmp_path)
    state = coarse._state()
    for size, same in ((64, True), (256, False)):
        recipe = tiny(faces_folder, tmp_path, size=size, seed=5).recipe
        recipe.begin_from(state)
        weights = recipe.modules["generator"].state_dict()
        assert all(torch.equal(weights[name], value) for name, value in state["ema"].items())
        shape = recipe.modules["whole"].state_dict()["layers.1.weight"].shape
        assert (shape == state["whole"]["layers.1.weight"].shape) is same


def test_masks_on_photos_give_holes_their_shape(
    faces_folder: Path, tmp_path: Path, unmasker: Unmasker, masked_photo: U8
) -> None:
    [face] = unmasker.detect(masked_photo)
    [crop] = unmasker.crop(masked_photo, [face])
    mark = {"box": face.bbox.tolist(), "score": 1.0, "landmarks": face.landmarks.tolist()}
    (tmp_path / "faces.json").write_text(json.dumps({"one.png": {"detected": [mark]}}))
    (tmp_path / "holdout.txt").write_text("")
    data = cv2.imencode(".png", masked_photo[..., ::-1])[1].tobytes()
    with tarfile.open(tmp_path / "masked_photos_0.tar", "w:") as archive:
        info = tarfile.TarInfo("one.png")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    config = {"photos": str(tmp_path), "photo_share": 1.0, "size": 256}
    loop = tiny(faces_folder, tmp_path / "run", **config)
    hole = loop.recipe.open_data(None).draw(0, np.random.default_rng(0))["hole"]
    # of the size of that mask, up to the crop's own scaling and what widens it
    assert 0.6 < hole.mean() / crop.mask.mean() < 2.0
    plain = tiny(faces_folder, tmp_path / "plain", **config | {"photo_share": 0.0})
    drawn = plain.recipe.open_data(None).draw(0, np.random.default_rng(0))["hole"]
    assert not np.array_equal(hole, drawn)
