"""Where pictures lie: members of uncompressed tar files, read by offset, or loose files of a folder."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ecgan.engine.errors import DatasetError


class BrokenPicture(DatasetError):
    """One picture of a data set cannot be decoded; the others may be fine."""


@dataclass(frozen=True)
class Span:
    """A run of bytes: one picture as it was encoded."""

    path: Path
    offset: int
    size: int

    def read(self) -> bytes:
        """The bytes."""
        with self.path.open("rb") as handle:
            handle.seek(self.offset)
            return handle.read(self.size)


def index_tar(shard: Path) -> dict[str, Span]:
    """Members of a tar file by name.

    Raises:
        DatasetError: It is missing, or is not an uncompressed tar.
    """
    try:
        with tarfile.open(shard, "r:") as archive:
            return {m.name: Span(shard, m.offset_data, m.size) for m in archive if m.isfile()}
    except FileNotFoundError:
        raise DatasetError(f"shard '{shard}' does not exist") from None
    except (tarfile.TarError, OSError) as error:
        raise DatasetError(f"shard '{shard}' is not an uncompressed tar: {error}") from error


def locate(rows: Iterable[tuple[Path, str]]) -> dict[tuple[Path, str], Span]:
    """Where each picture lies.

    Args:
        rows: (shard, file) pairs; a shard is a tar file or a folder of loose files.

    Raises:
        DatasetError: A shard is missing, or does not hold a file.
    """
    members: dict[Path, dict[str, Span]] = {}
    spans: dict[tuple[Path, str], Span] = {}
    for shard, file in rows:
        if shard not in members:
            members[shard] = {} if shard.is_dir() else index_tar(shard)
        span = members[shard].get(file)
        loose = shard / file
        if span is None and shard.is_dir() and loose.is_file():
            span = Span(loose, 0, loose.stat().st_size)
        if span is None:
            raise DatasetError(f"'{file}' is not in '{shard}'")
        spans[shard, file] = span
    return spans
