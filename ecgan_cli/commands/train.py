"""`ecgan train`: a network from a folder of faces."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console, options


class Network(StrEnum):
    """What can be trained."""

    SEGMENTER = "segmenter"
    GENERATOR = "generator"


def command(
    network: Annotated[Network, typer.Argument(help="What to train.", show_default=False)],
    run_dir: Annotated[
        Path,
        typer.Option(
            "--run-dir",
            metavar="FOLDER",
            help="Gets checkpoints, log.jsonl and sample pictures; a run found there goes on.",
            show_default=False,
        ),
    ],
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="Stage: drawn, then photos (segmenter); coarse, then fine (generator).",
            show_default="the first",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="TOML file whose keys win over the preset's.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="FOLDER",
            help="Folder with faces/*.csv, and expressions/expressions.csv if there is one.",
            show_default=False,
        ),
    ] = None,
    teachers: Annotated[
        str | None,
        typer.Option(
            "--teachers",
            metavar="FOLDER",
            help="Feature networks for the losses; '' to do without.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        str | None,
        typer.Option(
            "--photos",
            metavar="FOLDER",
            help="Photos of people who wear masks, for the segmenter's second stage.",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="CHECKPOINT",
            help="Begin with these weights: those of the stage before.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples", metavar="N", min=1, help="Length of the run.", show_default=False
        ),
    ] = None,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a network; stopped and started again, it goes on where it was."""
    from ecgan.trainer.runs import run_training

    console.show_course()
    given: dict[str, Any] = {
        "data": data,
        "teachers": teachers,
        "photos": photos,
        "start": start,
        "samples": samples,
    }
    run_training(
        network.value,
        run_dir,
        preset=preset,
        config=config,
        overrides={key: value for key, value in given.items() if value is not None},
    )
