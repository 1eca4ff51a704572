"""`ecgan prepare`: pictures as people have them into aligned faces that training reads."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ecgan.engine.errors import OptionError

from .. import console, options
from ..options import option

if TYPE_CHECKING:
    from ecgan.engine.pipeline import Unmasker
    from ecgan.trainer.prepare import PrepareOptions, Summary


def command(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]...",
            help="Data: a folder of photos, a folder a class, a labelled CSV, tar files, RAF-DB; READER:PATH where the form is not plain, as in rafdb:RAF-DB/basic.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        option(
            "--output -o FOLDER",
            "Gets faces/faces.csv with tar files, sheet.png, dropped.csv; a run found there goes on.",
            options.OUTPUT,
        ),
    ] = None,
    mask_sheet: Annotated[
        Path | None,
        option(
            "--mask-sheet FILE",
            "Only write a PNG of every drawn mask on one face: the first of INPUT, or the example's.",
            options.OUTPUT,
        ),
    ] = None,
    faces: Annotated[
        Literal["largest", "all"],
        option("--faces", "Faces of a picture to take.", options.FACES),
    ] = "largest",
    min_face: Annotated[
        int,
        option(
            "--min-face PIXELS", "Drop faces that are not as high as this.", options.FACES, min=1
        ),
    ] = 48,
    person: Annotated[
        str | None,
        option(
            "--person REGEX",
            "Finds the person's name in a picture's, so that nobody is in two splits: '^([A-Z]+)[.]'.",
            options.FACES,
            default="each picture another person, unless the data says",
        ),
    ] = None,
    threads: options.Threads = None,
    as_json: options.Json = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Find and align the faces of pictures once, for training.

    Pictures that cannot be read, show no face, a small one, one turned away, or one that wears a
    mask are dropped and counted.
    """
    from ecgan.trainer.prepare import PrepareOptions

    texts = inputs or []
    if mask_sheet is not None:
        _write_mask_sheet(texts, mask_sheet)
        return
    if not texts or output is None:
        missing = "INPUT" if not texts else "-o FOLDER"
        raise OptionError(f"missing {missing}", hint="ecgan prepare INPUT -o FOLDER")
    wanted = PrepareOptions(min_face=min_face, every_face=faces == "all", person=person)
    summary = _prepare(texts, output, wanted, threads)
    _show(summary)
    if as_json:
        console.json_result(
            asdict(summary) | {"folder": str(summary.folder)} | console.outcome(None)
        )
    else:
        console.result(str(summary.folder))


def _prepare(
    texts: list[str], output: Path, wanted: PrepareOptions, threads: int | None
) -> Summary:
    from ecgan.trainer.prepare import prepare

    from ..interrupts import GracefulStop, warning_if_stopped
    from ..progress import CountProgress

    def open_unmasker() -> Unmasker:
        from ecgan.engine.pipeline import Unmasker

        return Unmasker(threads=threads)

    with (
        warning_if_stopped("what was done is kept, run it again to go on"),
        GracefulStop() as stop,
        CountProgress("pictures", stop.check) as bar,
    ):
        return prepare(texts, output, open_unmasker, wanted, watch=bar.update)


def _show(summary: Summary) -> None:
    """What was kept and what was not, on stderr."""
    if console.is_quiet():
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("pictures", str(summary.pictures))
    table.add_row("faces kept", str(summary.faces))
    for title, counts in (
        ("dropped", summary.dropped),
        ("expression", summary.labels),
        ("split", summary.splits),
    ):
        for name, count in counts.items():
            table.add_row(f"{title}: {name}", str(count))
    console.stderr().print(table)
    empty = summary.missing_labels
    if empty:
        console.warning(f"no face of: {', '.join(empty)}")


def _write_mask_sheet(texts: list[str], target: Path) -> None:
    from ecgan.trainer.data.files import write_png
    from ecgan.trainer.prepare.mask_sheet import draw_mask_sheet, example_face, face_of

    if len(texts) > 1:
        raise OptionError(f"--mask-sheet takes one face, expected one INPUT, not {len(texts)}")
    if target.suffix.lower() != ".png":
        raise OptionError(f"--mask-sheet '{target}' is not the name of a PNG")
    write_png(target, draw_mask_sheet(face_of(texts[0]) if texts else example_face()))
    console.result(str(target))
