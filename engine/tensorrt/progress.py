"""How far a build is, and how it is stopped: TensorRT asks between its steps whether to go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .flavour import Flavour

BuildProgress = Callable[[float, str], None]
"""Takes the share that is done, 0 to 1, and the name of the step. May raise to stop the build."""


def make_monitor(flavour: Flavour, progress: BuildProgress | None) -> Any:
    """A progress monitor to hand to TensorRT.

    An exception of ``progress`` would be lost inside TensorRT. So it is kept in ``stopped``, ends
    the build at the next step, and is for the caller to raise; who sets ``stopped`` ends it too.

    Returns:
        An ``IProgressMonitor`` with the attribute ``stopped``, an exception or None. Keep it as
        long as the build runs.
    """

    class Monitor(flavour.module.IProgressMonitor):  # type: ignore[name-defined]
        """Turns TensorRT's nested phases into one share that never falls."""

        def __init__(self) -> None:
            super().__init__()
            self.stopped: BaseException | None = None
            self._phases = Phases()

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            self._tell(name, lambda: self._phases.start(name, parent, steps))

        def step_complete(self, name: str, step: int) -> bool:
            self._tell(name, lambda: self._phases.step(name, step))
            return self.stopped is None

        def phase_finish(self, name: str) -> None:
            self._tell(name, lambda: self._phases.finish(name))

        def _tell(self, name: str, move: Callable[[], None]) -> None:
            try:
                move()
                if progress is not None and self.stopped is None:
                    progress(self._phases.done, name)
            except BaseException as error:  # noqa: BLE001  kept, and raised after the build
                self.stopped = self.stopped or error

    return Monitor()


class Phases:
    """Share done of phases within phases, each of which is one step of the phase around it."""

    def __init__(self) -> None:
        self.done = 0.0
        """The share, 0 to 1."""
        self._open: dict[str, tuple[float, float]] = {}  # name -> where it begins, width of a step

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase begins within a step of ``parent``, or is the whole where that is None."""
        _, width = self._open.get(parent or "", (0.0, 1.0 if parent is None else 0.0))
        self._open[name] = (self.done, width / max(steps, 1))

    def step(self, name: str, step: int) -> None:
        """Step number ``step`` of a phase, counted from 0, is done."""
        begin, width = self._open.get(name, (self.done, 0.0))
        self.done = min(1.0, max(self.done, begin + width * (step + 1)))

    def finish(self, name: str) -> None:
        """A phase ended."""
        self._open.pop(name, None)
