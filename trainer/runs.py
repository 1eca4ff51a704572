"""Find what `ecgan train` was asked for, and do it: print the plan, try it, or train."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from ecgan.engine.errors import ConfigError, OptionError, did_you_mean

from .checkpoint import find_checkpoint
from .config import LoopConfig, dump_config, make_config, read_toml
from .dry_run import DryRun, try_steps
from .loop import Loop, begin_from
from .processes import launch
from .recipes import DEFAULT_NETWORK, PRESET_NETWORKS, RECIPES
from .recipes.base import Recipe
from .watch import Watch


@dataclass(frozen=True)
class Stage:
    """One run of a plan.

    Attributes:
        name: Of its preset.
        config: All of its values.
    """

    name: str
    config: LoopConfig


@dataclass(frozen=True)
class Plan:
    """What to train: one stage, or several of which each begins with the weights of the one before.

    Attributes:
        network: Name of the recipe.
        stages: In their order.
    """

    network: str
    stages: tuple[Stage, ...]

    @property
    def recipe(self) -> type[Recipe[Any]]:
        """How the network is trained."""
        found: type[Recipe[Any]] = RECIPES[self.network]
        return found

    def run_dir(self, stage: Stage, run_dir: Path) -> Path:
        """A stage's own folder: the run's, or one in it where there are several."""
        return run_dir / stage.name if len(self.stages) > 1 else run_dir

    def as_toml(self) -> str:
        """All values, in a form that ``--config`` takes."""
        if len(self.stages) == 1:
            return dump_config(self.stages[0].config)
        return "\n".join(dump_config(stage.config, table=stage.name) for stage in self.stages)


def make_plan(
    network: str | None,
    preset: str | None,
    config: Path | None,
    overrides: Mapping[str, Any],
) -> Plan:
    """Resolve a request.

    Args:
        network: Name of a recipe; None for the preset's.
        preset: Of the network's; None for its first.
        config: TOML file whose keys win over the preset's; in a table with a stage's name they hold
            for that stage alone.
        overrides: Values that win over all others; `start` is the first stage's.

    Raises:
        OptionError: Unknown network or preset.
        ConfigError: Unknown key or stage, or a value that cannot be.
    """
    name = network or PRESET_NETWORKS.get(preset or "", DEFAULT_NETWORK)
    recipe: type[Recipe[Any]] = RECIPES[name]
    choices = [*recipe.chains, *recipe.presets]
    chosen = preset or choices[0]
    if chosen not in choices:
        raise OptionError(
            f"unknown preset '{chosen}' of {name}; choose from {', '.join(choices)}",
            hint=did_you_mean(chosen, choices),
        )
    names = recipe.chains.get(chosen, (chosen,))
    given = read_toml(config) if config is not None else {}
    tables = {stage: given.pop(stage) for stage in names if isinstance(given.get(stage), dict)}
    _refuse_other_tables(given, names, recipe.config_type)
    stages = []
    for number, stage in enumerate(names):
        own = (
            dict(overrides) if number == 0 else {k: v for k, v in overrides.items() if k != "start"}
        )
        layers = (recipe.presets[stage], given, tables.get(stage, {}), own)
        stages.append(Stage(stage, make_config(recipe.config_type, *layers)))
    return Plan(name, tuple(stages))


def _refuse_other_tables(
    given: Mapping[str, Any], stages: Sequence[str], kind: type[LoopConfig]
) -> None:
    known = {field.name for field in dataclasses.fields(kind)}
    for name, value in given.items():
        if isinstance(value, dict) and name not in known:
            raise ConfigError(
                f"table '{name}' is for no stage of this plan, whose stages are {', '.join(stages)}",
                hint=did_you_mean(name, stages),
            )


def train(plan: Plan, run_dir: Path, watch: Watch | None = None) -> None:
    """Train to the end, going on with what is in the run's folder.

    Args:
        plan: What.
        run_dir: Gets checkpoints, figures and pictures.
        watch: Follows the run, and may stop it.

    Raises:
        BackendUnavailable: The device cannot be had.
        ConfigError: Values that do not go together.
        DatasetError: The data cannot be used.
        Diverged: A value is not finite.
        OutputError: The folder cannot be written.
    """
    before: Path | None = None
    for stage in plan.stages:
        config, folder = stage.config, plan.run_dir(stage, run_dir)
        if before is not None and not config.start:
            config = dataclasses.replace(config, start=str(before))
        recipe, fabric = _build(plan, config)
        Loop(recipe, plan.network, folder, fabric, watch).run()
        before = find_checkpoint(folder)


def dry_run(plan: Plan, run_dir: Path | None) -> list[DryRun]:
    """Take a few real steps of each stage and measure them; nothing is kept.

    Args:
        plan: What.
        run_dir: A run's folder, whose labels read by a teacher are used; None for none.

    Raises:
        As ``train``.
    """
    found = []
    for stage in plan.stages:
        recipe, fabric = _build(plan, stage.config)
        found.append(try_steps(recipe, f"{plan.network} {stage.name}", fabric, run_dir))
    return found


def _build(plan: Plan, config: LoopConfig) -> tuple[Recipe[Any], Fabric]:
    kind = plan.recipe
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    recipe = kind(config)
    begin_from(recipe, config.start)
    return recipe, launch(config)
