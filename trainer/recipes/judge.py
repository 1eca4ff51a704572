"""The judge of expressions, for `ecgan evaluate`: nothing that trains a generator ever sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.expressions import EXPRESSIONS

from ..config import LoopConfig
from ..data import FaceSet, load_data
from ..data.samples import source_weights
from ..data.splits import half_of
from ..judge_samples import JudgeSamples, plain_window
from ..networks.blocks import channels_last
from ..networks.expression_judge import SHAPE, ExpressionJudge
from ..teacher_targets import DIRECTIONS, Targets, read_targets
from .base import Recipe, Samples, Validation, as_picture

HALF = "even"
"""The half of the labelled persons that the judge learns from; it is tried on the other."""

AT_ONCE = 64

CLIP = 5.0
"""Largest norm of the gradient."""


@dataclass(frozen=True)
class JudgeConfig(LoopConfig):
    """Training of the judge of expressions."""

    teachers: str = "../shared/teachers"
    """Folder with the networks whose view it learns to foretell, or empty to do without."""
    widths: tuple[int, ...] = (24, 48, 96, 160)
    """Channels from half to a sixteenth of what it sees."""
    features: int = 256
    """Size of its penultimate layer."""
    batch: int = 64
    samples: int = 172_000
    warmup: int = 6_000
    decay_to: float = 0.01
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    ema: float = 0.998
    shares: dict[str, float] = field(
        default_factory=lambda: {"lfw": 0.4, "utkface": 0.5, "stock4": 1.5, "habesha": 1.5}
    )
    labelled_share: float = 0.6
    """Share of samples that have a label, where there are others."""
    smoothing: float = 0.15
    """Share of a label that is left to what a teacher reads, or to all expressions alike."""
    mixing: float = 0.3
    """Shape of the Beta distribution that two faces are mixed by."""
    weight_seen: float = 0.5
    """Of foretelling what teachers see."""
    weight_read: float = 0.5
    """Of foretelling the expression that a teacher reads in a face without a label."""


class JudgeRecipe(Recipe[JudgeConfig]):
    """Cross-entropy on mixed faces, with what frozen teachers make of them.

    Args:
        config: The plan's values.
    """

    config_type = JudgeConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "judge": {},
        "tiny": {
            "widths": (4, 8, 8, 16),
            "features": 16,
            "samples": 320,
            "batch": 8,
            "warmup": 8,
            "teachers": "",
            "threads": 1,
            "log_seconds": 0.5,
        },
    }
    averaged: ClassVar[str] = "judge"
    best_by: ClassVar[str] = "val_accuracy"

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__(config)
        self.modules = {"judge": channels_last(ExpressionJudge(config.widths, config.features))}
        if config.teachers:
            self.modules["foretell"] = nn.Linear(config.features, DIRECTIONS)
        parameters = [p for module in self.modules.values() for p in module.parameters()]
        self.optimizers = {
            "judge": torch.optim.AdamW(
                parameters, config.learning_rate, weight_decay=config.weight_decay
            )
        }
        self._held: FaceSet | None = None

    def begin_from(self, state: Mapping[str, Any]) -> None:
        """The averaged weights, and those that foretell where both runs have teachers."""
        super().begin_from(state)
        if "foretell" in self.modules and "foretell" in state:
            self.modules["foretell"].load_state_dict(state["foretell"])

    def open_data(self, run_dir: Path | None) -> Samples:
        """Labelled persons of one half but for the test split; of the training split also the unlabelled."""
        cfg = self.config
        faces = load_data(cfg.data)
        train = faces.where(
            lambda row: (
                (row.split != "test" and half_of(row.person) == HALF)
                if row.label >= 0
                else (row.split == "train" and bool(cfg.teachers))
            )
        )
        self._held = faces.where(
            lambda row: row.label >= 0 and row.split == "val" and half_of(row.person) != HALF
        )
        targets: dict[str, Targets] = {}
        if cfg.teachers:
            if run_dir is None:
                train = train.where(lambda row: row.label >= 0)
                targets = _no_targets(train)
            else:
                targets = read_targets(train, Path(cfg.teachers), run_dir / "targets.npz")
        return JudgeSamples(train, _weights(train, cfg), targets)

    def step(self, batch: Mapping[str, Tensor], seen: int) -> dict[str, Tensor]:
        """Faces are mixed in pairs, and so is what is wanted of them."""
        cfg = self.config
        window, (wanted, weight) = as_picture(batch["window"]), _wanted(batch, cfg)
        share, order = self._mixture(len(window))
        logits, features = self.wrapped["judge"](torch.lerp(window, window[order], share))
        each = -(_mixed(weight * wanted, share, order) * F.log_softmax(logits.float(), 1)).sum(1)
        losses = {"entropy": each.mean()}
        loss = losses["entropy"]
        if "seen" in batch:
            foretold = self.wrapped["foretell"](features).float()
            losses["seen"] = F.mse_loss(foretold, _mixed(batch["seen"], share, order))
            loss = loss + cfg.weight_seen * losses["seen"]
        norm = self.update("judge", loss, clip=CLIP)
        return {"loss": loss.detach(), "norm": norm} | {k: v.detach() for k, v in losses.items()}

    def _mixture(self, count: int) -> tuple[float, Tensor]:
        """Share of the other face, at most half, and which the other is."""
        drawn = torch._sample_dirichlet(torch.full((2,), self.config.mixing), generator=self.random)
        order = torch.randperm(count, generator=self.random)
        return float(drawn.min()), order.to(self.device)

    def validate(self, network: nn.Module) -> Validation:
        """Accuracy on persons of the validation split whose half it is not trained on, and by class."""
        if self._held is None:
            raise RuntimeError("open_data() comes before validate()")
        if not len(self._held):
            return Validation({"val_accuracy": float("nan")})
        labels = np.array([record.label for record in self._held])
        right = read_all(network, self._held) == labels
        known = sorted(set(labels.tolist()))
        recall = {f"val_{EXPRESSIONS[i]}": float(right[labels == i].mean()) for i in known}
        balanced = float(np.mean(list(recall.values())))
        return Validation({"val_accuracy": float(right.mean()), "val_balanced": balanced} | recall)

    def example_inputs(self) -> tuple[Tensor, ...]:
        """One window."""
        return (torch.zeros(1, 3, *SHAPE),)


@torch.no_grad()
def read_all(network: nn.Module, faces: FaceSet) -> np.ndarray:
    """(N,) the expression that a judge reads in each face, as it is and mirrored."""
    device = next(network.parameters()).device
    found: list[np.ndarray] = []
    for begin in range(0, len(faces), AT_ONCE):
        rows = range(begin, min(begin + AT_ONCE, len(faces)))
        windows = torch.from_numpy(np.stack([plain_window(faces, row) for row in rows]))
        picture = as_picture(windows.to(device))
        both = network(picture)[0] + network(picture.flip(3))[0]
        found.append(both.argmax(1).cpu().numpy())
    return np.concatenate(found)


def _mixed(values: Tensor, share: float, order: Tensor) -> Tensor:
    return torch.lerp(values, values[order], share)


def _wanted(batch: Mapping[str, Tensor], cfg: JudgeConfig) -> tuple[Tensor, Tensor]:
    """(N, 7) probabilities to be read, and how much each face counts, (N, 1)."""
    label = batch["label"]
    known = (label >= 0)[:, None]
    hard = F.one_hot(label.clamp(min=0), len(EXPRESSIONS)).float()
    read = batch.get("expression", torch.full_like(hard, 1 / len(EXPRESSIONS)))
    wanted = torch.where(known, torch.lerp(hard, read, cfg.smoothing), read)
    return wanted, torch.where(known, 1.0, cfg.weight_read)


def _weights(faces: FaceSet, cfg: JudgeConfig) -> np.ndarray:
    """Every expression equally often, and labelled faces as often as asked."""
    weights = source_weights(faces, cfg.shares, balance=True)
    known = np.array([record.label >= 0 for record in faces])
    if not known.all():
        for part, share in ((known, cfg.labelled_share), (~known, 1 - cfg.labelled_share)):
            weights[part] *= share / weights[part].sum()
    return weights


def _no_targets(faces: FaceSet) -> dict[str, Targets]:
    """Stand in for what teachers would take minutes to tell."""
    even = np.full(len(EXPRESSIONS), 1 / len(EXPRESSIONS), np.float32)
    return {record.key: Targets(even, np.zeros(DIRECTIONS, np.float32)) for record in faces}
