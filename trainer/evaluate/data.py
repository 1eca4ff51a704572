"""The faces that are evaluated on, from whatever form a data set has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ecgan.engine.errors import DatasetError, OptionError
from ecgan.engine.pipeline import Unmasker

from ..data import FaceSet, load_faces, load_folder, parse_spec
from ..data.splits import SPLITS
from ..data.tables import LANDMARK_COLUMNS, read_rows

ALL = "all"
MAIN_TABLE = Path("faces") / "faces.csv"
LABEL_TABLE = Path("expressions") / "expressions.csv"
Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class EvaluationData:
    """What is evaluated on.

    Attributes:
        faces: The faces, of the split alone.
        train: Faces that training may see, for the mean face; may be empty.
        labelled: True faces with a label, for the classifier's own accuracy.
        split: "train", "val", "test" or "all".
        notes: What was dropped.
    """

    faces: FaceSet
    train: FaceSet
    labelled: FaceSet
    split: str
    notes: list[str]


def open_data(
    text: str,
    split: str | None,
    work: Path,
    open_unmasker: Callable[[], Unmasker],
    watch: Watch | None,
) -> EvaluationData:
    """Find the faces.

    Args:
        text: As ``parse_spec`` reads it. Of a data folder ``faces/faces.csv`` is taken. Pictures
            without landmarks are looked at first, as ecgan prepare does.
        split: "train", "val", "test" or "all"; None for "val" of tables and "all" of the rest.
        work: Folder for faces that have to be cut out of pictures.
        open_unmasker: Makes what finds faces.
        watch: Hears how far that is.

    Raises:
        OptionError: Unknown split, or a weight.
        DatasetError: The data is missing or broken, or the split is empty.
    """
    if split is not None and split not in (*SPLITS, ALL):
        raise OptionError(f"unknown split '{split}'; choose from {', '.join(SPLITS)}, or {ALL}")
    spec = parse_spec(text)
    if spec.weight != 1.0:
        raise OptionError(f"'{text}' has a weight, which evaluating does not use")
    reader, notes = spec.open(), []
    path = spec.path
    if not reader.has_landmarks and not _has_landmarks(path):
        # imported here: preparing brings in much that tables do not need
        from ..prepare import prepare

        summary = prepare([text], work, open_unmasker, watch=watch)
        dropped = ", ".join(f"{count} {why}" for why, count in summary.dropped.items())
        if dropped:
            notes.append(f"of {summary.pictures} pictures these were dropped: {dropped}")
        path, split = work, split or ALL
    every = load_faces(_table(path)) if _table(path).is_file() else load_folder(path)
    chosen = split or SPLITS[1]
    faces = every if chosen == ALL else every.select(chosen)
    if not len(faces):
        raise DatasetError(
            f"no face of split '{chosen}' in '{text}'",
            hint=f"--split {', '.join(SPLITS)} or {ALL}",
        )
    return EvaluationData(
        faces=faces,
        train=every.select(SPLITS[0]),
        labelled=_labelled(path, faces, chosen),
        split=chosen,
        notes=notes,
    )


def _table(path: Path) -> Path:
    return path / MAIN_TABLE if path.is_dir() else path


def _has_landmarks(path: Path) -> bool:
    """A table may name aligned faces, or pictures of any kind."""
    if path.suffix.lower() != ".csv":
        return False
    rows = read_rows(path)
    return bool(rows) and {"split", *LANDMARK_COLUMNS} <= rows[0].keys()


def _labelled(path: Path, faces: FaceSet, split: str) -> FaceSet:
    """A data folder's own table of labels where there is one, else the evaluated faces' labels."""
    table = path / LABEL_TABLE
    if not table.is_file():
        return faces.where(lambda row: row.label >= 0)
    named = {(Path(row["shard"]).name, row["file"]) for row in read_rows(table)}
    return load_folder(path).where(
        lambda row: (
            (row.shard.name, row.file) in named and row.label >= 0 and split in (row.split, ALL)
        )
    )
