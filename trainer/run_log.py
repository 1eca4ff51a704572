"""What a run says while it goes: a line in the log now and then, every figure in `log.jsonl`."""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from pathlib import Path

logger = logging.getLogger(__name__)


class RunLog:
    """Averages losses between lines and appends them to `log.jsonl`.

    Args:
        run_dir: The run's folder.
        samples: Length of the run.
        every: Seconds between lines.
    """

    def __init__(self, run_dir: Path, samples: int, every: float = 30.0) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self._path = run_dir / "log.jsonl"
        self._samples, self._every = samples, every
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)
        self._time, self._seen = time.monotonic(), -1

    def add(self, seen: int, losses: dict[str, float]) -> None:
        """Take one step's losses, after ``seen`` samples in all."""
        if self._seen < 0:
            self._seen = seen
        for name, value in losses.items():
            self._sums[name] += value
            self._counts[name] += 1
        now = time.monotonic()
        if now - self._time >= self._every:
            rate = (seen - self._seen) / (now - self._time)
            means = {name: self._sums[name] / self._counts[name] for name in self._sums}
            self.write(seen, {"samples_per_s": rate, **means})
            self._sums.clear()
            self._counts.clear()
            self._time, self._seen = now, seen

    def write(self, seen: int, figures: dict[str, float]) -> None:
        """Append figures at once."""
        rounded = {name: round(value, 5) for name, value in figures.items()}
        with self._path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({"seen": seen, **rounded}) + "\n")
        text = " ".join(f"{name} {value:.4g}" for name, value in rounded.items())
        logger.info("%d of %d: %s", seen, self._samples, text)
