"""A recipe that trains in milliseconds: a painter and a judge on 8x8 pictures of noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.trainer.config import LoopConfig
from ecgan.trainer.recipes.base import Recipe, Validation

ROWS = 12


@dataclass(frozen=True)
class ToyConfig(LoopConfig):
    batch: int = 4
    samples: int = 32
    warmup: int = 8
    threads: int = 1
    device: str = "cpu"
    precision: str = "fp32"
    ema: float = 0.5
    learning_rate: float = 1e-2
    dropout: float = 0.3
    jitter: float = 0.1
    checkpoint_minutes: float = 60.0
    validate_minutes: float = 60.0


class ToySamples:
    weights: np.ndarray = np.ones(ROWS)

    def draw(self, row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"face": rng.normal(row / ROWS, 1, (3, 8, 8)).astype(np.float32)}


class ToyRecipe(Recipe[ToyConfig]):
    config_type = ToyConfig
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"toy": {}}

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        painter = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Dropout(config.dropout), nn.Conv2d(8, 3, 1)
        )
        self.modules = {
            "generator": painter.to(memory_format=torch.channels_last),
            "judge": nn.Conv2d(3, 1, 3),
        }
        self.optimizers = {
            "generator": torch.optim.Adam(painter.parameters(), config.learning_rate),
            "judge": torch.optim.Adam(self.modules["judge"].parameters(), config.learning_rate),
        }
        self.figures: list[float] = []

    def open_data(self, run_dir: Path | None) -> ToySamples:
        return ToySamples()

    def step(self, batch: Mapping[str, Tensor], seen: int) -> dict[str, Tensor]:
        face = batch["face"]
        noise = torch.rand(face.shape, generator=self.random) * self.config.jitter
        fake = self.wrapped["generator"](face.flip(3) + noise)
        judge = self.wrapped["judge"]
        told = F.softplus(-judge(face)).mean() + F.softplus(judge(fake.detach())).mean()
        self.update("judge", told)
        with self.frozen("judge"), self.autocast():
            doubt = F.softplus(-self.modules["judge"](fake).float()).mean()
        l1 = (fake - face).abs().mean()
        self.update("generator", l1 + 0.1 * doubt, clip=1.0)
        return {"l1": l1.detach(), "told": told.detach()}

    def validate(self, network: nn.Module) -> Validation:
        if self.figures:
            value = self.figures.pop(0)
        else:
            value = -float(sum(p.detach().square().sum() for p in network.parameters()))
        torch.rand(7)  # a validation may draw what it likes: training goes on as without it
        return Validation({"val_psnr": value}, [[np.zeros((8, 8, 3), np.uint8)] * 2])

    def example_inputs(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, 3, 8, 8),)
