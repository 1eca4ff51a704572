"""Configuration: precedence, and messages that name the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgan.engine.errors import ConfigError
from ecgan.trainer.config import PRESETS, GeneratorConfig, SegmenterConfig, load_config


def test_overrides_win_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("batch = 5\nsamples = 7\n")
    config = load_config(
        GeneratorConfig, path, preset={"batch": 2, "size": 256}, overrides={"samples": 9}
    )
    assert (config.size, config.batch, config.samples) == (256, 5, 9)


def test_numbers_and_lists_take_the_field_type(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("learning_rate = 1\nwidths = [4, 4, 4, 4, 4]\n")
    config = load_config(SegmenterConfig, path)
    assert config.learning_rate == 1.0
    assert config.widths == (4, 4, 4, 4, 4)


@pytest.mark.parametrize("preset", PRESETS["generator"])
def test_presets_are_valid(preset: str) -> None:
    assert load_config(GeneratorConfig, preset=PRESETS["generator"][preset]).samples > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batches = 5", "unknown key 'batches'"),
        ("batch = 'five'", "key 'batch' has value 'five', expected int"),
        ("batch = ", "is not valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(GeneratorConfig, path)


def test_the_nearest_key_is_suggested() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(GeneratorConfig, overrides={"batches": 5})
    assert caught.value.hint == "did you mean 'batch'?"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml' does not exist"):
        load_config(GeneratorConfig, tmp_path / "gone.toml")
