"""Try a run: its size, and how fast a few real steps are on this machine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ecgan.engine.memory import MIB, peak_memory_mib

from .data.stream import BATCHES_AHEAD, Batch
from .loop import Loop
from .recipes.base import Recipe

STEPS = 5
"""Steps that are timed, of each kind, at least."""

ENOUGH_S = 6.0
"""Seconds after which no further step is timed."""

MOST_STEPS = 60


@dataclass(frozen=True)
class DryRun:
    """What was found.

    Attributes:
        name: Network and preset.
        parameters: Weights of the network.
        all_parameters: With those of what learns beside it.
        gflop: Of one forward pass on one face; a multiply-add counts two.
        side: Side of that face in pixels.
        samples: Length of the run.
        batch: Samples a step.
        device: What it ran on.
        memory_mib: Most that was taken: of the GPU's memory, or by the process; 0 where the system
            does not tell.
        real_per_s: Samples a second with samples drawn as in training.
        fixed_per_s: Samples a second with the same batch again and again.
        draw_ms: To draw one sample, on one core.
    """

    name: str
    parameters: int
    all_parameters: int
    gflop: float
    side: int
    samples: int
    batch: int
    device: str
    memory_mib: int
    real_per_s: float
    fixed_per_s: float
    draw_ms: float


def try_steps(recipe: Recipe[Any], name: str, fabric: Fabric, run_dir: Path | None) -> DryRun:
    """Take a few steps and throw them away.

    Args:
        recipe: Fresh.
        name: For the result.
        fabric: Launched.
        run_dir: As in ``Recipe.open_data``.

    Raises:
        DatasetError: The data cannot be used.
        Diverged: A value is not finite.
    """
    averaged = recipe.modules[recipe.averaged]
    inputs = recipe.example_inputs()
    gflop = count_gflop(averaged, inputs)
    samples = recipe.open_data(run_dir)
    with tempfile.TemporaryDirectory() as nowhere:
        loop = Loop(recipe, name, Path(nowhere), fabric)
        half = -(-recipe.config.samples // (2 * recipe.config.batch)) * recipe.config.batch
        loop.seen = half  # by then all that learns has joined
        stream = loop.stream(samples)
        batch = next(stream)
        loop.step(batch)  # the first step prepares much
        for _ in range(BATCHES_AHEAD):
            next(stream)  # what was drawn meanwhile would flatter
        real = _rate(loop, stream)
        stream.close()
        drawn = _draw_ms(stream.item)
        fixed = _rate(loop, iter(lambda: batch, None))
    return DryRun(
        name=name,
        parameters=_count(averaged),
        all_parameters=sum(_count(module) for module in recipe.modules.values()),
        gflop=gflop,
        side=inputs[0].shape[-1],
        samples=recipe.config.samples,
        batch=recipe.config.batch,
        device=str(fabric.device),
        memory_mib=_memory_mib(fabric.device),
        real_per_s=real,
        fixed_per_s=fixed,
        draw_ms=drawn,
    )


@torch.no_grad()
def count_gflop(network: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """Of one forward pass; a multiply-add counts two. The network is as it was afterwards."""
    modes = {module: module.training for module in network.modules()}
    network.eval()  # statistics must not move, and one value a channel has none
    try:
        with FlopCounterMode(display=False) as counter:
            network(*inputs)
    finally:
        for module, mode in modes.items():
            module.training = mode
    return counter.get_total_flops() / 1e9


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _rate(loop: Loop, batches: Iterator[Batch]) -> float:
    """Samples a second."""
    begun, steps, taken = time.perf_counter(), 0, 0.0
    while steps < STEPS or (taken < ENOUGH_S and steps < MOST_STEPS):
        loop.step(next(batches))
        if loop.fabric.device.type == "cuda":
            torch.cuda.synchronize(loop.fabric.device)
        steps += 1
        taken = time.perf_counter() - begun
    return steps * loop.config.batch / taken


def _draw_ms(draw: Callable[[int], Any], count: int = 24) -> float:
    begun = time.perf_counter()
    for number in range(count):
        draw(number)
    return 1e3 * (time.perf_counter() - begun) / count


def _memory_mib(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // MIB
    return round(peak_memory_mib())
