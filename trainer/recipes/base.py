"""What a training plan has to say, so that one loop can train any network.

A recipe owns its networks and optimisers, says how a sample is drawn, and does one step. The loop
(`trainer/loop.py`) owns everything else: devices and processes, learning rate, moving average,
checkpoints, log, previews, stopping.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ecgan.engine.errors import Diverged

from ..config import LoopConfig
from ..pictures import as_picture
from ..validate import Validation

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Recipe", "Samples", "Validation", "as_picture"]

C = TypeVar("C", bound=LoopConfig)


class Samples(Protocol):
    """Where training samples come from; pickled to the worker processes."""

    @property
    def weights(self) -> np.ndarray:
        """(rows,) float64: how often each row comes, any positive scale."""
        ...

    def draw(self, row: int, rng: np.random.Generator) -> Mapping[str, np.ndarray]:
        """One sample of a row, all randomness from ``rng``; arrays of the same shapes each time."""
        ...


class Recipe(ABC, Generic[C]):
    """One way to train one network, with whatever learns beside it.

    A subclass builds ``modules`` and ``optimizers`` in ``__init__`` (under a seeded generator, on the
    CPU) and fills in the abstract methods.

    In ``step`` a module whose weights learn is called through ``self.wrapped[name]``: that is what runs
    in the right precision and joins the gradients of several processes, for which every parameter that
    may learn must learn in each update. A module that only passes gradients on, such as a discriminator
    in the generator's turn, is called as ``self.modules[name]`` within ``self.frozen(...)`` and
    ``self.autocast()``.

    Args:
        config: The plan's values.

    Attributes:
        modules: Name -> network that learns; all are saved.
        optimizers: Name -> optimiser of one or several of them; all are saved.
        teachers: Name -> fixed network of a loss; moved to the device, never saved.
    """

    config_type: ClassVar[type[LoopConfig]]
    """Dataclass of the plan's values."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]]
    """Name -> values that differ from the dataclass's own."""
    chains: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Name -> presets that begin one from the other; the first chain, or preset, is the default."""
    averaged: ClassVar[str] = "generator"
    """The module whose moving average is validated and ships."""
    best_by: ClassVar[str] = "val_psnr"
    """Validation figure by which the best checkpoint is chosen; higher is better."""

    def __init__(self, config: C) -> None:
        self.config: C = config
        self.modules: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Optimizer] = {}
        self.teachers: dict[str, nn.Module] = {}
        self.wrapped: dict[str, Any] = {}
        self.random = torch.Generator().manual_seed(config.seed)
        self.device = torch.device("cpu")
        self._fabric: Fabric | None = None

    # --- what a recipe fills in ------------------------------------------------------------------

    @abstractmethod
    def open_data(self, run_dir: Path | None) -> Samples:
        """Open the data, and keep what ``validate`` needs.

        Args:
            run_dir: For results worth keeping between runs, such as labels read by a teacher; None in
                a trial of a few steps, which does without what takes long.

        Raises:
            DatasetError: The data cannot be used.
        """

    @abstractmethod
    def step(self, batch: Mapping[str, Tensor], seen: int) -> dict[str, Tensor]:
        """One update of all networks.

        Args:
            batch: Stacked samples on the device, as ``Samples.draw`` made them.
            seen: Samples seen before this step, over all processes.

        Returns:
            Name -> scalar loss, detached.

        Raises:
            Diverged: A gradient is not finite.
        """

    @abstractmethod
    def validate(self, network: nn.Module) -> Validation:
        """Judge the averaged network, in evaluation mode, on the validation split."""

    @abstractmethod
    def example_inputs(self) -> tuple[Tensor, ...]:
        """Arguments of the averaged network for one face, to count its operations."""

    def begin_from(self, state: Mapping[str, Any]) -> None:
        """Take the weights of another run's checkpoint: the averaged ones, and what else fits."""
        self.modules[self.averaged].load_state_dict(state["ema"])

    def wire(self, fabric: Fabric) -> None:
        """Move everything to the device and let Fabric wrap what learns."""
        self._fabric, self.device = fabric, fabric.device
        self.wrapped = {name: fabric.setup_module(m) for name, m in self.modules.items()}
        self.teachers = {name: m.to(self.device) for name, m in self.teachers.items()}

    # --- what a step is made of ------------------------------------------------------------------

    def autocast(self) -> AbstractContextManager[None]:
        """The run's precision, for what is called outside ``wrapped``."""
        return self._wired.autocast()

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Modules by name let gradients through and get none themselves."""
        for name in names:
            self.modules[name].requires_grad_(False)
        try:
            yield
        finally:
            for name in names:
                self.modules[name].requires_grad_(True)

    def update(self, optimizer: str, loss: Tensor, *, clip: float = 0.0) -> Tensor:
        """Learn from a loss.

        Args:
            optimizer: Name of the one whose parameters move.
            loss: Scalar.
            clip: Largest norm of the gradient over all of its parameters; 0 for any.

        Returns:
            The gradient's norm before clipping, a scalar.

        Raises:
            Diverged: It is not finite; nothing has moved.
        """
        chosen = self.optimizers[optimizer]
        chosen.zero_grad(set_to_none=True)
        self._wired.backward(loss)
        parameters = [p for group in chosen.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, clip or float("inf"))
        if not torch.isfinite(norm):  # the one place where a GPU is waited for
            raise Diverged(f"the gradient of '{optimizer}' is not finite")
        chosen.step()
        return norm

    @property
    def _wired(self) -> Fabric:
        if self._fabric is None:
            raise RuntimeError("wire() comes before the first step")
        return self._fabric
