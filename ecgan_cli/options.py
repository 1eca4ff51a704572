"""The commands' options, each written once as an ``Annotated`` alias. Imports nothing but typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from . import console

OUTPUT = "Output"
FACES = "Faces"
MEDIA = "Pictures and video"
RUNTIME = "Models and runtime"
MESSAGES = "Messages"

# --- what to do ---------------------------------------------------------------------------------
Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        help="Photos, videos, folders (with their subfolders), or quoted globs.",
        show_default=False,
    ),
]
Expression = Annotated[
    str,
    typer.Option(
        "--expression",
        "-e",
        metavar="NAME",
        help="surprise, fear, disgust, happiness, sadness, anger or neutral (happy, sad, ... are fine too); a blend happy:0.7,surprise:0.3; auto: what fits the eyes; all: a photo seven times side by side.",
    ),
]
# --- output -------------------------------------------------------------------------------------
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="A file for one input, else a folder.",
        rich_help_panel=OUTPUT,
        show_default="NAME.unmasked.EXT beside the input",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace results that exist; an input is never replaced.",
        rich_help_panel=OUTPUT,
    ),
]
SaveMask = Annotated[
    bool,
    typer.Option(
        "--save-mask",
        help="Also write where was painted, in grey: white is painted.",
        rich_help_panel=OUTPUT,
    ),
]
Preview = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Only write NAME.preview.png, with the faces numbered.",
        rich_help_panel=OUTPUT,
    ),
]
NoProvenance = Annotated[
    bool,
    typer.Option(
        "--no-provenance",
        help="Do not mark the result as synthetic.",
        rich_help_panel=OUTPUT,
    ),
]
# --- faces --------------------------------------------------------------------------------------
Intensity = Annotated[
    float,
    typer.Option(
        "--intensity",
        metavar="X",
        min=0.0,
        max=1.5,
        help="Strength of the expression.",
        rich_help_panel=FACES,
    ),
]
Faces = Annotated[
    str,
    typer.Option(
        "--faces",
        metavar="WHICH",
        help="all, largest, or a number as --preview shows it.",
        rich_help_panel=FACES,
    ),
]
Face = Annotated[
    list[str] | None,
    typer.Option(
        "--face",
        metavar="N=NAME",
        help="Expression of one face by its number, as in --face 1=happy; may be repeated.",
        rich_help_panel=FACES,
        show_default=False,
    ),
]
MinFace = Annotated[
    int,
    typer.Option(
        "--min-face",
        metavar="PIXELS",
        min=1,
        help="Leave faces alone that are not as high as this.",
        rich_help_panel=FACES,
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        metavar="FILE",
        help="Paint where this grey picture is white, not where a mask is found.",
        rich_help_panel=FACES,
        show_default=False,
    ),
]
# --- pictures and video -------------------------------------------------------------------------
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        metavar="N",
        min=1,
        help="Refuse pictures with more pixels than this.",
        rich_help_panel=MEDIA,
    ),
]
Preset = Annotated[
    Literal[
        "ultrafast",
        "superfast",
        "veryfast",
        "faster",
        "fast",
        "medium",
        "slow",
        "slower",
        "veryslow",
    ]
    | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="How hard to compress a video: ultrafast is quick and large, veryslow slow and small.",
        rich_help_panel=MEDIA,
        show_default="veryfast",
    ),
]
Crf = Annotated[
    int | None,
    typer.Option(
        "--crf",
        metavar="N",
        min=0,
        max=51,
        help="H.264 quality of a video: lower is better, 0 is lossless.",
        rich_help_panel=MEDIA,
        show_default="18",
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="TIME",
        help="Where to begin in a video: 12.5, 1:02.5 or 300f.",
        rich_help_panel=MEDIA,
        show_default=False,
    ),
]
End = Annotated[
    str | None,
    typer.Option(
        "--end",
        metavar="TIME",
        help="Where to end, in the same form.",
        rich_help_panel=MEDIA,
        show_default=False,
    ),
]
# --- models and runtime -------------------------------------------------------------------------
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        metavar="FOLDER",
        help="Folder with other networks, as ecgan export writes it.",
        rich_help_panel=RUNTIME,
        show_default="those that ship",
    ),
]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="NAME",
        help="What runs the networks: onnxruntime, openvino, tensorrt or torch.",
        rich_help_panel=RUNTIME,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu or cuda:N; a device that is not there is an error, never a fallback.",
        rich_help_panel=RUNTIME,
    ),
]
Precision = Annotated[
    Literal["fp32", "fp16", "bf16", "int8"],
    typer.Option(
        "--precision",
        help="Numbers the networks compute with: fp16 and int8 need models that have it, bf16 needs --backend openvino.",
        rich_help_panel=RUNTIME,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="CPU threads to compute with.",
        rich_help_panel=RUNTIME,
        show_default="one per core",
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch",
        metavar="N",
        min=1,
        max=16,
        help="Most faces a network takes at once; of a video, also pictures that it takes together. More is quicker on a GPU, and needs more of its memory.",
        rich_help_panel=RUNTIME,
        show_default="16, and one picture",
    ),
]
Detector = Annotated[
    str,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="What finds faces: retinaface, or insightface with a model pack of your own.",
        rich_help_panel=RUNTIME,
    ),
]
DetectorModel = Annotated[
    Path | None,
    typer.Option(
        "--detector-model",
        metavar="PATH",
        help="Model file or folder of the detector; insightface needs one.",
        rich_help_panel=RUNTIME,
        show_default=False,
    ),
]
# --- messages -----------------------------------------------------------------------------------
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON document on stdout, for programs to read.",
        rich_help_panel=MESSAGES,
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        callback=console.verbose_option,
        help="Say more, and show where an error came from.",
        rich_help_panel=MESSAGES,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=console.quiet_option,
        help="Say nothing but errors.",
        rich_help_panel=MESSAGES,
    ),
]
