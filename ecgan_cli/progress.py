"""Bars on stderr, silent off a terminal: how they look, one for a batch, one that counts."""

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
"""Columns for the name of any file; without a limit a long one leaves no room for the numbers."""


class RateColumn(ProgressColumn):
    """Frames or files a second, once it is known."""

    def render(self, task: RichTask) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} {task.fields['unit']}/s")


def make_bars(
    *columns: ProgressColumn, speed_s: float = 30.0, name_width: int | None = None
) -> RichProgress:
    """Bars in the look of this program.

    Args:
        columns: What stands behind the name and the bar.
        speed_s: Seconds over which speed is measured.
        name_width: Most columns for the name; None for as wide as it is.
    """
    name = Column(max_width=name_width, no_wrap=True, overflow="ellipsis")
    return RichProgress(
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(bar_width=24),
        *columns,
        console=console.stderr(),
        transient=True,
        speed_estimate_period=speed_s,
        disable=console.is_quiet() or not console.stderr().is_terminal,
    )


def counting_columns() -> tuple[ProgressColumn, ...]:
    """How many are done, how many a second, and the time left; a task's ``unit`` names them."""
    return MofNCompleteColumn(), RateColumn(), TimeRemainingColumn()


class Bars:
    """Bars that are shown while a block runs.

    Args:
        bars: The bars.
        check: Called as they move; may raise to stop the work.
    """

    def __init__(self, bars: RichProgress, check: Callable[[], None]) -> None:
        self._bars, self._check = bars, check

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()


class BatchProgress(Bars):
    """Shows how far a batch is.

    Args:
        files: Number of files; a bar over them is shown when there are several.
        check: Called before each file and after each frame; may raise to stop the batch.
    """

    def __init__(self, files: int, check: Callable[[], None]) -> None:
        super().__init__(make_bars(*counting_columns(), name_width=NAME_WIDTH), check)
        self._files: TaskID | None = None
        if files > 1:
            self._files = self._bars.add_task("files", total=files, unit="files")
        self._file: TaskID | None = None

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


class CountProgress(Bars):
    """One bar over a known number of things.

    Args:
        unit: What is counted.
        check: Called after each; may raise to stop.
    """

    def __init__(self, unit: str, check: Callable[[], None]) -> None:
        super().__init__(make_bars(*counting_columns()), check)
        self._task = self._bars.add_task(unit, total=None, unit=unit)

    def update(self, done: int, total: int) -> None:
        """Move to ``done`` of ``total``."""
        self._bars.update(self._task, completed=done, total=total)
        self._check()
