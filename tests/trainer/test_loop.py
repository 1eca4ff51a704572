"""The loop: exact resume, what ends a run, and what stays of it."""

from __future__ import annotations

import json
import logging
import math
import resource
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ecgan.engine.errors import ConfigError, Diverged, ModelMismatch, OutputError
from ecgan.trainer.checkpoint import load_checkpoint, numbered, save_checkpoint
from ecgan.trainer.config import PRESETS, make_config
from ecgan.trainer.data.shards import BrokenPicture
from ecgan.trainer.loop import Loop, begin_from
from ecgan.trainer.processes import launch
from ecgan.trainer.recipes.base import Recipe
from ecgan.trainer.recipes.generator import GeneratorRecipe
from ecgan.trainer.watch import Watch

from .toy_recipe import ToyConfig, ToyRecipe

Make = Callable[..., Loop]


class StopAfter(Watch):
    """Asks to stop once some steps are done."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def advance(self, seen: int) -> None:
        self._left -= 1

    def check(self) -> None:
        if self._left <= 1:  # it is asked before the step counts as done
            raise KeyboardInterrupt


def make_loop(
    recipe_type: type[Recipe[Any]], folder: Path, watch: Watch | None, *layers: Any
) -> Loop:
    config = make_config(recipe_type.config_type, *layers)
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    return Loop(recipe_type(config), "toy", folder, launch(config), watch)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A loop over the toy recipe in a folder of a name."""

    def made(name: str = "run", watch: Watch | None = None, **changes: Any) -> Loop:
        return make_loop(ToyRecipe, tmp_path / name, watch, changes)

    return made


def tensors(state: Any, name: str = "") -> dict[str, torch.Tensor]:
    if isinstance(state, torch.Tensor):
        return {name: state}
    items = (
        state.items()
        if isinstance(state, dict)
        else enumerate(state)
        if isinstance(state, list)
        else ()
    )
    return {key: value for k, part in items for key, value in tensors(part, f"{name}/{k}").items()}


def assert_same(one: Path, two: Path) -> None:
    mine, other = tensors(load_checkpoint(one)), tensors(load_checkpoint(two))
    assert mine.keys() == other.keys()
    assert any("exp_avg" in name for name in mine)
    for name, value in mine.items():
        assert torch.equal(value, other[name]), name


def test_a_run_leaves_its_weights_figures_pictures_plan_and_machine(
    make: Make, tmp_path: Path
) -> None:
    make(checkpoint_minutes=0.0).run()
    folder = tmp_path / "run"
    names = [path.name for path in numbered(folder / "checkpoints")]
    assert names == ["000000028.safetensors", "000000032.safetensors"]  # the newest two of eight
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["seen"] == 32
    assert {"val_psnr", "l1", "told"} <= lines[-1].keys()
    assert tomllib.loads((folder / "config.toml").read_text())["keep"] == 2
    assert json.loads((folder / "machine.json").read_text())["libraries"]["torch"]
    assert (folder / "samples_000000032.png").stat().st_size > 50
    assert list((folder / "tensorboard").glob("events.*"))
    state = load_checkpoint(folder)
    assert (state["network"], state["seen"], state["steps"]) == ("toy", 32, 8)
    assert state["config"]["batch"] == 4


def test_a_stopped_run_ends_in_the_same_weights_to_the_bit(make: Make, tmp_path: Path) -> None:
    make("whole").run()
    # validations and checkpoints in between, which must not matter either
    with pytest.raises(KeyboardInterrupt):
        make("halves", StopAfter(3), validate_minutes=0.0).run()
    assert load_checkpoint(tmp_path / "halves")["seen"] == 12
    make("halves", checkpoint_minutes=0.0).run()
    assert_same(tmp_path / "whole", tmp_path / "halves")


def test_another_seed_trains_other_weights(make: Make, tmp_path: Path) -> None:
    make("one").run()
    make("two", seed=1).run()
    with pytest.raises(AssertionError):
        assert_same(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_our_generator_resumes_to_the_bit(faces_folder: Path, tmp_path: Path) -> None:
    tiny = {"samples": 20, "data": str(faces_folder), "reconstruction_only": 8, "device": "cpu"}
    layers = (PRESETS["ecgan-fast"]["tiny"], tiny)
    make_loop(GeneratorRecipe, tmp_path / "whole", None, *layers).run()
    with pytest.raises(KeyboardInterrupt):
        make_loop(GeneratorRecipe, tmp_path / "halves", StopAfter(3), *layers).run()
    make_loop(GeneratorRecipe, tmp_path / "halves", None, *layers).run()
    assert_same(tmp_path / "whole", tmp_path / "halves")


def test_a_complete_run_is_left_alone_and_a_longer_one_goes_on(make: Make, tmp_path: Path) -> None:
    make().run()
    before = (tmp_path / "run" / "metrics.jsonl").read_text()
    make().run()
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == before
    make(samples=40).run()
    assert load_checkpoint(tmp_path / "run")["seen"] == 40


def test_a_lower_learning_rate_holds_from_the_checkpoint_on(make: Make) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(watch=StopAfter(2)).run()
    loop = make(learning_rate=1e-5, warmup=0, decay_from=1.0)
    state = loop.folder.load()
    assert state is not None
    loop._restore(state)
    stream = loop.stream(loop.recipe.open_data(None))
    loop.step(next(stream))
    stream.close()
    assert loop.recipe.optimizers["generator"].param_groups[0]["lr"] == pytest.approx(1e-5)


# --- what ends a run -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("nan", r"the gradient of '\w+' is not finite after 12 samples"),
        ("far", r"the loss 'l1' is 1e\+09 after 16 samples"),
    ],
)
def test_a_value_that_runs_away_ends_the_run_and_names_the_last_good_checkpoint(
    make: Make, tmp_path: Path, change: str, message: str
) -> None:
    loop = make(checkpoint_minutes=0.0)
    step = loop.recipe.step

    def broken(batch: Any, seen: int) -> dict[str, torch.Tensor]:
        if seen < 12:
            return step(batch, seen)
        if change == "nan":
            return step({"face": batch["face"] * torch.nan}, seen)
        return step(batch, seen) | {"l1": torch.tensor(1e9)}

    loop.recipe.step = broken  # type: ignore[method-assign]
    with pytest.raises(Diverged, match=message) as caught:
        loop.run()
    last = tmp_path / "run" / "checkpoints" / "000000012.safetensors"
    assert f"the last good checkpoint is '{last}'" in str(caught.value)
    assert "learning_rate" in str(caught.value.hint)
    assert all(v.isfinite().all() for v in load_checkpoint(last)["generator"].values())
    make(checkpoint_minutes=0.0).run()  # and it goes on from there
    assert load_checkpoint(tmp_path / "run")["seen"] == 32


def test_a_broken_weight_is_never_saved(make: Make, tmp_path: Path) -> None:
    loop = make()
    next(loop.recipe.modules["generator"].parameters()).data.fill_(torch.inf)
    with pytest.raises(Diverged, match="a weight of 'generator' is not finite"):
        loop._save(must=True)
    assert not (tmp_path / "run").exists()


@contextmanager
def no_room(limit: int) -> Iterator[None]:
    """The system refuses to write files beyond a size, as a full disk does, in the middle of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_loses_nothing(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(watch=StopAfter(2)).run()
    before = (tmp_path / "run" / "checkpoints" / "000000008.safetensors").read_bytes()
    loop = make(checkpoint_minutes=0.0)
    with (
        caplog.at_level(logging.WARNING),
        no_room(2000),
        pytest.raises(OutputError, match="cannot be written"),
    ):
        loop.run()
    # it went on to the end without checkpoints, and only the last had to be written
    assert loop.seen == 32
    assert "training goes on" in caplog.text
    checkpoints = tmp_path / "run" / "checkpoints"
    assert [p.name for p in checkpoints.iterdir()] == ["000000008.safetensors"]
    assert (checkpoints / "000000008.safetensors").read_bytes() == before
    make().run()
    make("whole").run()
    assert_same(tmp_path / "whole", tmp_path / "run")


def test_a_run_folder_that_is_a_file_is_named(make: Make, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError, match=r"run/config\.toml"):
        make().run()
    assert (tmp_path / "run").read_text() == "mine"


# --- what stays --------------------------------------------------------------------------------


def test_the_best_stays_when_it_is_no_longer_among_the_newest(make: Make, tmp_path: Path) -> None:
    loop = make(validate_minutes=0.0)
    loop.recipe.figures = [1.0, 5.0, 2.0, 3.0, 5.0, float("nan"), 1.0, 1.0, 4.0]  # type: ignore[attr-defined]
    loop.run()
    checkpoints = tmp_path / "run" / "checkpoints"
    assert [int(p.stem) for p in numbered(checkpoints)] == [28, 32]
    assert load_checkpoint(checkpoints / "best.safetensors")["seen"] == 8
    best = json.loads((checkpoints / "best.json").read_text())
    assert best == {"figure": "val_psnr", "value": 5.0, "seen": 8}
    resumed = make(samples=36)
    resumed.recipe.figures = [4.5]  # type: ignore[attr-defined]
    resumed.run()  # the figure of the run before still counts
    assert load_checkpoint(checkpoints / "best.safetensors")["seen"] == 8


def test_without_faces_to_validate_on_the_run_ends_well_and_says_so(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = make()
    assert isinstance(loop.recipe, ToyRecipe)
    loop.recipe.figures = [math.nan]
    with caplog.at_level(logging.WARNING, "ecgan"):
        loop.run()
    assert "no face could be validated on" in caplog.text
    assert "NaN" not in (tmp_path / "run" / "metrics.jsonl").read_text()
    assert not (tmp_path / "run" / "checkpoints" / "best.safetensors").exists()


def test_a_broken_picture_in_the_validation_split_does_not_end_the_run(
    make: Make,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise BrokenPicture("'7.jpg' in 'val.tar' is not a readable picture")

    monkeypatch.setattr(ToyRecipe, "validate", broken)
    loop = make(validate_minutes=0.0)
    with caplog.at_level(logging.WARNING, "ecgan"):
        loop.run()
    assert loop.seen == 32
    assert "not validated: '7.jpg' in 'val.tar'" in caplog.text


def test_a_damaged_newest_checkpoint_is_passed_over(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(checkpoint_minutes=0.0).run()
    checkpoints = tmp_path / "run" / "checkpoints"
    newest = checkpoints / "000000032.safetensors"
    newest.write_bytes(newest.read_bytes()[:300])
    state = make().folder.load()
    assert state is not None
    assert state["seen"] == 28
    assert "going back to the one before" in caplog.text
    for path in numbered(checkpoints):
        path.write_bytes(b"not one")
    with pytest.raises(ModelMismatch, match="no checkpoint in"):
        make().run()


def test_a_run_of_the_first_version_is_not_taken_for_an_empty_folder(
    make: Make, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt", {"seen": 1})
    with pytest.raises(ConfigError, match="holds a run of an older version") as caught:
        make().run()
    assert "--start" in str(caught.value.hint)


def test_checkpoints_of_other_networks_are_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(watch=StopAfter(1)).run()
    other = make()
    other.recipe.modules["judge"] = torch.nn.Conv2d(3, 2, 3)
    with pytest.raises(ModelMismatch, match="holds a run of other networks"):
        other.run()
    recipe = ToyRecipe(ToyConfig())
    begin_from(recipe, str(tmp_path / "run"))
    recipe.modules["generator"] = torch.nn.Conv2d(3, 2, 3)
    with pytest.raises(ModelMismatch, match="has no weights that fit this network"):
        begin_from(recipe, str(tmp_path / "run"))


def test_lines_after_the_checkpoint_are_written_once(make: Make, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(watch=StopAfter(4), validate_minutes=0.0).run()
    path = tmp_path / "run" / "metrics.jsonl"
    path.write_text(path.read_text() + '{"seen": 24, "l1": 1}\n{"seen": 2')  # cut off later
    make(validate_minutes=0.0).run()
    seen = [json.loads(line)["seen"] for line in path.read_text().splitlines()]
    assert seen == sorted(set(seen))
    assert seen[-1] == 32
    assert np.diff(seen).max() <= 8
