"""Photos without labels: a folder with its subfolders, or one file."""

from __future__ import annotations

from pathlib import Path

from ecgan.engine.errors import DatasetError

from ..base import Picture, Reader
from ..files import is_picture, loader, picture_files


class Photos(Reader):
    """Whatever pictures lie there; the source is named by the folder."""

    def recognises(self, path: Path) -> bool:
        """Whether it is a folder or a picture."""
        return path.is_dir() or (path.is_file() and is_picture(path.name))

    def pictures(self, path: Path) -> list[Picture]:
        """Every picture."""
        if path.is_file():
            return [Picture(path.name, path.resolve().parent.name, loader(path))]
        source = path.resolve().name
        found = [
            Picture(f.relative_to(path).as_posix(), source, loader(f)) for f in picture_files(path)
        ]
        if not found:
            raise DatasetError(f"folder '{path}' holds no picture")
        return found
