"""What was measured so far, in a folder: an evaluation that was stopped goes on from it."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecgan.engine.errors import OutputError
from ecgan.engine.media.output import write_atomic

from .measure import Measured

PLAN_NAME = "plan.json"


class Store:
    """Chunks of measured cases, each in a file.

    Args:
        folder: Where they are kept; made where it is missing.
        plan: What decides about the figures; cases of another plan are not mixed in.
        overwrite: Throw away what another plan left.

    Raises:
        OutputError: Another plan's cases lie there, or the folder cannot be written.
    """

    def __init__(self, folder: Path, plan: dict[str, Any], *, overwrite: bool) -> None:
        self._folder = folder
        path = folder / PLAN_NAME
        text = json.dumps(plan, indent=2, sort_keys=True)
        if path.is_file() and path.read_text(encoding="utf-8") != text:
            if not overwrite:
                raise OutputError(
                    f"'{folder.parent}' holds an evaluation of something else",
                    hint="name another folder with -o, or replace it with --overwrite",
                )
            shutil.rmtree(folder)
        write_atomic(path, text.encode())

    def load(self, number: int) -> list[Measured] | None:
        """A chunk, or None where it is not there or not whole."""
        try:
            # from memory: numpy leaves the file of a damaged archive open
            content = io.BytesIO(self._path(number).read_bytes())
            with np.load(content, allow_pickle=False) as archive:
                rows = json.loads(str(archive["rows"]))
                vectors = {name: archive[name] for name in archive.files if name != "rows"}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return [Measured.from_plain(row, _features(vectors, i)) for i, row in enumerate(rows)]

    def save(self, number: int, chunk: Sequence[Measured]) -> None:
        """Keep a chunk.

        Raises:
            OutputError: The disk is full, or the folder cannot be written.
        """
        arrays = {
            f"{i}/{network}/{row}": vector
            for i, measured in enumerate(chunk)
            for network, rows in measured.features.items()
            for row, vector in rows.items()
        }
        stream = io.BytesIO()
        rows = json.dumps([measured.plain() for measured in chunk])
        np.savez(stream, rows=np.array(rows), **arrays)  # type: ignore[arg-type]
        write_atomic(self._path(number), stream.getvalue())

    def _path(self, number: int) -> Path:
        return self._folder / f"cases-{number:05d}.npz"


def _features(vectors: dict[str, np.ndarray], case: int) -> dict[str, dict[str, np.ndarray]]:
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, vector in vectors.items():
        number, network, row = name.split("/", 2)
        if int(number) == case:
            found.setdefault(network, {})[row] = vector
    return found
