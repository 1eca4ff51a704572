"""A network out of a checkpoint: one of ours, or one that the paper's own code saved."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from ecgan.engine.errors import ModelMismatch, OptionError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.models import CLASSIFIER, GENERATOR, SEGMENTER
from ecgan.engine.types import CROP_SIZE

from ..checkpoint import load_checkpoint
from ..networks import NETWORKS
from ..networks.authors import GENERATOR_KEY, generator_of
from ..networks.ecgan import Ecgan
from .contract import SYMMETRIC, TrainingInput, input_range

BASELINE, JUDGE = "ecgan-baseline", "expression-judge"

KINDS = {"segmenter": SEGMENTER, JUDGE: CLASSIFIER}
"""Name of a network -> its kind; all others are generators."""


@dataclass(frozen=True)
class Trained:
    """A network with what a manifest says of it.

    Attributes:
        name: In the registry of networks.
        network: In evaluation mode, float32.
        scale: What it was shown in training.
        origin: Where the weights come from, one line.
        samples_seen: Training samples; 0 where the checkpoint does not say.
        data: What the run was given as data.
    """

    name: str
    network: nn.Module
    scale: TrainingInput
    origin: str
    samples_seen: int = 0
    data: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """ "segmenter", "generator" or "classifier"."""
        return KINDS.get(self.name, GENERATOR)

    @property
    def classes(self) -> list[str]:
        """Expressions it can be asked for."""
        asks = self.kind == GENERATOR and self.name != BASELINE
        return list(EXPRESSIONS) if asks else []

    @property
    def auto(self) -> bool:
        """Whether it can do without an expression."""
        return self.name in ("ecgan-fast", BASELINE)


def read_trained(path: Path, range_name: str = SYMMETRIC) -> Trained:
    """The network of a checkpoint.

    Args:
        path: Written by ecgan train (its averaged weights are taken) or by the paper's own code.
        range_name: What pictures were in training; only files of the paper's code may differ.

    Raises:
        OptionError: An unknown range, or one that the checkpoint's network was not trained in.
        ModelMissing: There is no such file.
        ModelMismatch: It is no such checkpoint.
    """
    scale = input_range(range_name)
    state = load_checkpoint(path)
    if isinstance(state, dict) and GENERATOR_KEY in state:
        network = generator_of(state, path)
        name = "ecgan" if network.classes else BASELINE
        return Trained(name, network, scale, "checkpoint of the paper's own code")
    if range_name != SYMMETRIC:
        raise OptionError(
            f"'{path}' was trained by ecgan train, whose pictures are always {SYMMETRIC}",
            hint="leave --input-range out",
        )
    return _ours(state, path, scale)


def _ours(state: Any, path: Path, scale: TrainingInput) -> Trained:
    try:
        config = state["config"]
        name = state.get("network") or _name_by(config)
        network = build(name, config)
        network.load_state_dict(state["ema"])
    except (KeyError, TypeError, AttributeError, RuntimeError, OptionError) as error:
        raise ModelMismatch(
            f"'{path}' is not a checkpoint of ecgan train, nor of the paper's code"
        ) from error
    if isinstance(network, Ecgan):
        scale = replace(scale, side=_side(path, config))
    data = config.get("data", [])
    return Trained(
        name=name,
        network=network.float().eval(),
        scale=scale,
        origin="trained by ecgan train",
        samples_seen=int(state.get("seen", 0)),
        data=[data] if isinstance(data, str) else list(data),
    )


def _side(path: Path, config: Mapping[str, Any]) -> int:
    side = int(config.get("size", CROP_SIZE))
    if CROP_SIZE % side:
        raise ModelMismatch(
            f"'{path}' was trained at {side} px, which does not divide {CROP_SIZE}",
            hint="train with size = 64, 128 or 256",
        )
    return side


def build(name: str, config: Mapping[str, Any]) -> nn.Module:
    """A network of the registry with the widths and the like that a run's configuration names."""
    maker = NETWORKS[name]
    known = inspect.signature(maker).parameters
    network: nn.Module = maker(**{key: config[key] for key in known if key in config})
    return network


def _name_by(config: Mapping[str, Any]) -> str:
    """Checkpoints of the first version do not say what they hold."""
    return "ecgan-fast" if "head" in config else SEGMENTER
