"""The training of the judge: whom it sees, whom never, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ecgan.engine.errors import DatasetError, ModelMissing
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.trainer.data.splits import half_of
from ecgan.trainer.judge_samples import JudgeSamples
from ecgan.trainer.loop import Loop
from ecgan.trainer.networks.expression_judge import SHAPE
from ecgan.trainer.processes import launch
from ecgan.trainer.recipes.judge import JudgeConfig, JudgeRecipe
from ecgan.trainer.teacher_targets import DIRECTIONS, Targets

from ..conftest import write_faces
from ..judge_faces import label_faces


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("labelled")
    write_faces(root)
    label_faces(root)
    return root


def tiny(folder: Path, tmp_path: Path, **changes: Any) -> Loop:
    values = {**JudgeRecipe.presets["tiny"], "data": str(folder), "device": "cpu", **changes}
    config = JudgeConfig(**values)
    torch.manual_seed(0)
    return Loop(JudgeRecipe(config), "expression-judge", tmp_path, launch(config))


def rows_of(samples: Any) -> list[Any]:
    assert isinstance(samples, JudgeSamples)
    return list(samples.faces)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teachers that see the same in every face."""

    def read(faces: Any, _teachers: Path, _cache: Path) -> dict[str, Targets]:
        same = Targets(np.eye(7, dtype=np.float32)[3], np.ones(DIRECTIONS, np.float32))
        return {record.key: same for record in faces}

    monkeypatch.setattr("ecgan.trainer.recipes.judge.read_targets", read)


def test_it_learns_from_even_persons_outside_the_test_split_alone(
    labelled: Path, tmp_path: Path
) -> None:
    loop = tiny(labelled, tmp_path)
    rows = rows_of(loop.recipe.open_data(tmp_path))
    assert {(r.split, half_of(r.person)) for r in rows} == {("train", "even"), ("val", "even")}
    assert len(rows) == 2 * len(EXPRESSIONS)
    assert all(r.label >= 0 for r in rows)
    held = loop.recipe._held
    assert {(r.split, half_of(r.person)) for r in held} == {("val", "odd")}
    assert not {r.person for r in held} & {r.person for r in rows}


@pytest.mark.usefixtures("told")
def test_with_teachers_it_also_learns_from_training_faces_without_a_label(
    labelled: Path, tmp_path: Path
) -> None:
    loop = tiny(labelled, tmp_path, teachers="here", labelled_share=0.7, learning_rate=1e-2)
    samples = loop.recipe.open_data(tmp_path)
    rows = rows_of(samples)
    assert [r.split for r in rows if r.label < 0] == ["train", "train"]
    known = np.array([r.label >= 0 for r in rows])
    assert samples.weights[known].sum() == pytest.approx(0.7)
    by_class = np.bincount([r.label for r in rows if r.label >= 0], samples.weights[known])
    np.testing.assert_allclose(by_class, by_class.mean())
    items = [samples.draw(row, np.random.default_rng(row)) for row in range(len(rows))]
    batch = {key: np.stack([item[key] for item in items]) for key in items[0]}
    losses = [loop.step(batch) for _ in range(60)]
    # all that teachers see is the same: easily told
    assert float(losses[-1]["seen"]) < 0.5 * float(losses[0]["seen"])


def test_its_loss_falls_on_a_few_faces(labelled: Path, tmp_path: Path) -> None:
    loop = tiny(labelled, tmp_path, learning_rate=1e-2, mixing=0.01, smoothing=0.0)
    samples = loop.recipe.open_data(tmp_path)
    items = [samples.draw(row, np.random.default_rng(row)) for row in range(7)]
    batch = {key: np.stack([item[key] for item in items]) for key in items[0]}
    assert batch["window"].shape == (7, *SHAPE, 3)
    losses = [float(loop.step(batch)["loss"]) for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])


def test_a_run_of_the_tiny_preset_keeps_the_best_by_accuracy(
    labelled: Path, tmp_path: Path
) -> None:
    loop = tiny(labelled, tmp_path, samples=32)
    loop.run()
    figures = loop.recipe.validate(loop.ema.network).figures
    assert {"val_accuracy", "val_balanced", "val_fear"} <= figures.keys()
    assert figures["val_accuracy"] == pytest.approx(figures["val_balanced"])  # one face a class
    assert loop.folder.best is not None
    assert loop.folder.best.figure == "val_accuracy"


def test_another_run_begins_with_all_that_the_first_learnt(labelled: Path, tmp_path: Path) -> None:
    first = tiny(labelled, tmp_path, teachers="here").recipe
    second = tiny(labelled, tmp_path / "next", teachers="here", seed=1).recipe
    state = {"ema": first.modules["judge"].state_dict()}
    with torch.no_grad():
        first.modules["judge"].to_logits.bias.fill_(3)
        first.modules["foretell"].bias.fill_(4)
    second.begin_from(state | {"foretell": first.modules["foretell"].state_dict()})
    assert (second.modules["judge"].to_logits.bias == 3).all()
    assert (second.modules["foretell"].bias == 4).all()
    second.begin_from(state)  # of a run without teachers


def test_labels_that_lack_an_expression_are_refused(faces_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no picture of '\w+', so the expressions cannot be"):
        tiny(faces_folder, tmp_path).recipe.open_data(tmp_path)


def test_teachers_that_are_not_there_are_named(labelled: Path, tmp_path: Path) -> None:
    loop = tiny(labelled, tmp_path, teachers=str(tmp_path / "gone"))
    with pytest.raises(ModelMissing, match="does not exist"):
        loop.recipe.open_data(tmp_path)
    loop.recipe.open_data(None)  # a trial of a few steps does without
