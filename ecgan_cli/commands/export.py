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
            help="Gets the file and its row in manifest.json.",
            show_default=False,
        ),
    ],
    licence: Annotated[
        str,
        typer.Option("--licence", metavar="TEXT", help="Terms of the weights, for the manifest."),
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
    """Write a checkpoint as ONNX, checked against torch.

    The folder also gets the detector and whichever of segmenter and generator it lacks, from
    those that ship, so that it works at once in ecgan unmask --model FOLDER.
    """
    from ecgan.trainer.runs import export_checkpoint

    console.result(str(export_checkpoint(checkpoint, output, licence=licence, small=small)))
