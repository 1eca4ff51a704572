"""`ecgan evaluate`: networks against faces whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ecgan.engine.errors import EcganError, OptionError

from .. import console, options

if TYPE_CHECKING:
    from ecgan.trainer.evaluate import EvaluateOptions, Report

WHAT = "What is measured"


def command(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Bare faces: a folder that ecgan prepare wrote, a table of faces, or any data it reads.",
            show_default=False,
        ),
    ],
    models: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="PATH",
            help="Folder of networks, ONNX file of one, or checkpoint; may be repeated.",
            rich_help_panel=options.RUNTIME,
            show_default="those that ship",
        ),
    ] = None,
    split: Annotated[
        Literal["train", "val", "test", "all"] | None,
        typer.Option(
            "--split",
            help="Which faces.",
            show_default="val; all of pictures that were not prepared",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help="Faces at most, evenly spread.",
            show_default="all",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Gets report.html, figures.json and the matrices; an evaluation stopped there goes on.",
            rich_help_panel=options.OUTPUT,
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace what another evaluation left in that folder.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    faces: Annotated[
        int,
        typer.Option(
            "--faces",
            metavar="N",
            min=0,
            help="Faces to show in the report, and half as many of the worst.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = 12,
    masks: Annotated[
        int,
        typer.Option(
            "--masks", metavar="N", min=1, help="Masks drawn on each face.", rich_help_panel=WHAT
        ),
    ] = 1,
    expressions: Annotated[
        bool,
        typer.Option(
            "--expressions/--no-expressions",
            help="Ask for each of the seven and read the results.",
            rich_help_panel=WHAT,
        ),
    ] = True,
    intensity: Annotated[
        bool,
        typer.Option(
            "--intensity",
            help="Ask for each also at half and at one and a half of its strength.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    frechet: Annotated[
        list[str] | None,
        typer.Option(
            "--frechet",
            metavar="NAME",
            help="Frechet distance on classifier, identity, inception=FILE or vgg19=FILE; may be repeated.",
            rich_help_panel=WHAT,
            show_default=False,
        ),
    ] = None,
    distance: Annotated[
        str | None,
        typer.Option(
            "--distance",
            metavar="NAME=FILE",
            help="Feature distance by lpips-alex, lpips-vgg or mobilenet-v2.",
            rich_help_panel=WHAT,
            show_default="mobilenet-v2 of --teachers",
        ),
    ] = None,
    teachers: Annotated[
        Path | None,
        typer.Option(
            "--teachers",
            metavar="FOLDER",
            help="Feature networks for identity and distance.",
            rich_help_panel=WHAT,
            show_default=False,
        ),
    ] = None,
    classifier: Annotated[
        Path | None,
        typer.Option(
            "--classifier",
            metavar="FOLDER",
            help="Folder whose manifest has the network that reads expressions.",
            rich_help_panel=WHAT,
            show_default="the one that ships",
        ),
    ] = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    as_json: options.Json = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure how near faces without their drawn masks come to the true ones.

    A mask is drawn on each face, always the same, and taken off as ecgan unmask does it. Simple ways
    to fill the hole are measured beside. Faces that are not found under the mask are failures:
    counted, listed, and in no mean.
    """
    from ecgan.trainer.evaluate import EvaluateOptions

    wanted = EvaluateOptions(
        split=split,
        limit=limit,
        masks=masks,
        expressions=expressions,
        intensity=intensity,
        frechet=tuple(frechet or ()),
        distance=distance,
        teachers=teachers,
        classifier=classifier,
        device=device,
        threads=threads,
    )
    try:
        if intensity and not expressions:
            raise OptionError("--intensity asks for expressions, --no-expressions for none")
        if output is None and overwrite:
            raise OptionError("--overwrite has no effect without -o FOLDER")
        report, page = _run(data, models or [], wanted, output, overwrite, faces)
    except EcganError as error:
        if as_json:
            console.json_result({"error": {"message": error.message, "hint": error.hint}})
        raise
    if as_json:
        shown = {"report": None if page is None else str(page), "error": None}
        console.json_result(report.as_json() | shown)
        return
    for line in report.lines():
        console.result(line)
    if page is not None:
        console.result(str(page))


def _run(
    data: str,
    models: list[Path],
    wanted: EvaluateOptions,
    output: Path | None,
    overwrite: bool,
    faces: int,
) -> tuple[Report, Path | None]:
    from ecgan.trainer.evaluate import Evaluation, write_report

    from ..interrupts import GracefulStop, Terminated
    from ..progress import CountProgress

    try:
        with (
            GracefulStop() as stop,
            CountProgress("faces", stop.check) as bar,
            Evaluation(
                data, models, wanted, folder=output, overwrite=overwrite, watch=bar.update
            ) as evaluation,
        ):
            report = evaluation.report()
            page = None if output is None else write_report(evaluation, report, output, faces=faces)
            return report, page
    except (KeyboardInterrupt, Terminated):
        if output is not None:
            console.warning("stopped; what was measured is kept, run it again to go on")
        raise
