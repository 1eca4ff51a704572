"""A folder a class: `happiness/1.jpg`, or below splits: `train/happiness/1.jpg`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ecgan.engine.errors import DatasetError, OptionError
from ecgan.engine.expressions import EXPRESSIONS, expression_name

from ..base import Picture, Reader
from ..files import loader, picture_files

SPLIT_FOLDERS = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


class ClassFolders(Reader):
    """Folders named by expressions or their other names; the source is named by the top folder."""

    def recognises(self, path: Path) -> bool:
        """Whether a folder in it, or in a split's folder, is named by an expression."""
        return any(_is_class(folder.name) for _, folder in _class_folders(path))

    def pictures(self, path: Path) -> list[Picture]:
        """Every picture below every class folder."""
        found: list[Picture] = []
        for split, folder in _class_folders(path):
            if not _is_class(folder.name):
                raise DatasetError(
                    f"folder '{folder}' is not named by an expression",
                    hint=f"expected {', '.join(EXPRESSIONS)}",
                )
            label = EXPRESSIONS.index(expression_name(folder.name))
            files = list(picture_files(folder))
            if not files:
                raise DatasetError(f"class folder '{folder}' holds no picture")
            found += [
                Picture(
                    f.relative_to(path).as_posix(), path.resolve().name, loader(f), label, "", split
                )
                for f in files
            ]
        return found


def _class_folders(path: Path) -> Iterator[tuple[str, Path]]:
    for folder in _folders(path):
        split = SPLIT_FOLDERS.get(folder.name.lower())
        if split is None:
            yield "", folder
        else:
            yield from ((split, inner) for inner in _folders(folder))


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))


def _is_class(name: str) -> bool:
    try:
        expression_name(name)
    except OptionError:
        return False
    return True
