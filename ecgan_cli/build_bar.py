"""A bar on stderr for each engine that is being built. Silent off a terminal."""

from __future__ import annotations

from collections.abc import Callable

from rich.progress import TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from ecgan.engine.tensorrt.progress import BuildProgress

from .progress import Bars, make_bars

STEP_WIDTH = 40
"""Columns for the name of TensorRT's step."""


class BuildBar(Bars):
    """Shows how far builds are.

    Args:
        check: Called at each of TensorRT's steps; may raise to stop the build.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        narrow = Column(max_width=STEP_WIDTH, no_wrap=True, overflow="ellipsis")
        step = TextColumn("{task.fields[step]}", markup=False, style="dim", table_column=narrow)
        super().__init__(make_bars(TaskProgressColumn(), TimeElapsedColumn(), step), check)

    def begin(self, name: str) -> BuildProgress:
        """Start a bar for an engine; the returned function moves it."""
        self._check()
        bar = self._bars.add_task(name, total=1.0, step="")

        def progress(share: float, step: str) -> None:
            self._check()
            self._bars.update(bar, completed=share, step=step)

        return progress
