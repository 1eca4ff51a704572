"""Configuration: precedence, and messages that name the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecgan.engine.errors import ConfigError
from ecgan.trainer.config import (
    GeneratorConfig,
    LoopConfig,
    SegmenterConfig,
    dump_config,
    make_config,
    read_toml,
)
from ecgan.trainer.recipes import RECIPES
from ecgan.trainer.schedule import rate

PRESETS = [(name, preset) for name in RECIPES for preset in RECIPES[name].presets]


def test_later_layers_win() -> None:
    layers = ({"batch": 2, "size": 256}, {"batch": 5, "samples": 7}, {"samples": 9})
    config = make_config(GeneratorConfig, *layers)
    assert (config.size, config.batch, config.samples) == (256, 5, 9)


def test_numbers_and_lists_take_the_field_type(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("learning_rate = 1\nwidths = [4, 4, 4, 4, 4]\n[shares]\nlfw = 1\n")
    config = make_config(SegmenterConfig, read_toml(path))
    assert config.learning_rate == 1.0
    assert config.widths == (4, 4, 4, 4, 4)
    assert config.shares == {"lfw": 1.0}


@pytest.mark.parametrize(("network", "preset"), PRESETS)
def test_what_is_printed_reads_back_the_same(tmp_path: Path, network: str, preset: str) -> None:
    recipe = RECIPES[network]
    config = make_config(recipe.config_type, recipe.presets[preset], {"start": 'a "b"\\c'})
    (tmp_path / "plan.toml").write_text(dump_config(config))
    assert make_config(recipe.config_type, read_toml(tmp_path / "plan.toml")) == config
    (tmp_path / "plan.toml").write_text(dump_config(config, table="one"))
    assert make_config(recipe.config_type, read_toml(tmp_path / "plan.toml")["one"]) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batches = 5", "unknown key 'batches'"),
        ("batch = 'five'", "key 'batch' has value 'five', expected int"),
        ("batch = 0", "key 'batch' has value '0', expected 1 or more"),
        ("warmup = -1", "key 'warmup' has value '-1', expected 0 or more"),
        ("seed = -1", "key 'seed' has value '-1', expected 0 or more"),
        ("learning_rate = -0.1", "key 'learning_rate' has value '-0.1', expected 0 or more"),
        ("weight_l1 = nan", "key 'weight_l1' has value 'nan', expected 0 or more"),
        ("warmup = inf", "key 'warmup' has value 'inf', expected int"),
        ("asked_share = 2.0", "key 'asked_share' has value '2.0', expected 0 to 1"),
        ("ema = -0.5", "key 'ema' has value '-0.5', expected 0 to 1"),
        ("widths = [8, 0, 8, 8]", "key 'widths' has value '0', expected 1 or more"),
        ("shares = {lfw = -1.0}", "key 'shares' has value '-1.0', expected 0 or more"),
        ("precision = 'fp8'", "key 'precision' has value 'fp8', expected bf16 or fp32"),
        ("widths = ['a', 8, 8, 8]", "key 'widths' has value 'a', expected int"),
        ("widths = [48, 96]", "key 'widths' has 2 values, expected 4"),
        ("shares = {lfw = 'x'}", "key 'shares' has value 'x', expected float"),
        ("batch = ", "is not valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        make_config(GeneratorConfig, read_toml(path))


def test_the_nearest_key_is_suggested() -> None:
    with pytest.raises(ConfigError) as caught:
        make_config(GeneratorConfig, {"batches": 5})
    assert caught.value.hint == "did you mean 'batch'?"


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml' does not exist"):
        read_toml(tmp_path / "gone.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_toml(tmp_path)


@pytest.mark.parametrize(
    ("changes", "seen", "wanted"),
    [
        ({"warmup": 100}, 0, 0.01),  # rises in a line
        ({"warmup": 100}, 49, 0.5),
        ({"warmup": 0}, 0, 1.0),
        ({"warmup": 0}, 500, 1.0),  # stays until it falls
        ({"warmup": 0}, 750, 0.55),  # half way down the cosine from 1 to 0.1
        ({"warmup": 0}, 1000, 0.1),
        ({"warmup": 0, "decay_to": 1.0}, 1000, 1.0),
    ],
)
def test_the_learning_rate_rises_stays_and_falls(
    changes: dict[str, Any], seen: int, wanted: float
) -> None:
    config = LoopConfig(**{"samples": 1000, "decay_from": 0.5, **changes})
    assert rate(config, seen) == pytest.approx(wanted)
