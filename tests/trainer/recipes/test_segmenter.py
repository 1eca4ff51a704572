"""The segmenter's training: it learns, and takes photos labelled by what it begins from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ecgan.trainer.config import SegmenterConfig
from ecgan.trainer.loop import Loop
from ecgan.trainer.processes import launch
from ecgan.trainer.recipes.segmenter import SegmenterRecipe, SegmenterSamples


def tiny(folder: Path, tmp_path: Path, **changes: Any) -> Loop:
    values = {**SegmenterRecipe.presets["tiny"], "data": str(folder), "device": "cpu", **changes}
    config = SegmenterConfig(**values)
    torch.manual_seed(0)
    return Loop(SegmenterRecipe(config), "segmenter", tmp_path, launch(config))


@pytest.mark.slow
def test_it_learns_four_faces(faces_folder: Path, tmp_path: Path) -> None:
    loop = tiny(faces_folder, tmp_path, learning_rate=1e-2, bare_share=0.0, batch=4)
    samples = loop.recipe.open_data(None)
    items = [samples.draw(row, np.random.default_rng(row)) for row in range(4)]
    batch = {key: np.stack([item[key] for item in items]) for key in items[0]}
    losses = [float(loop.step(batch)["loss"]) for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_bare_faces_come_as_often_as_asked(faces_folder: Path, tmp_path: Path) -> None:
    for share in (0.0, 1.0):
        samples = tiny(faces_folder, tmp_path, bare_share=share).recipe.open_data(None)
        assert isinstance(samples, SegmenterSamples)
        items = [samples.draw(row, np.random.default_rng(row)) for row in range(6)]
        assert {bool(item["mask"].any()) for item in items} == {share == 0}
        assert {item["image"].shape for item in items} == {(256, 256, 3)}
