"""Tar shards of pictures: one uncompressed tar file, or a folder of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath

from ecgan.engine.errors import DatasetError, OptionError
from ecgan.engine.expressions import EXPRESSIONS, expression_name

from ..base import Picture, Reader
from ..files import decode, is_picture
from ..shards import index_tar


class Tar(Reader):
    """A member's folder that is named by an expression is its label; other members have none."""

    def recognises(self, path: Path) -> bool:
        """Whether it is a tar file, or a folder that holds some."""
        return path.suffix.lower() == ".tar" or bool(_shards(path))

    def pictures(self, path: Path) -> list[Picture]:
        """Every picture of every shard."""
        source = path.resolve().stem
        found = []
        for shard in _shards(path) if path.is_dir() else [path]:
            for name, span in sorted(index_tar(shard).items()):
                if is_picture(name):
                    load = partial(decode, span, name)
                    found.append(Picture(f"{shard.stem}/{name}", source, load, _label(name)))
        if not found:
            raise DatasetError(f"'{path}' holds no picture")
        return found


def _shards(path: Path) -> list[Path]:
    return sorted(path.glob("*.tar")) if path.is_dir() else []


def _label(name: str) -> int:
    for folder in PurePosixPath(name).parts[:-1]:
        try:
            return EXPRESSIONS.index(expression_name(folder))
        except OptionError:
            continue
    return -1
