"""`ecgan export`: a checkpoint becomes a model file for `ecgan unmask --model`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import console, options


def command(
    checkpoint: Annotated[
        Path,
        typer.Argument(metavar="CHECKPOINT", help="Written by ecgan train.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Gets the model, and its entry in manifest.json.",
            show_default=False,
        ),
    ],
    licence: Annotated[
        str,
        typer.Option("--licence", metavar="TEXT", help="Terms on which others may use the result."),
    ] = "unstated",
    small: Annotated[
        Path | None,
        typer.Option(
            "--small-checkpoint",
            metavar="FILE",
            help="Also write a small checkpoint that ecgan train --start takes.",
            show_default=False,
        ),
    ] = None,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a model for ecgan unmask from a checkpoint of ecgan train.

    It becomes an ONNX file and is checked to paint what the checkpoint paints. The folder also gets the detector and whichever of segmenter and generator it lacks, from
    those that ship, so that it works at once in ecgan unmask --model FOLDER.
    """
    from ecgan.trainer.runs import export_checkpoint

    console.result(str(export_checkpoint(checkpoint, output, licence=licence, small=small)))
