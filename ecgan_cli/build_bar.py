"""A bar on stderr for each engine that is being built. Silent off a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from ecgan.engine.tensorrt.progress import BuildProgress

from . import console

STEP_WIDTH = 40
"""Columns for the name of TensorRT's step."""


class BuildBar:
    """Shows how far builds are; use as a context manager.

    Args:
        check: Called at each of TensorRT's steps; may raise to stop the build.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        narrow = Column(max_width=STEP_WIDTH, no_wrap=True, overflow="ellipsis")
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[step]}", markup=False, style="dim", table_column=narrow),
            console=console.stderr(),
            transient=True,
            disable=console.is_quiet() or not console.stderr().is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, name: str) -> BuildProgress:
        """Start a bar for an engine; the returned function moves it."""
        self._check()
        bar = self._bars.add_task(name, total=1.0, step="")

        def progress(share: float, step: str) -> None:
            self._check()
            self._bars.update(bar, completed=share, step=step)

        return progress
