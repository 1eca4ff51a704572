"""What a comparison found, as it is shown and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..harness import Timing
from .agreement import Agreement

RAN, FAILED, UNABLE = "ran", "wrong", "cannot run"


@dataclass
class Cell:
    """One row at one batch size.

    Attributes:
        batch: Faces a run.
        timing: Wall times of a run; None where the answer was wrong.
        agreement: With torch in float32; None for torch itself.
        failure: Why it does not count.
        speedup: How many times faster than the PyTorch path, in the same rounds.
        paper_speedup: How many times faster than the paper's generator in torch, in the same rounds;
            None where that did not run beside it.
        parts_ms: Medians of upload, compute and download, where the runtime tells them.
        peak_mib: Largest resident memory of the process up to here.
    """

    batch: int
    timing: Timing | None = None
    agreement: Agreement | None = None
    failure: str | None = None
    speedup: float | None = None
    paper_speedup: float | None = None
    parts_ms: dict[str, float] = field(default_factory=dict)
    peak_mib: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """For the document."""
        found: dict[str, Any] = {"batch": self.batch, "failure": self.failure}
        if self.timing is not None:
            found |= {
                "rounds": len(self.timing.times_ms),
                **{f"p{p}_ms": round(self.timing.percentile_ms(p), 3) for p in (50, 90, 99)},
                "fastest_ms": round(self.timing.fastest_ms, 3),
                "faces_per_s": round(1000 * self.batch / self.timing.percentile_ms(50), 2),
                "speedup": _rounded(self.speedup),
                "paper_speedup": _rounded(self.paper_speedup),
                "parts_ms": {name: round(ms, 3) for name, ms in self.parts_ms.items()},
                "peak_mib": round(self.peak_mib, 1),
            }
        if self.agreement is not None:
            agreed = self.agreement
            found["agreement"] = {
                # JSON has no infinity
                "psnr_db": None if agreed.worst == 0 else round(agreed.psnr, 2),
                "worst": agreed.worst,
                "outside": agreed.outside,
                "mask_share": round(agreed.mask_share, 6),
            }
        return found


@dataclass
class VideoCell:
    """One row from file to file.

    Attributes:
        failure: Why there is nothing.
        fps: Median frames a second over the passes.
        stages_ms: Stage -> median milliseconds a frame.
        frames: Frames of the video.
        painted: Of those, changed.
        peak_mib: Largest resident memory of the process.
    """

    failure: str | None = None
    fps: float = 0.0
    stages_ms: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    painted: int = 0
    peak_mib: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """For the document."""
        if self.failure is not None:
            return {"failure": self.failure}
        return {
            "failure": None,
            "fps": round(self.fps, 2),
            "frames": self.frames,
            "painted": self.painted,
            "stages_ms": {name: round(ms, 3) for name, ms in self.stages_ms.items()},
            "peak_mib": round(self.peak_mib, 1),
        }


@dataclass
class RowResult:
    """One way to run the work.

    Attributes:
        name: Of the row.
        label: For people.
        precision: Numbers it computes with.
        device: What it really ran on; what it was to run on where it could not.
        reason: Why it cannot run; None where it ran.
        hint: What mends it.
        cold_s: Seconds to import the runtime and load the networks.
        first_ms: Batch size -> milliseconds of its first run.
        cells: One a batch size.
        video: From file to file; None where no video was given.
    """

    name: str
    label: str
    precision: str
    device: str
    reason: str | None = None
    hint: str | None = None
    cold_s: float = 0.0
    first_ms: dict[int, float] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    video: VideoCell | None = None

    @property
    def status(self) -> str:
        """``RAN``, ``FAILED`` (a wrong answer, or it broke) or ``UNABLE``."""
        if self.reason is not None:
            return UNABLE
        return FAILED if any(cell.failure for cell in self.cells) else RAN

    def to_json(self) -> dict[str, Any]:
        """For the document."""
        found: dict[str, Any] = {
            "row": self.name,
            "label": self.label,
            "precision": self.precision,
            "device": self.device,
            "status": self.status,
        }
        if self.reason is not None:
            return {**found, "reason": self.reason, "hint": self.hint}
        return {
            **found,
            "cold_s": round(self.cold_s, 3),
            "first_ms": {str(batch): round(ms, 2) for batch, ms in self.first_ms.items()},
            "cells": [cell.to_json() for cell in self.cells],
            "video": None if self.video is None else self.video.to_json(),
        }


@dataclass
class WorkResult:
    """All rows of one comparison."""

    name: str
    what: str
    rows: list[RowResult]

    def to_json(self) -> dict[str, Any]:
        """For the document."""
        return {"work": self.name, "what": self.what, "rows": [row.to_json() for row in self.rows]}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
