"""`ecgan export`: a checkpoint becomes model files for `ecgan unmask --model`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .. import console, options
from ..options import option


def command(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT",
            help="Written by ecgan train, or by the paper's own code.",
        ),
    ],
    output: Annotated[
        Path,
        option("--output -o FOLDER", "Gets the model, and its entry in manifest.json."),
    ],
    licence: Annotated[
        str,
        option("--licence TEXT", "Terms on which others may use the result."),
    ] = "unstated",
    check: Annotated[
        list[Path] | None,
        option(
            "--check PHOTO",
            "Photo of faces to check the files on; may be repeated.",
            default="faces of the run's own data",
        ),
    ] = None,
    input_range: Annotated[
        Literal["-1..1", "imagenet"],
        option(
            "--input-range", "What pictures were in training; the paper's data set gives imagenet."
        ),
    ] = "-1..1",
    fp32_only: Annotated[
        bool, option("--fp32-only", "Leave out the file for --precision fp16.")
    ] = False,
    small: Annotated[
        Path | None,
        option(
            "--small-checkpoint FILE",
            "Also write a small checkpoint that ecgan train --start takes.",
        ),
    ] = None,
    as_json: options.Json = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a model for ecgan unmask from a checkpoint.

    It becomes two ONNX files, one for each --precision, which are run and compared with the
    network before they get their names. The folder also gets the detector and whichever of
    segmenter and generator it lacks, from those that ship, so that it works at once in ecgan
    unmask --model FOLDER.
    """
    from ecgan.trainer.export import export_checkpoint

    console.show_course()
    exported = export_checkpoint(
        checkpoint,
        output,
        licence=licence,
        input_range=input_range,
        photos=check or [],
        half=not fp32_only,
        small=small,
    )
    files = {"fp32": exported.full} | ({"fp16": exported.half} if exported.half else {})
    if as_json:
        console.json_result(
            {
                "files": {precision: _row(file) for precision, file in files.items()},
                "figures": exported.figures,
            }
        )
        return
    for file in files.values():
        console.result(str(file.path))
    console.note(_summary(exported.figures))


def _row(file: Any) -> dict[str, Any]:
    return {"path": str(file.path), "sha256": file.sha256, "bytes": file.path.stat().st_size}


def _summary(figures: dict[str, float]) -> str:
    """What the checks found, in words."""
    if "export_worst_probability" in figures:  # of the classifier
        found = f"by {figures['export_worst_probability']:.4f} of a probability at most"
    else:
        found = (
            f"by {figures['export_worst_level']:.0f} of 255 at most, "
            f"{figures['export_mean_level']:.4f} on average"
        )
    text = (
        f"ONNX Runtime and torch differ {found}; "
        f"weights are stored in {figures['stored_bits']:.0f} bits"
    )
    if "fp16_psnr" in figures:
        text += f"; fp16 agrees with fp32 to {figures['fp16_psnr']:.1f} dB"
        text += " (the CPU rounds to float16 only between layers: compare on your GPU too)"
    return text
