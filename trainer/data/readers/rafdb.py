"""RAF-DB's basic set as its owners distribute it: aligned pictures and the partition's labels.

Image/aligned/train_00001_aligned.jpg
EmoLabel/list_patition_label.txt         a line: train_00001.jpg 5
"""

from __future__ import annotations

from pathlib import Path

from ecgan.engine.errors import DatasetError
from ecgan.engine.expressions import EXPRESSIONS

from ..base import Picture, Reader
from ..files import loader
from ..splits import split_of

LABELS = Path("EmoLabel") / "list_patition_label.txt"
PICTURES = Path("Image") / "aligned"
SOURCE = "rafdb"


class RafDb(Reader):
    """The owners' test split is kept; a hash of the name takes the validation split from training."""

    def recognises(self, path: Path) -> bool:
        """Whether the label file is there, or in the folder `basic`."""
        return (_root(path) / LABELS).is_file()

    def pictures(self, path: Path) -> list[Picture]:
        """Every line of the label file."""
        root = _root(path)
        labels = _labels(root / LABELS)
        folder = root / PICTURES
        here = {file.name for file in folder.glob("*_aligned.jpg")} if folder.is_dir() else set()
        if not here:
            raise DatasetError(
                f"no picture in '{folder}'", hint="unpack aligned.zip of RAF-DB's basic set there"
            )
        wanted = {f"{name}_aligned.jpg": name for name in labels}
        _same(sorted(wanted.keys() - here), f"has a label but is not in '{folder}'")
        _same(sorted(here - wanted.keys()), f"has no label in '{root / LABELS}'")
        return [
            Picture(name, SOURCE, loader(folder / file), labels[name], "", _split(name))
            for file, name in wanted.items()
        ]


def _root(path: Path) -> Path:
    inner = path / "basic"
    return inner if (inner / LABELS).is_file() else path


def _labels(path: Path) -> dict[str, int]:
    """Name without extension -> index into ``EXPRESSIONS``, whose order is the file's 1 to 7."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DatasetError(
            f"'{path}' does not exist", hint="expected RAF-DB's basic set: EmoLabel/ and Image/"
        ) from None
    found: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        words = line.split()
        if len(words) != 2 or not words[0].startswith(("train_", "test_")):
            raise DatasetError(
                f"'{path}' line {number} is '{line}', expected 'train_00001.jpg 5' or 'test_...'"
            )
        if words[1] not in tuple("1234567"):
            raise DatasetError(
                f"'{path}' line {number}: label '{words[1]}' is not one of 1 to {len(EXPRESSIONS)}"
            )
        found[words[0].removesuffix(".jpg")] = int(words[1]) - 1
    return found


def _same(names: list[str], problem: str) -> None:
    if names:
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        raise DatasetError(f"'{names[0]}'{more} {problem}")


def _split(name: str) -> str:
    return "test" if name.startswith("test_") else split_of(name, test_share=0.0)
