"""Devices, processes, and the random numbers of each."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from ecgan.engine.errors import BackendUnavailable, ConfigError

from .config import LoopConfig

logger = logging.getLogger(__name__)

PRECISIONS = {"bf16": "bf16-mixed", "fp32": "32-true"}


def launch(config: LoopConfig) -> Fabric:
    """Begin the processes of a run; all but the first are started by running this program again.

    Args:
        config: Says where and in what precision.

    Raises:
        BackendUnavailable: No GPU is there, or not as many as asked for.
        ConfigError: The batch cannot be shared out among the processes.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    processes = config.devices * config.nodes
    if config.batch % processes:
        raise ConfigError(
            f"batch '{config.batch}' cannot be shared among {processes} processes",
            hint="the batch is that of all processes together: take a multiple",
        )
    device = _device(config)
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or its sums vary
        torch.backends.cudnn.deterministic = True
    fabric = Fabric(
        accelerator=device,
        devices=config.devices,
        num_nodes=config.nodes,
        strategy=DDPStrategy(**_own_buffers()) if processes > 1 else "auto",
        precision=PRECISIONS[config.precision],  # type: ignore[arg-type]
    )
    fabric.launch()
    if config.threads:
        torch.set_num_threads(config.threads)
    return fabric


def _own_buffers() -> dict[str, Any]:
    """Each process has statistics of batch norm of its own; those of the first are saved."""
    known = inspect.signature(DistributedDataParallel).parameters
    return {
        "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False
    }


def _device(config: LoopConfig) -> str:
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if config.device == "cpu" or (config.device == "auto" and not found):
        return "cpu"
    if found < config.devices:
        raise BackendUnavailable(
            f"device 'cuda' with {config.devices} GPUs was asked for, and torch finds {found}",
            hint="--device cpu trains without, or install torch for CUDA from pytorch.org",
        )
    return "cuda"


class Randomness:
    """The random numbers that a run draws while it goes: the recipe's own, and torch's.

    Networks are built from the same numbers in every process; from there on each has its own.

    Args:
        fabric: Launched.
        recipe: The recipe's generator.
    """

    def __init__(self, fabric: Fabric, recipe: torch.Generator) -> None:
        self._fabric, self._recipe = fabric, recipe

    def begin(self, state: Mapping[str, Any] | None) -> None:
        """Go on where a checkpoint was written; without one, or with others, begin anew."""
        rank, saved = self._fabric.global_rank, (state or {}).get("random", [])
        if rank < len(saved) and len(saved) == self._fabric.world_size:
            mine = saved[rank]
            torch.set_rng_state(mine["torch"])
            self._recipe.set_state(mine["recipe"])
            if "cuda" in mine and self._fabric.device.type == "cuda":
                torch.cuda.set_rng_state(mine["cuda"], self._fabric.device)
            return
        if saved and rank == 0:
            logger.warning(
                "the run had %d processes and has %d now: it goes on, but not with the same random numbers",
                len(saved),
                self._fabric.world_size,
            )
        if rank:
            torch.manual_seed(torch.initial_seed() + rank)
            self._recipe.manual_seed(self._recipe.initial_seed() + rank)

    def state(self) -> list[dict[str, Tensor]]:
        """Of every process, in their order; a call of all of them."""
        mine = {"torch": torch.get_rng_state(), "recipe": self._recipe.get_state()}
        if self._fabric.device.type == "cuda":
            mine["cuda"] = torch.cuda.get_rng_state(self._fabric.device)
        if self._fabric.world_size == 1:
            return [mine]
        every: list[Any] = [None] * self._fabric.world_size
        torch.distributed.all_gather_object(every, mine)
        return every
