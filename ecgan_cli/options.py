"""How an option is written; those of `ecgan unmask`, some of which others share. Loads only typer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from . import console

OUTPUT = "Output"
FACES = "Faces"
MEDIA = "Pictures and video"
RUNTIME = "Models and runtime"
MESSAGES = "Messages"


def option(
    usage: str,
    text: str,
    panel: str | None = None,
    *,
    default: str | None = None,
    min: float | None = None,
    max: float | None = None,
    callback: Callable[[Any], Any] | None = None,
) -> Any:
    """An option for ``Annotated``, from how it is typed and what it does.

    Args:
        usage: Its names, then what stands for its value: "--output -o FOLDER".
        text: What it does.
        panel: Heading it stands under in --help; None for the first.
        default: What holds without it, in words, where the parameter's default does not say so.
        min: Least number it may be.
        max: Largest number it may be.
        callback: Gets the value, and returns the one to be used.
    """
    words = usage.split()
    names = [word for word in words if word.startswith("-")]
    return typer.Option(
        *names,
        metavar=" ".join(words[len(names) :]) or None,
        help=text,
        rich_help_panel=panel,
        show_default=default or True,
        min=min,
        max=max,
        callback=callback,
    )


# --- what to do ---------------------------------------------------------------------------------
Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        help="Photos, videos, folders (with their subfolders), or quoted globs.",
    ),
]
Expression = Annotated[
    str,
    option(
        "--expression -e NAME",
        "surprise, fear, disgust, happiness, sadness, anger or neutral (happy, sad, ... are fine too); a blend happy:0.7,surprise:0.3; auto: what fits the eyes; all: a photo seven times side by side.",
    ),
]
# --- output -------------------------------------------------------------------------------------
Output = Annotated[
    Path | None,
    option(
        "--output -o PATH",
        "A file for one input, else a folder.",
        OUTPUT,
        default="NAME.unmasked.EXT beside the input",
    ),
]
Overwrite = Annotated[
    bool, option("--overwrite", "Replace results that exist; an input is never replaced.", OUTPUT)
]
SaveMask = Annotated[
    bool, option("--save-mask", "Also write where was painted, in grey: white is painted.", OUTPUT)
]
Preview = Annotated[
    bool, option("--preview", "Only write NAME.preview.png, with the faces numbered.", OUTPUT)
]
NoProvenance = Annotated[
    bool, option("--no-provenance", "Do not mark the result as synthetic.", OUTPUT)
]
# --- faces --------------------------------------------------------------------------------------
Intensity = Annotated[
    float, option("--intensity X", "Strength of the expression.", FACES, min=0.0, max=1.5)
]
Faces = Annotated[
    str, option("--faces WHICH", "all, largest, or a number as --preview shows it.", FACES)
]
Face = Annotated[
    list[str] | None,
    option(
        "--face N=NAME",
        "Expression of one face by its number, as in --face 1=happy; may be repeated.",
        FACES,
    ),
]
MinFace = Annotated[
    int,
    option("--min-face PIXELS", "Leave faces alone that are not as high as this.", FACES, min=1),
]
Mask = Annotated[
    Path | None,
    option(
        "--mask FILE", "Paint where this grey picture is white, not where a mask is found.", FACES
    ),
]
# --- pictures and video -------------------------------------------------------------------------
MaxPixels = Annotated[
    int, option("--max-pixels N", "Refuse pictures with more pixels than this.", MEDIA, min=1)
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
    option(
        "--preset NAME",
        "How hard to compress a video: ultrafast is quick and large, veryslow slow and small.",
        MEDIA,
        default="veryfast",
    ),
]
Crf = Annotated[
    int | None,
    option(
        "--crf N",
        "H.264 quality of a video: lower is better, 0 is lossless.",
        MEDIA,
        default="18",
        min=0,
        max=51,
    ),
]
Start = Annotated[
    str | None, option("--start TIME", "Where to begin in a video: 12.5, 1:02.5 or 300f.", MEDIA)
]
End = Annotated[str | None, option("--end TIME", "Where to end, in the same form.", MEDIA)]
# --- models and runtime -------------------------------------------------------------------------
Model = Annotated[
    Path | None,
    option(
        "--model -m FOLDER",
        "Folder with other networks, as ecgan export writes it.",
        RUNTIME,
        default="those that ship",
    ),
]
Backend = Annotated[
    str,
    option(
        "--backend NAME",
        "What runs the networks: onnxruntime, openvino, tensorrt or torch.",
        RUNTIME,
    ),
]
Device = Annotated[
    str,
    option(
        "--device NAME",
        "auto, cpu or cuda:N; a device that is not there is an error, never a fallback.",
        RUNTIME,
    ),
]
Precision = Annotated[
    Literal["fp32", "fp16", "bf16", "int8"],
    option(
        "--precision",
        "Numbers the networks compute with: fp16 and int8 need models that have it, bf16 needs --backend openvino.",
        RUNTIME,
    ),
]
Threads = Annotated[
    int | None,
    option("--threads N", "CPU threads to compute with.", RUNTIME, default="one per core", min=1),
]
Batch = Annotated[
    int | None,
    option(
        "--batch N",
        "Most faces a network takes at once; of a video, also pictures that it takes together. More is quicker on a GPU, and needs more of its memory.",
        RUNTIME,
        default="16, and one picture",
        min=1,
        max=16,
    ),
]
Detector = Annotated[
    str,
    option(
        "--detector NAME",
        "What finds faces: retinaface, or insightface with a model pack of your own.",
        RUNTIME,
    ),
]
DetectorModel = Annotated[
    Path | None,
    option(
        "--detector-model PATH",
        "Model file or folder of the detector; insightface needs one.",
        RUNTIME,
    ),
]
# --- messages -----------------------------------------------------------------------------------
Json = Annotated[
    bool,
    option(
        "--json",
        "Print one JSON document on stdout, for programs to read.",
        MESSAGES,
        callback=console.json_option,
    ),
]
Verbose = Annotated[
    bool,
    option(
        "--verbose -v",
        "Say more, and show where an error came from.",
        MESSAGES,
        callback=console.verbose_option,
    ),
]
Quiet = Annotated[
    bool, option("--quiet -q", "Say nothing but errors.", MESSAGES, callback=console.quiet_option)
]
