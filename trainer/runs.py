"""Start a training run by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ecgan.engine.errors import OptionError

from .config import PRESETS, GeneratorConfig, SegmenterConfig, load_config
from .data import load_data
from .train_generator import train_generator
from .train_segmenter import train_segmenter


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
        train_segmenter(plan, run_dir, load_data(plan.data))
    else:
        stage = load_config(GeneratorConfig, config, preset=stages[name], overrides=overrides)
        train_generator(stage, run_dir, load_data(stage.data))
