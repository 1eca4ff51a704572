"""A bar on stderr for a batch: files done, frames a second, time left. Silent off a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.progress import Task as RichTask
from rich.table import Column
from rich.text import Text

from ecgan.engine.jobs.inputs import VIDEO, Task
from ecgan.engine.jobs.report import Progress

from . import console

NAME_WIDTH = 30
"""Columns for the name of a file; without a limit a long one leaves no room for the numbers."""


def _name_column() -> Column:
    return Column(max_width=NAME_WIDTH, no_wrap=True, overflow="ellipsis")


class RateColumn(ProgressColumn):
    """Frames or files a second, once it is known."""

    def render(self, task: RichTask) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} {task.fields['unit']}/s")


def _bars() -> RichProgress:
    return RichProgress(
        TextColumn("{task.description}", markup=False, table_column=_name_column()),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console.stderr(),
        transient=True,
        disable=console.is_quiet() or not console.stderr().is_terminal,
    )


class BatchProgress:
    """Shows how far a batch is; use as a context manager.

    Args:
        files: Number of files; a bar over them is shown when there are several.
        check: Called before each file and after each frame; may raise to stop the batch.
    """

    def __init__(self, files: int, check: Callable[[], None]) -> None:
        self._check = check
        self._bars = _bars()
        self._files: TaskID | None = None
        if files > 1:
            self._files = self._bars.add_task("files", total=files, unit="files")
        self._file: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, index: int, task: Task) -> Progress | None:
        """Move to the next file; the returned function takes frames done and their total."""
        self._check()
        if self._files is not None:
            self._bars.update(self._files, completed=index)
        if self._file is not None:
            self._bars.remove_task(self._file)
            self._file = None
        if task.source.kind != VIDEO:
            return None
        bar = self._bars.add_task(task.source.path.name, total=None, unit="frames")
        self._file = bar

        def progress(done: int, total: int | None) -> None:
            self._check()
            self._bars.update(bar, completed=done, total=total)

        return progress


class CountProgress:
    """One bar over a known number of things; use as a context manager.

    Args:
        unit: What is counted.
        check: Called after each; may raise to stop.
    """

    def __init__(self, unit: str, check: Callable[[], None]) -> None:
        self._check = check
        self._bars = _bars()
        self._task = self._bars.add_task(unit, total=None, unit=unit)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self, done: int, total: int) -> None:
        """Move to ``done`` of ``total``."""
        self._bars.update(self._task, completed=done, total=total)
        self._check()
