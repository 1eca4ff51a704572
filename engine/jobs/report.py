"""What a job was asked and what it did: shared by photo, video and batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

DEFAULT_MAX_PIXELS = 100_000_000
"""Pictures above this many pixels are refused unless the user lifts the limit."""

ENLARGED_PX = 512
"""Faces whose crop is wider than this in the frame get paint enlarged more than twice."""

NOT_MARKED = "not marked as synthetic, as asked by --no-provenance"
"""Note of a result that bears no mark."""

Progress = Callable[[int, int | None], None]
"""Called with frames done and the total, None where the container does not tell."""


@dataclass(frozen=True)
class UnmaskOptions:
    """Everything about an output that the user can ask for; the models live in ``Unmasker``.

    Attributes:
        expression: Name, alias, blend, "auto" or "all" (stills only: the seven side by side).
        intensity: Factor on the expression's weights, 0 to 1.5.
        faces: "all", "largest", or a number as ``--preview`` shows it.
        face_expressions: Number of a face -> expression request, overriding ``expression``.
        min_face: Faces whose box is lower than this many frame pixels are left alone.
        mask: 8-bit grey picture of the frame's size used instead of the segmenter; 255 = repaint.
        save_mask: Also write the blend weights as an 8-bit grey PNG (still) or video beside the output.
        overwrite: Replace an output that exists; an input is never replaced.
        provenance: Mark the output as a synthetic composite.
        max_pixels: Refuse larger pictures.
        crf: H.264 quality, lower is better; 0 is lossless.
        preset: x264 preset.
        start: Begin of the part of a video to keep: seconds "12.5", "1:02.5", or frames "300f".
        end: Its end, in the same form.
    """

    expression: str = "auto"
    intensity: float = 1.0
    faces: str = "all"
    face_expressions: dict[int, str] = field(default_factory=dict)
    min_face: int = 32
    mask: Path | None = None
    save_mask: bool = False
    overwrite: bool = False
    provenance: bool = True
    max_pixels: int = DEFAULT_MAX_PIXELS
    crf: int = 18
    preset: str = "veryfast"
    start: str | None = None
    end: str | None = None


class FileStatus(StrEnum):
    """What became of a file as a whole."""

    WRITTEN = "written"
    LEFT_ALONE = "left alone"
    """Nothing to do, so nothing was written."""
    SKIPPED = "skipped"
    """Done before."""
    FAILED = "failed"


@dataclass
class FileReport:
    """What became of one input file.

    Attributes:
        input: The file.
        kind: "image" or "video".
        status: How it ended.
        output: What was written.
        mask_output: Where the blend weights were written.
        faces: Number of distinct faces found.
        masked: Of those, with a mask.
        changed: Of those, repainted.
        reasons: Why faces were left alone: status text -> count.
        frames: Frames written (1 for a still).
        frames_with_face: Frames in which a face was found.
        frames_masked: Frames in which a face had a mask.
        frames_changed: Frames that were repainted.
        enlarged: Faces whose crop side exceeds 512 px in the frame, so that paint made at 256 px
            was enlarged.
        seconds: Wall-clock time spent.
        stages: Stage name -> seconds.
        notes: Things the user should know, one line each (dropped streams, converted modes, ...).
        error: The message, where it failed.
        hint: What mends it.
        exit_code: That of the error; 0 where it did not fail.
    """

    input: Path
    kind: str
    status: FileStatus = FileStatus.WRITTEN
    output: Path | None = None
    mask_output: Path | None = None
    faces: int = 0
    masked: int = 0
    changed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    frames: int = 0
    frames_with_face: int = 0
    frames_masked: int = 0
    frames_changed: int = 0
    enlarged: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    hint: str | None = None
    exit_code: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; paths as text."""
        return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
