"""Run by the test of several processes, and by itself again for the second one: FOLDER DATA PROCESSES.

Writes what the first process found to FOLDER/found.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from toy_recipe import ToyConfig, ToyRecipe

from ecgan.trainer.checkpoint import load_checkpoint
from ecgan.trainer.config import PRESETS, GeneratorConfig
from ecgan.trainer.loop import Loop
from ecgan.trainer.processes import launch
from ecgan.trainer.recipes.generator import GeneratorRecipe
from ecgan.trainer.watch import Watch


class StopAfter(Watch):
    def __init__(self, steps: int) -> None:
        self.steps = steps

    def advance(self, seen: int) -> None:
        self.steps -= 1

    def check(self) -> None:
        if self.steps == 1:  # asked within the last step but one
            raise KeyboardInterrupt


def toy(folder: Path, processes: int, watch: Watch | None = None, **changes: Any) -> Loop:
    config = ToyConfig(devices=processes, **changes)
    torch.manual_seed(config.seed)
    recipe = ToyRecipe(config)
    return Loop(recipe, "toy", folder, launch(config), watch)


def same_steps(folder: Path, processes: int) -> list[dict[str, float]]:
    """Losses over all processes of a few steps in which nothing is drawn at random."""
    loop = toy(folder, processes, dropout=0.0, jitter=0.0)
    stream = loop.stream(loop.recipe.open_data(folder))
    found = []
    for _ in range(6):
        losses = loop.step(next(stream))
        values = loop.fabric.all_reduce(torch.stack(list(losses.values())))
        found.append(dict(zip(losses, values.tolist(), strict=True)))
    stream.close()
    weights = loop.ema.network.state_dict()
    return [*found, {name: float(value.double().sum()) for name, value in weights.items()}]


def resumed(folder: Path, processes: int) -> bool:
    """Whether a run that was stopped ends in the weights of one that was not, to the bit."""
    toy(folder / "whole", processes).run()
    halves = toy(folder / "halves", processes, StopAfter(4))
    try:
        halves.run()
    except KeyboardInterrupt:
        pass
    else:
        raise RuntimeError("the run was not stopped")
    toy(folder / "halves", processes).run()
    one, two = (load_checkpoint(folder / name) for name in ("whole", "halves"))
    return all(torch.equal(one["ema"][key], two["ema"][key]) for key in one["ema"])


def real_steps(folder: Path, data: str, processes: int, size: int) -> bool:
    """Whether the real recipe's networks are alike in all processes after steps with every loss."""
    values = {**PRESETS["ecgan-fast"]["tiny"], "reconstruction_only": 0, "weight_ssim": 1.0}
    config = GeneratorConfig(**values, size=size, data=data, devices=processes, device="cpu")
    torch.manual_seed(0)
    recipe = GeneratorRecipe(config)
    fabric = launch(config)
    loop = Loop(recipe, "ecgan-fast", folder, fabric)
    stream = loop.stream(recipe.open_data(None))
    for _ in range(2):
        loop.step(next(stream))
    stream.close()
    sums = torch.stack(
        [p.double().sum() for m in recipe.modules.values() for p in m.parameters()]
    ).detach()
    return bool(torch.equal(fabric.all_reduce(sums, reduce_op="max"), sums))


def main() -> None:
    folder, data, processes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    found: dict[str, Any] = {"steps": same_steps(folder / "steps", processes)}
    if processes > 1:
        found["resumed"] = resumed(folder, processes)
        found["alike"] = [real_steps(folder, data, processes, size) for size in (64, 256)]
    if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
        (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
