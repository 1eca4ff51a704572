"""Prepare data sets: every picture looked at once, its faces cut out, everything counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ecgan.engine.errors import DatasetError, InputError, OptionError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.pipeline import Unmasker

from ..data.base import Picture
from ..data.files import as_jpeg
from ..data.mixture import parse_spec
from ..data.splits import SPLITS, split_of
from ..data.tables import LANDMARK_COLUMNS
from .align import AlignedFace, Drop, align_faces
from .contact import write_sheet
from .store import Store

SHEET_NAME = "sheet.png"
JPEG_QUALITY = 95
UNLABELLED = "none"
Watch = Callable[[int, int], None]
"""Gets pictures done and their total after each; may raise to stop."""


@dataclass(frozen=True)
class PrepareOptions:
    """What decides about a picture.

    Attributes:
        min_face: Least height of a face's box in pixels.
        every_face: Take every face of a picture, not the largest alone.
        person: Regular expression on a picture's name; its first group, or the whole match, says
            who is seen. None: as the data set says, else each picture is a person of its own.
    """

    min_face: int = 48
    every_face: bool = False
    person: str | None = None


@dataclass(frozen=True)
class Summary:
    """What a prepared folder holds.

    Attributes:
        folder: The folder.
        pictures: Pictures looked at, those of earlier runs included.
        faces: Faces kept.
        dropped: Reason -> how many.
        labels: Expression, or "none", -> faces.
        splits: Split -> faces.
    """

    folder: Path
    pictures: int
    faces: int
    dropped: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)

    @property
    def missing_labels(self) -> list[str]:
        """Expressions without a face, where there are labels at all."""
        if not self.labels.keys() - {UNLABELLED}:
            return []
        return [name for name in EXPRESSIONS if name not in self.labels]


def prepare(
    specs: Sequence[str],
    folder: Path,
    open_unmasker: Callable[[], Unmasker],
    options: PrepareOptions | None = None,
    *,
    watch: Watch | None = None,
) -> Summary:
    """Look at every picture that no earlier run into the folder has looked at.

    Args:
        specs: Data sets, as ``parse_spec`` reads them.
        folder: What training reads afterwards.
        open_unmasker: Makes what finds faces and masks; called when there is something to do.
        options: What decides about a picture.
        watch: Hears how far it is.

    Raises:
        OptionError: A name of data or the pattern for persons cannot be read.
        DatasetError: A data set is missing or broken, or not one face was kept.
        OutputError: The folder holds something else, or cannot be written.
    """
    options = options or PrepareOptions()
    name_person = _person_rule(options.person)
    found = [(text, p) for text in specs for p in _pictures(text)]
    store = Store(folder, asdict(options))
    new = [(f"{text}:{p.name}", p) for text, p in found if f"{text}:{p.name}" not in store.seen]
    try:
        if new:
            with open_unmasker() as unmasker:
                for number, (key, picture) in enumerate(new):
                    entry, files = _look(picture, unmasker, options, name_person, store)
                    store.add({"key": key} | entry, files)
                    if watch is not None:
                        watch(len(found) - len(new) + number + 1, len(found))
    finally:
        store.flush()
        summary = _summary(folder, store)
        if summary.pictures:
            store.finish({k: v for k, v in asdict(summary).items() if k != "folder"})
    if not summary.faces:
        reasons = ", ".join(f"{count} {reason}" for reason, count in summary.dropped.items())
        looked_at = f"{summary.pictures} picture{'s' if summary.pictures != 1 else ''}"
        raise DatasetError(f"no face was kept of {looked_at}: {reasons}")
    write_sheet(folder / SHEET_NAME, folder)
    return summary


def _pictures(text: str) -> list[Picture]:
    spec = parse_spec(text)
    if spec.weight != 1.0:
        raise OptionError(
            f"'{text}' has a weight, which preparing does not use",
            hint="give it where the prepared folder is named as data",
        )
    return spec.open().pictures(spec.path)


def _person_rule(pattern: str | None) -> Callable[[Picture], str]:
    if pattern is None:
        return lambda picture: picture.person
    try:
        rule = re.compile(pattern)
    except re.error as error:
        raise OptionError(f"'{pattern}' is not a regular expression: {error}") from error

    def person(picture: Picture) -> str:
        match = rule.search(picture.name)
        return "" if match is None else (match[1] if rule.groups else match[0]) or ""

    return person


def _look(
    picture: Picture,
    unmasker: Unmasker,
    options: PrepareOptions,
    name_person: Callable[[Picture], str],
    store: Store,
) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """What became of a picture, and the files of its faces."""
    try:
        image = picture.load()
    except InputError:
        return {"kept": [], "dropped": [Drop.UNREADABLE.value]}, []
    results = align_faces(image, unmasker, min_face=options.min_face, every=options.every_face)
    kept, files = [], []
    for face in (r for r in results if isinstance(r, AlignedFace)):
        person = name_person(picture) or f"{picture.source}/{picture.name}"
        name = f"{store.next_file():06d}-{_plain(picture.name)}.jpg"
        kept.append(_row(picture, face, name, person, store.shard_name))
        files.append((name, as_jpeg(face.crop, JPEG_QUALITY)))
    dropped = [r.value for r in results if isinstance(r, Drop)]
    return {"kept": kept, "dropped": dropped}, files


def _row(picture: Picture, face: AlignedFace, name: str, person: str, shard: str) -> dict[str, Any]:
    numbers = [] if face.photo is None else face.photo.ravel().tolist()
    return {
        "file": name,
        "shard": shard,
        "source": picture.source,
        "person": person,
        "split": picture.split or split_of(person),
        "native_px": round(face.native_px),
        "label": EXPRESSIONS[picture.label] if picture.label >= 0 else "",
        "photo": " ".join(f"{v:.1f}" for v in numbers),
    } | {
        column: f"{value:.1f}"
        for column, value in zip(LANDMARK_COLUMNS, face.landmarks.ravel().tolist(), strict=True)
    }


def _plain(name: str) -> str:
    """A picture's name as a file name, without folders and extension."""
    return re.sub(r"[^\w.-]+", "_", str(Path(name).with_suffix("")))[-80:]


def _summary(folder: Path, store: Store) -> Summary:
    rows = [row for entry in store.entries for row in entry["kept"]]
    dropped = Counter(reason for entry in store.entries for reason in entry["dropped"])
    labels, splits = (Counter(row[key] or UNLABELLED for row in rows) for key in ("label", "split"))
    order = [*EXPRESSIONS, UNLABELLED]
    return Summary(
        folder=folder,
        pictures=len(store.entries),
        faces=len(rows),
        dropped={reason.value: dropped[reason.value] for reason in Drop if dropped[reason.value]},
        labels={name: labels[name] for name in order if labels[name]},
        splits={name: splits[name] for name in SPLITS if splits[name]},
    )
