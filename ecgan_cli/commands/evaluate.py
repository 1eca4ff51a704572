"""`ecgan evaluate`: networks against faces whose truth is known."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ecgan.engine.errors import OptionError

from .. import console, options
from ..options import option

if TYPE_CHECKING:
    from ecgan.trainer.evaluate import EvaluateOptions, Report

WHAT = "What is measured"


def command(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Bare faces: a folder that ecgan prepare wrote, a table of faces, or any data it reads.",
        ),
    ],
    models: Annotated[
        list[Path] | None,
        option(
            "--model -m PATH",
            "Folder of networks, ONNX file of one, or checkpoint; may be repeated.",
            options.RUNTIME,
            default="those that ship",
        ),
    ] = None,
    split: Annotated[
        Literal["train", "val", "test", "all"] | None,
        option("--split", "Which faces.", default="val; all of pictures that were not prepared"),
    ] = None,
    limit: Annotated[
        int | None,
        option("--limit N", "Faces at most, evenly spread.", default="all", min=1),
    ] = None,
    output: Annotated[
        Path | None,
        option(
            "--output -o FOLDER",
            "Gets report.html, figures.json and the matrices; an evaluation stopped there goes on.",
            options.OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        option(
            "--overwrite", "Replace what another evaluation left in that folder.", options.OUTPUT
        ),
    ] = False,
    faces: Annotated[
        int,
        option(
            "--faces N",
            "Faces to show in the report, and half as many of the worst.",
            options.OUTPUT,
            min=0,
        ),
    ] = 12,
    masks: Annotated[
        int,
        option("--masks N", "Masks drawn on each face.", WHAT, min=1),
    ] = 1,
    expressions: Annotated[
        bool,
        option(
            "--expressions/--no-expressions",
            "Ask for each of the seven and read the results.",
            WHAT,
        ),
    ] = True,
    intensity: Annotated[
        bool,
        option(
            "--intensity", "Ask for each also at half and at one and a half of its strength.", WHAT
        ),
    ] = False,
    frechet: Annotated[
        list[str] | None,
        option(
            "--frechet NAME",
            "Frechet distance on classifier, identity, inception=FILE or vgg19=FILE; may be repeated.",
            WHAT,
        ),
    ] = None,
    distance: Annotated[
        str | None,
        option(
            "--distance NAME=FILE",
            "Feature distance by lpips-alex, lpips-vgg or mobilenet-v2.",
            WHAT,
            default="mobilenet-v2 of --teachers",
        ),
    ] = None,
    teachers: Annotated[
        Path | None,
        option("--teachers FOLDER", "Feature networks for identity and distance.", WHAT),
    ] = None,
    classifier: Annotated[
        Path | None,
        option(
            "--classifier FOLDER",
            "Folder whose manifest has the network that reads expressions.",
            WHAT,
            default="the one that ships",
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
    if intensity and not expressions:
        raise OptionError("--intensity asks for expressions, --no-expressions for none")
    if output is None and overwrite:
        raise OptionError("--overwrite has no effect without -o FOLDER")
    report, page = _run(data, models or [], wanted, output, overwrite, faces)
    if as_json:
        shown = {"report": None if page is None else str(page)}
        console.json_result(report.as_json() | shown | console.outcome(None))
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

    from ..interrupts import GracefulStop, warning_if_stopped
    from ..progress import CountProgress

    kept = "what was measured is kept, run it again to go on"
    with (
        nullcontext() if output is None else warning_if_stopped(kept),
        GracefulStop() as stop,
        CountProgress("faces", stop.check) as bar,
        Evaluation(
            data, models, wanted, folder=output, overwrite=overwrite, watch=bar.update
        ) as evaluation,
    ):
        report = evaluation.report()
        page = None if output is None else write_report(evaluation, report, output, faces=faces)
        return report, page
