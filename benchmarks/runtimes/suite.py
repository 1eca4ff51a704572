"""The comparison: rows opened, held against torch, then timed in turn."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ecgan.engine.models import model_folder
from ecgan.trainer.torch_backend import register

from ..harness import Timing, interleave_measured, speedup
from .agreement import compare
from .result import Cell, RowResult, VideoCell, WorkResult
from .rows import REFERENCE, Row, rows_named
from .work import PAPER, Feeds, Work, folder_work, make_feeds, paper_work
from .worker import RowFailure, Seat, Worker

_BESIDE = "the paper's network, beside"
Say = Callable[[str], None]
WORKS = (PAPER, "model")
"""The paper's generator, and the networks of a model folder."""


@dataclass(frozen=True)
class Settings:
    """What to measure.

    Attributes:
        models: Model folder; None for the networks that ship.
        works: Of ``WORKS``.
        rows: Names of rows; empty for all.
        batches: Faces a run, each 1 to 16.
        rounds: Timed runs of each row and batch size.
        warmup: Runs before them.
        threads: CPU threads of each runtime.
        limit_s: No further round of a batch size begins after so long.
        video: For the way from file to file, and where crops come from.
        frames: Only so many of its frames; None for all.
        passes: Passes over the video.
    """

    models: Path | None = None
    works: tuple[str, ...] = WORKS
    rows: tuple[str, ...] = ()
    batches: tuple[int, ...] = (1, 4, 16)
    rounds: int = 30
    warmup: int = 3
    threads: int = 2
    limit_s: float = 60.0
    video: Path | None = None
    frames: int | None = None
    passes: int = 3


def measure(settings: Settings, say: Say = lambda _: None) -> list[WorkResult]:
    """Run the comparison.

    Args:
        settings: What.
        say: Told what is being done.

    Returns:
        One result a work; a row that cannot run says why in it.

    Raises:
        OptionError: A row is unknown.
        ModelMissing: The model folder is not whole.
        MediaError: The video cannot be read.
        InputError: The video shows no face.
        RowFailure: Torch itself, with which all is compared, cannot run.
    """
    rows = rows_named(settings.rows)
    models = settings.models or model_folder()
    register()
    with tempfile.TemporaryDirectory(prefix="ecgan-benchmark-") as folder:
        scratch = Path(folder)
        ours = folder_work(models)
        feeds = make_feeds(settings.video, max(settings.batches))
        results = []
        with _Crew(settings, feeds, scratch) as crew:
            if PAPER in settings.works:
                say("writing the paper's network as a model file")
                half = any(row.precision == "fp16" and _may_run(row) for row in rows)
                results.append(_Comparison(crew, _paper(scratch, models, half), rows, say).run())
            if "model" in settings.works:
                results.append(_Comparison(crew, ours, rows, say).run())
    return results


def _may_run(row: Row) -> bool:
    from ..machine import machine

    return row.device == "cpu" or machine()["gpu"] is not None


def _paper(scratch: Path, models: Path, half: bool) -> Work:
    folder = scratch / "paper"
    folder.mkdir()
    return paper_work(folder, models, half=half)


class _Crew:
    """All processes, closed together.

    ``paper`` is the paper's network in torch, kept to run beside the rows of another work.
    """

    def __init__(self, settings: Settings, feeds: Feeds, scratch: Path) -> None:
        self.settings, self.feeds, self.scratch = settings, feeds, scratch
        self.paper: Worker | None = None
        self._open: list[Worker] = []

    def hire(self, row: Row, work: Work) -> Worker:
        """Start a row's process."""
        log = self.scratch / f"{work.name}-{row.name}.log"
        worker = Worker(Seat(row, work, self.settings.threads, self.feeds), log)
        self._open.append(worker)
        return worker

    def dismiss(self, worker: Worker) -> None:
        """End one."""
        self._open.remove(worker)
        worker.close()

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for worker in self._open:
            worker.close(5.0 if kind is None else 0.0)


@dataclass
class _Comparison:
    """The rows of one work."""

    crew: _Crew
    work: Work
    rows: tuple[Row, ...]
    say: Say
    workers: dict[str, Worker] = field(default_factory=dict)

    def run(self) -> WorkResult:
        results = {row.name: self._open(row) for row in self.rows}
        reference = results[REFERENCE]
        if reference.reason is not None:
            raise RowFailure(f"torch cannot run: {reference.reason}", reference.hint)
        for batch in self.crew.settings.batches:
            self._batch(batch, results)
        if self.crew.settings.video is not None:
            self._video(results)
        self._dismiss()
        return WorkResult(self.work.name, self.work.what, list(results.values()))

    def _open(self, row: Row) -> RowResult:
        self.say(f"{self.work.what}: opening {row.label} ({row.device})")
        result = RowResult(row.name, row.label, row.precision, row.device)
        if row.precision == "int8" and self.crew.settings.video is None:
            # calibrated on faces: on anything else their agreement says nothing
            result.reason, result.hint = "int8 is judged on faces only", "name a video: --video"
            return result
        worker = self.crew.hire(row, self.work)
        try:
            reply = worker.ask("open")
        except RowFailure as failure:
            result.reason, result.hint = failure.message, failure.hint
            self.crew.dismiss(worker)
            return result
        result.device, result.cold_s = reply["device"], reply["open_s"]
        self.workers[row.name] = worker
        return result

    def _batch(self, batch: int, results: Mapping[str, RowResult]) -> None:
        expected: Mapping[str, np.ndarray] | None = None
        cells: dict[str, Cell] = {}
        for name, worker in list(self.workers.items()):
            self.say(f"{self.work.what}: batch {batch}, {results[name].label}, warming up")
            cell = Cell(batch)
            results[name].cells.append(cell)
            try:
                results[name].first_ms[batch] = worker.ask("time", batch=batch)[0]
                found = worker.ask("outputs", batch=batch)
                expected = found if name == REFERENCE else expected
                if name != REFERENCE and expected is not None:
                    mask = self.crew.feeds["mask"][:batch]
                    cell.agreement = compare(found, expected, mask)
                    cell.failure = cell.agreement.failure(results[name].precision)
                for _ in range(self.crew.settings.warmup):
                    worker.ask("time", batch=batch)
            except RowFailure as failure:
                cell.failure = failure.message
            if cell.failure is None:
                cells[name] = cell
        self._time(batch, cells, results)

    def _time(
        self, batch: int, cells: Mapping[str, Cell], results: Mapping[str, RowResult]
    ) -> None:
        """Time the rows whose answers are right, in turn."""
        self.say(f"{self.work.what}: batch {batch}, {len(cells)} rows in turn")
        parts: dict[str, list[dict[str, float]]] = {name: [] for name in cells}
        turns = {name: _turn(self.workers[name], batch, parts[name]) for name in cells}
        paper = self.crew.paper
        if paper is not None:
            paper.ask("time", batch=batch)
            turns[_BESIDE] = _turn(paper, batch, [])
        settings = self.crew.settings
        timed = interleave_measured(turns, settings.rounds, limit_s=settings.limit_s)
        timings = {timing.name: timing for timing in timed}
        for name, cell in cells.items():
            cell.timing = timings[name]
            slow = timings.get(_baseline(results[name].device, timings))
            cell.speedup = None if slow is None else speedup(slow, cell.timing)
            beside = timings.get(_BESIDE)
            if self.work.name == PAPER:
                beside = timings.get(REFERENCE)
            cell.paper_speedup = None if beside is None else speedup(beside, cell.timing)
            cell.parts_ms = _medians(parts[name])
            cell.peak_mib = self.workers[name].ask("peak_mib")

    def _video(self, results: Mapping[str, RowResult]) -> None:
        settings = self.crew.settings
        asked = {"video": settings.video, "frames": settings.frames}
        right = {name: w for name, w in self.workers.items() if results[name].status == "ran"}
        passes: dict[str, list[dict[str, Any]]] = {name: [] for name in right}
        for name in right:
            results[name].video = VideoCell()
        for number in range(1 + self.crew.settings.passes):
            for name, worker in right.items():
                cell = results[name].video
                if cell is None or cell.failure is not None:
                    continue
                self.say(f"{self.work.what}: video, {results[name].label}, pass {number}")
                target = self.crew.scratch / f"{self.work.name}-{name}.mp4"
                try:
                    passes[name].append(worker.ask("video", target=target, **asked))
                    cell.peak_mib = worker.ask("peak_mib")
                except RowFailure as failure:
                    cell.failure = failure.message
        for name, found in passes.items():
            cell = results[name].video
            if cell is not None and len(found) > 1:
                warm = found[1:]  # the first pass is the warm-up
                cell.fps = statistics.median(one["fps"] for one in warm)
                cell.stages_ms = _medians([one["stages_ms"] for one in warm])
                cell.frames, cell.painted = warm[0]["frames"], warm[0]["painted"]

    def _dismiss(self) -> None:
        for name, worker in self.workers.items():
            if self.work.name == PAPER and name == REFERENCE:
                self.crew.paper = worker
            else:
                self.crew.dismiss(worker)


def _turn(worker: Worker, batch: int, parts: list[dict[str, float]]) -> Callable[[], float]:
    def turn() -> float:
        took, found = worker.ask("time", batch=batch)
        parts.append(found)
        return float(took)

    return turn


def _baseline(device: str, timings: Mapping[str, Timing]) -> str:
    """The PyTorch path on the same device, or on the CPU where there is none."""
    return "torch-cuda" if device != "cpu" and "torch-cuda" in timings else REFERENCE


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    names = rows[0] if rows else {}
    return {name: statistics.median(row[name] for row in rows) for name in names}
