"""Prepared faces on the disk: shards that appear whole, a journal to go on from, the table.

    faces/faces.csv         a row a face
    faces/faces_00000.tar   JPEGs of about a thousand pictures
    journal/00000.jsonl     the same pictures: what became of each; written after its shard
    dropped.csv             what was not used, and why
    prepare.json            settings and counts

What was looked at is in the journal, so a second run does only the rest. A run that is killed loses
the pictures since the last shard, at most ``PICTURES_A_SHARD``.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ecgan.engine.errors import DatasetError, OutputError
from ecgan.engine.media.output import atomic_file, write_atomic

from ..data.tables import LANDMARK_COLUMNS, PHOTO_COLUMN

PICTURES_A_SHARD = 1000
COLUMNS = (
    *("file", "shard", "source", "person", "split", "native_px"),
    *LANDMARK_COLUMNS,
    *("label", PHOTO_COLUMN),
)
STATE_NAME = "prepare.json"


class Store:
    """The folder that preparing writes.

    Args:
        folder: Where; made when needed.
        settings: What decides about a picture; a folder prepared with other settings is refused.

    Raises:
        OutputError: The folder holds something else, or was prepared with other settings.
        DatasetError: Its journal is broken.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self._settings = dict(settings)
        self._check()
        self.entries = [entry for path in self._journals() for entry in _read_journal(path)]
        self.seen = {entry["key"] for entry in self.entries}
        self._number = len(self._journals())
        self._last_file = sum(len(entry["kept"]) for entry in self.entries) - 1
        self._files: list[tuple[str, bytes]] = []
        self._new: list[dict[str, Any]] = []

    def add(self, entry: dict[str, Any], files: Iterable[tuple[str, bytes]]) -> None:
        """Note what became of a picture.

        Args:
            entry: "key"; "kept", rows by ``COLUMNS`` but for the shard; "dropped", reasons.
            files: Names and JPEG bytes of the kept rows.
        """
        self._new.append(entry)
        self._files.extend(files)
        if len(self._new) >= PICTURES_A_SHARD:
            self.flush()

    def flush(self) -> None:
        """Write what was added since the last shard.

        Raises:
            OutputError: Disk full, no permission; the shards before are whole.
        """
        if not self._new:
            return
        if self._files:
            self._write_shard(self.shard_name)
        lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in self._new)
        write_atomic(self.folder / "journal" / f"{self._number:05d}.jsonl", lines.encode())
        self.entries += self._new
        self.seen |= {entry["key"] for entry in self._new}
        self._number += 1
        self._files, self._new = [], []

    @property
    def shard_name(self) -> str:
        """The shard that faces added now go to."""
        return f"faces_{self._number:05d}.tar"

    def next_file(self) -> int:
        """A number that no file of the folder has yet."""
        self._last_file += 1
        return self._last_file

    def finish(self, counts: Mapping[str, Any]) -> None:
        """Write the tables and the state over all that was ever looked at."""
        kept = [row for entry in self.entries for row in entry["kept"]]
        dropped = [
            {"picture": entry["key"], "reason": reason}
            for entry in self.entries
            for reason in entry["dropped"]
        ]
        _write_table(self.folder / "faces" / "faces.csv", COLUMNS, kept)
        _write_table(self.folder / "dropped.csv", ("picture", "reason"), dropped)
        state = {"settings": self._settings} | dict(counts)
        text = json.dumps(state, indent=2, ensure_ascii=False) + "\n"
        write_atomic(self.folder / STATE_NAME, text.encode())

    def _write_shard(self, name: str) -> None:
        with (
            atomic_file(self.folder / "faces" / name) as part,
            tarfile.open(part, "w:", format=tarfile.PAX_FORMAT) as archive,
        ):
            for file, data in self._files:
                info = tarfile.TarInfo(file)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))

    def _journals(self) -> list[Path]:
        return sorted((self.folder / "journal").glob("[0-9]*.jsonl"))

    def _check(self) -> None:
        state = self.folder / STATE_NAME
        if not state.is_file():
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise OutputError(
                    f"'{self.folder}' exists and was not made by ecgan prepare",
                    hint="name a new folder with -o",
                )
            text = json.dumps({"settings": self._settings}, indent=2) + "\n"
            write_atomic(state, text.encode())
            return
        try:
            before = json.loads(state.read_text(encoding="utf-8"))["settings"]
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"'{state}' is broken: {error}") from error
        for name, value in self._settings.items():
            if before.get(name) != value:
                raise OutputError(
                    f"'{self.folder}' was prepared with {name} '{before.get(name)}', not '{value}'",
                    hint="name a new folder with -o, or give the same settings to go on",
                )


def _read_journal(path: Path) -> Iterator[dict[str, Any]]:
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            yield {"key": entry["key"], "kept": entry["kept"], "dropped": entry["dropped"]}
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"'{path}' is broken: {error}", hint="remove the folder and prepare it anew"
        ) from error


def _write_table(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_atomic(path, text.getvalue().encode())
