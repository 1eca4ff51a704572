"""What a run says while it goes: a line now and then, `metrics.jsonl`, TensorBoard, sheets of pictures.

Figures are worth less than the run: where they cannot be written it says so once and goes on.
"""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ecgan.engine.types import U8

from .data.files import write_png
from .preview import make_sheet

logger = logging.getLogger(__name__)

METRICS = "metrics.jsonl"


class RunLog:
    """Averages losses between lines, and writes them down.

    Args:
        run_dir: The run's folder.
        samples: Length of the run.
        seen: Samples at its begin; lines of later ones, from a run that was cut off, are dropped.
        every: Seconds between lines.
    """

    def __init__(self, run_dir: Path, samples: int, seen: int = 0, every: float = 30.0) -> None:
        self._run_dir, self._samples, self._every = run_dir, samples, every
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)
        self._time, self._seen = time.monotonic(), seen
        self._failed = False
        self._board: Any = None
        self._guarded(lambda: self._open(seen))

    def add(self, seen: int, losses: Mapping[str, float]) -> None:
        """Take one step's losses, after ``seen`` samples in all."""
        for name, value in losses.items():
            self._sums[name] += value
            self._counts[name] += 1
        now = time.monotonic()
        if now - self._time >= self._every:
            self.write(seen, {"samples_per_s": (seen - self._seen) / (now - self._time)})

    def write(self, seen: int, figures: Mapping[str, float]) -> None:
        """Write figures at once, with the means of the losses since the line before."""
        means = {name: self._sums[name] / self._counts[name] for name in self._sums}
        self._sums.clear()
        self._counts.clear()
        self._time, self._seen = time.monotonic(), seen
        rounded = {name: round(value, 5) for name, value in {**figures, **means}.items()}
        if not rounded:
            return
        self._guarded(lambda: self._append(seen, rounded))
        text = " ".join(f"{name} {value:.4g}" for name, value in rounded.items())
        logger.info("%d of %d: %s", seen, self._samples, text)

    def show(self, seen: int, rows: Sequence[Sequence[U8]]) -> None:
        """Write a sheet of pictures: rows of (S, S, 3) uint8 RGB."""
        if rows:
            self._guarded(lambda: self._draw(seen, rows))

    def close(self) -> None:
        """Write what waits to be written."""
        if self._board is not None:
            self._guarded(self._board.close)

    def _open(self, seen: int) -> None:
        self._run_dir.mkdir(parents=True, exist_ok=True)
        path = self._run_dir / METRICS
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if _position(line) <= seen]
            path.write_text("".join(kept), encoding="utf-8")
        from torch.utils.tensorboard import SummaryWriter

        self._board = SummaryWriter(str(self._run_dir / "tensorboard"), purge_step=seen + 1)

    def _append(self, seen: int, figures: Mapping[str, float]) -> None:
        with (self._run_dir / METRICS).open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({"seen": seen, **figures}) + "\n")
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(name, value, seen)
            self._board.flush()

    def _draw(self, seen: int, rows: Sequence[Sequence[U8]]) -> None:
        sheet = make_sheet(rows)
        write_png(self._run_dir / f"samples_{seen:09d}.png", sheet)
        if self._board is not None:
            self._board.add_image("samples", sheet, seen, dataformats="HWC")
            self._board.flush()

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            if not self._failed:
                logger.warning("figures of '%s' cannot be written: %s", self._run_dir, error)
            self._failed = True


def _position(line: str) -> int:
    try:
        return int(json.loads(line)["seen"])
    except (ValueError, KeyError, TypeError):
        return 1 << 62  # half a line
