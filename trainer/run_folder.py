"""The folder of a run: its checkpoints, which of them stay, and what the run is.

`checkpoints/0032000.safetensors` (named by samples; the newest few stay), `checkpoints/best.safetensors`
with `best.json`, `config.toml`, `machine.json`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgan.engine.errors import ConfigError, ModelMismatch
from ecgan.engine.media.output import atomic_file, write_atomic

from .checkpoint import SUFFIX, load_checkpoint, numbered, save_checkpoint

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Best:
    """The best validation so far.

    Attributes:
        figure: Name of what is compared; higher is better.
        value: Its value.
        seen: Samples after which it was measured.
    """

    figure: str
    value: float
    seen: int


class RunFolder:
    """Files of one run.

    Args:
        path: The folder; made when something is written.
        keep: Newest checkpoints that stay.
    """

    def __init__(self, path: Path, keep: int) -> None:
        self.path, self._keep = path, keep
        self._checkpoints = path / "checkpoints"
        self.best = self._read_best()

    @property
    def newest(self) -> Path | None:
        """The newest checkpoint."""
        found = numbered(self._checkpoints)
        return found[-1] if found else None

    def load(self) -> dict[str, Any] | None:
        """The newest state that can be read; None where the run has not begun.

        Raises:
            ConfigError: The folder holds a run of the first version, which cannot go on.
            ModelMismatch: There are checkpoints, and none can be read.
        """
        found = numbered(self._checkpoints)
        for path in reversed(found):
            try:
                return load_checkpoint(path)
            except ModelMismatch as error:
                logger.warning("%s; going back to the one before", error)
        if found:
            raise ModelMismatch(f"no checkpoint in '{self._checkpoints}' can be read")
        if (self._checkpoints / "last.pt").exists():
            raise ConfigError(
                f"'{self.path}' holds a run of an older version",
                hint=f"name another --run-dir, and begin with --start {self.path}",
            )
        return None

    def save(self, state: Mapping[str, Any]) -> Path:
        """Write a state as the newest checkpoint, then let go of the oldest.

        Raises:
            OutputError: It cannot be written; all that was there is still there.
        """
        path = self._checkpoints / f"{state['seen']:09d}{SUFFIX}"
        save_checkpoint(path, dict(state))
        for old in numbered(self._checkpoints)[: -self._keep]:
            old.unlink(missing_ok=True)
        return path

    def mark_best(self, checkpoint: Path, best: Best) -> None:
        """Keep a checkpoint as the best, whatever comes after it.

        Raises:
            OutputError: It cannot be written; the best before is still there.
        """
        with atomic_file(self._checkpoints / f"best{SUFFIX}") as part:
            part.unlink(missing_ok=True)  # of a run that was killed here
            try:
                os.link(checkpoint, part)
            except OSError:  # the file system has no links
                shutil.copyfile(checkpoint, part)
        self.write("checkpoints/best.json", json.dumps(vars(best)))
        self.best = best

    def write(self, name: str, text: str) -> None:
        """Write a small file of the run at once.

        Raises:
            OutputError: It cannot be written.
        """
        write_atomic(self.path / name, f"{text}\n".encode())

    def _read_best(self) -> Best | None:
        try:
            return Best(**json.loads((self._checkpoints / "best.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
