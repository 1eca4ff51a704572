"""One loop for every recipe: read top to bottom, a run is ``Loop.run``.

Lightning Fabric places networks on a CPU, a GPU, or several processes and nodes (DDP). What is here is
the order of things: a step; figures; now and then a checkpoint and a validation; an end that keeps what
was learned, whether it comes by itself, by Ctrl-C, by a full disk or by a value that is not finite.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from ecgan.engine.errors import Diverged, ModelMismatch, OutputError

from .checkpoint import load_checkpoint
from .config import LoopConfig, dump_config
from .data.shards import BrokenPicture
from .data.stream import SampleStream
from .ema import Ema
from .machine import describe_machine
from .processes import Randomness
from .recipes.base import Recipe, Samples, Validation
from .run_folder import Best, RunFolder
from .run_log import RunLog
from .schedule import rate
from .watch import Watch

logger = logging.getLogger(__name__)

LARGEST_LOSS = 1e6
"""A loss beyond this counts as diverged: all of ours are of the order of 1 to 100."""


class Loop:
    """One run of a recipe.

    Args:
        recipe: Fresh networks, or those another run begins from.
        network: Name of the recipe, for its checkpoints.
        run_dir: The run's folder; what is there goes on.
        fabric: Launched.
        watch: Follows the run.
    """

    def __init__(
        self,
        recipe: Recipe[Any],
        network: str,
        run_dir: Path,
        fabric: Fabric,
        watch: Watch | None = None,
    ) -> None:
        self.recipe, self.network, self.fabric = recipe, network, fabric
        self.config: LoopConfig = recipe.config
        self.watch = watch or Watch()
        self.folder = RunFolder(run_dir, self.config.keep)
        self.seen = self.steps = 0
        recipe.wire(fabric)
        self.ema = Ema(recipe.modules[recipe.averaged], self.config.ema)
        self._rates = {
            (name, number): group["lr"]
            for name, optimizer in recipe.optimizers.items()
            for number, group in enumerate(optimizer.param_groups)
        }
        self._random = Randomness(fabric, recipe.random)
        self._stopped: BaseException | None = None
        self._log: RunLog | None = None

    # --- the run -----------------------------------------------------------------------------

    def run(self) -> None:
        """Train to the end, from the newest checkpoint of the folder where there is one.

        Raises:
            DatasetError: The data cannot be used.
            ModelMismatch: What is in the folder is of other networks.
            Diverged: A value is not finite; the message names the last good checkpoint.
            OutputError: The last checkpoint cannot be written; the one before is whole.
        """
        cfg, leads = self.config, self.fabric.is_global_zero
        state = self.folder.load()
        if state is not None and state["seen"] >= cfg.samples:
            if leads:
                logger.info("'%s' is complete: %d samples", self.folder.path, state["seen"])
            return
        with self.fabric.rank_zero_first():
            samples = self.recipe.open_data(self.folder.path)
        if state is not None:
            self._restore(state)
        if leads:
            self._begin()
        stream = self.stream(samples)
        self._random.begin(state)
        save_at, validate_at = Every(cfg.checkpoint_minutes), Every(cfg.validate_minutes)
        try:
            while self.seen < cfg.samples:
                stop, save, validate = self._step(next(stream), save_at, validate_at)
                ended = self.seen >= cfg.samples
                if not (stop or save or validate or ended):
                    continue
                path = self._save(must=stop or ended)
                save_at.restart()
                if stop:
                    raise self._stopped or KeyboardInterrupt
                if validate or ended:
                    self._validate(path)
                    validate_at.restart()
        finally:
            stream.close()
            if self._log is not None:
                self._log.close()
        self.fabric.barrier()  # what follows may read the last checkpoint

    def stream(self, samples: Samples) -> SampleStream:
        """This process's share of the samples from here on."""
        cfg = self.config
        return SampleStream(
            samples.draw,
            samples.weights,
            batch=cfg.batch,
            seed=cfg.seed,
            start=self.seen,
            share=(self.fabric.global_rank, self.fabric.world_size),
            workers=cfg.workers,
        )

    def step(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """One step on a batch of this process, without figures: (N, ...) arrays by name.

        Raises:
            Diverged: A gradient is not finite; nothing is said of checkpoints.
        """
        factor = rate(self.config, self.seen)
        for (name, number), full in self._rates.items():
            self.recipe.optimizers[name].param_groups[number]["lr"] = full * factor
        tensors = {
            key: torch.from_numpy(value).to(self.fabric.device) for key, value in batch.items()
        }
        losses = self.recipe.step(tensors, self.seen)
        self.steps += 1
        self.seen += self.config.batch
        self.ema.update(self.recipe.modules[self.recipe.averaged], self.steps)
        return losses

    def _step(
        self, batch: Mapping[str, Any], save_at: Every, validate_at: Every
    ) -> tuple[bool, bool, bool]:
        """A step with its figures; then whether to stop, save and validate, alike in all processes."""
        try:
            losses = self.step(batch)
        except Diverged as error:
            raise self._diverged(str(error)) from error
        asked = [self._asked_to_stop(), save_at.due(), validate_at.due()]
        if not self.fabric.is_global_zero:
            asked[1:] = [False, False]  # the clock of the first process counts
        values = torch.stack([*losses.values()]).float()
        both = torch.cat([values, torch.tensor(asked, device=values.device).float()])
        # the one place, besides clipping, where a GPU is waited for
        found = self._mean(both).tolist()
        named = dict(zip(losses, found, strict=False))
        for name, value in named.items():
            if not math.isfinite(value) or abs(value) > LARGEST_LOSS:
                raise self._diverged(f"the loss '{name}' is {value:g}")
        if self._log is not None:
            self._log.add(self.seen, named)
        self.watch.advance(self.seen)
        stop, save, validate = (value > 0 for value in found[len(losses) :])
        return stop, save, validate

    def _mean(self, values: Tensor) -> Tensor:
        return values if self.fabric.world_size == 1 else self.fabric.all_reduce(values)  # type: ignore[return-value]

    def _asked_to_stop(self) -> bool:
        try:
            self.watch.check()
        except BaseException as reason:  # noqa: BLE001 - raised once the state is saved
            self._stopped = reason
        return self._stopped is not None

    def _begin(self) -> None:
        cfg, folder = self.config, self.folder
        folder.write("config.toml", dump_config(cfg).rstrip("\n"))
        machine = describe_machine(self.fabric.device, self.fabric.world_size)
        folder.write("machine.json", json.dumps({"network": self.network, **machine}, indent=2))
        self._log = RunLog(folder.path, cfg.samples, self.seen, cfg.log_seconds)
        self.watch.begin(folder.path.name, self.seen, cfg.samples)
        logger.info(
            "%s on %s in %s, %d of %d samples; %s",
            self.network,
            machine["gpu"] or f"{machine['device']} with {machine['threads']} threads",
            cfg.precision,
            self.seen,
            cfg.samples,
            folder.path,
        )

    # --- what is kept ------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        recipe = self.recipe
        return {
            "network": self.network,
            "config": dataclasses.asdict(self.config),
            "seen": self.seen,
            "steps": self.steps,
            "ema": self.ema.network.state_dict(),
            "optimizers": {name: o.state_dict() for name, o in recipe.optimizers.items()},
            "random": self._random.state(),
            **{name: module.state_dict() for name, module in recipe.modules.items()},
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        recipe = self.recipe
        try:
            for name, module in recipe.modules.items():
                module.load_state_dict(state[name])
            self.ema.network.load_state_dict(state["ema"])
            for name, optimizer in recipe.optimizers.items():
                load_optimizer(optimizer, state["optimizers"][name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ModelMismatch(
                f"'{self.folder.path}' holds a run of other networks",
                hint="give the plan that it was begun with, or another --run-dir",
            ) from error
        self.seen, self.steps = state["seen"], state["steps"]

    def _save(self, *, must: bool) -> Path | None:
        """Write a checkpoint; where it cannot be written, and need not, training goes on without.

        Returns:
            The checkpoint, in the first process.
        """
        state = self._state()  # takes part of every process
        if not self.fabric.is_global_zero:
            return None
        for name in self.recipe.modules:
            if not all(v.isfinite().all() for v in state[name].values() if v.is_floating_point()):
                raise self._diverged(f"a weight of '{name}' is not finite")
        try:
            return self.folder.save(state)
        except OutputError as error:
            if must:
                raise
            logger.warning("%s; training goes on and tries again later", error)
            return None

    def _validate(self, checkpoint: Path | None) -> None:
        if not self.fabric.is_global_zero or self._log is None:
            return
        try:
            with torch.random.fork_rng():  # figures must not change what is learned
                found: Validation = self.recipe.validate(self.ema.network)
        except BrokenPicture as error:
            logger.warning("not validated: %s; take its row out of the table", error)
            return
        # of no face there is no mean
        figures = {name: value for name, value in found.figures.items() if math.isfinite(value)}
        self._log.write(self.seen, figures)
        self._log.show(self.seen, found.rows)
        name, best = self.recipe.best_by, self.folder.best
        if name not in figures:
            logger.warning("no face could be validated on; no checkpoint is kept as the best")
            return
        value = figures[name]
        better = best is None or best.figure != name or value > best.value
        if checkpoint is not None and better:
            try:
                self.folder.mark_best(checkpoint, Best(name, value, self.seen))
            except OutputError as error:
                logger.warning("%s; the best checkpoint is the one before", error)

    def _diverged(self, what: str) -> Diverged:
        newest = self.folder.newest
        kept = f"the last good checkpoint is '{newest}'" if newest else "no checkpoint was written"
        return Diverged(
            f"{what} after {self.seen} samples; {kept}",
            hint="lower learning_rate in --config and give the command again: it goes on from there",
        )


class Every:
    """A clock that is due again and again.

    Args:
        minutes: From one time to the next; 0 is always due.
    """

    def __init__(self, minutes: float) -> None:
        self._seconds = 60 * minutes
        self.restart()

    def due(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() - self._begun >= self._seconds

    def restart(self) -> None:
        """Wait anew from now."""
        self._begun = time.monotonic()


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Load an optimiser's state from a checkpoint.

    Its tensors lie in memory as the parameters do, so that the next steps are the same to the bit.
    """
    numbered = {int(key): value for key, value in state["state"].items()}
    optimizer.load_state_dict({**state, "state": numbered})
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.ndim:
                values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def begin_from(recipe: Recipe[Any], start: str) -> None:
    """Give a recipe the weights of another run, where ``start`` names one.

    Raises:
        ModelMissing: There is no such checkpoint.
        ModelMismatch: It is of another network, or of other widths.
    """
    if not start:
        return
    state = load_checkpoint(Path(start))
    try:
        recipe.begin_from(state)
    except (KeyError, TypeError, RuntimeError) as error:  # torch says so at a length of pages
        raise ModelMismatch(
            f"'{start}' has no weights that fit this network as it is configured",
            hint="start from a checkpoint of the same network with the same widths",
        ) from error
