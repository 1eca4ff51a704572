"""A bar on stderr for a training run: samples done, samples a second, time left. Silent off a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from rich.progress import TaskID

from ecgan.trainer.watch import Watch

from .progress import counting_columns, make_bars


class TrainingProgress(Watch):
    """Shows how far a run is; use as a context manager.

    Args:
        check: Called between steps; may raise to stop the run.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._bars = make_bars(*counting_columns(), speed_s=120)
        self._bar: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, name: str, seen: int, samples: int) -> None:
        """Show a bar of its own; of several processes only the first is told."""
        self._bars.start()
        if self._bar is not None:
            self._bars.remove_task(self._bar)
        self._bar = self._bars.add_task(name, total=samples, completed=seen, unit="samples")

    def advance(self, seen: int) -> None:
        """Move it."""
        if self._bar is not None:
            self._bars.update(self._bar, completed=seen)

    def check(self) -> None:
        """Stop where the user wants to."""
        self._check()
