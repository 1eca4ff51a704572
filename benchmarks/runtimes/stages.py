"""One row from file to file: what each stage of `ecgan unmask` takes a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ecgan.engine.backends.base import Array
from ecgan.engine.errors import InputError
from ecgan.engine.jobs.report import UnmaskOptions
from ecgan.engine.jobs.stages import Stages
from ecgan.engine.jobs.video import unmask_video
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import U8, Face

STAGES = ("decode", "detect", "track", "align", "segment", "generate", "composite", "encode")
"""``align`` holds what is done to crops and masks beside the networks. Decoding, and compositing into
the frame with encoding, run beside the rest, so the sum is more than a frame takes."""


@dataclass(frozen=True)
class VideoTimes:
    """One pass over a video.

    Attributes:
        frames: Frames written.
        painted: Of those, changed.
        fps: Frames a second, models loaded before.
        stages_ms: Stage -> milliseconds a frame.
    """

    frames: int
    painted: int
    fps: float
    stages_ms: dict[str, float]


class _TimedRun:
    """A backend whose ``run`` counts as a stage of its own."""

    def __init__(self, backend: Any, stages: Stages, name: str) -> None:
        self._backend, self._stages, self._name = backend, stages, name

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        with self._stages(self._name):
            found: dict[str, Array] = self._backend.run(feeds)
        return found

    def _submit(self, feeds: Mapping[str, Any]) -> Any:
        with self._stages(self._name):
            return _TimedPending(self._backend.submit(feeds), self._stages, self._name)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._backend, name)
        return self._submit if name == "submit" else found


class _TimedPending:
    """A batch on its way: what counts is the time until it is sent, and that of waiting for it."""

    def __init__(self, pending: Any, stages: Stages, name: str) -> None:
        self._pending, self._stages, self._name = pending, stages, name

    def result(self) -> dict[str, Array]:
        with self._stages(self._name):
            found: dict[str, Array] = self._pending.result()
        return found


class _TimedDetector:
    def __init__(self, detector: Any, stages: Stages) -> None:
        self._detector, self._stages = detector, stages

    def detect(self, frame: U8, *, quick: bool = False, small: bool = False) -> list[Face]:
        with self._stages("detect"):
            found: list[Face] = self._detector.detect(frame, quick=quick, small=small)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)


def measure_video(
    unmasker: Unmasker, video: Path, target: Path, frames: int | None = None
) -> VideoTimes:
    """Unmask a video and say where the time went.

    Args:
        unmasker: Its networks are opened before the clock starts.
        video: Input.
        target: Output; written over.
        frames: Only so many from its beginning; None for all.

    Raises:
        InputError: No frame was painted, so there is nothing to compare.
        EcganError: As of ``unmask_video``.
    """
    inner: dict[str, float] = {}
    stages = Stages(inner)
    unmasker.describe()
    parts: Any = unmasker  # what stands in for its parts is timed, and otherwise the part itself
    originals = unmasker.segmenter.backend, unmasker.generator.backend, unmasker.detector
    parts.segmenter.backend = _TimedRun(originals[0], stages, "segment")
    parts.generator.backend = _TimedRun(originals[1], stages, "generate")
    parts._detector = _TimedDetector(originals[2], stages)
    try:
        end = None if frames is None else f"{frames}f"
        options = UnmaskOptions(expression="happy", overwrite=True, end=end)
        report = unmask_video(unmasker, video, target, options)
    finally:
        parts.segmenter.backend, parts.generator.backend, parts._detector = originals
    if not report.frames_changed:
        raise InputError(f"no frame of '{video}' was painted", hint="choose a video with a mask")
    seconds = _apart(report.stages, inner)
    return VideoTimes(
        report.frames,
        report.frames_changed,
        report.frames / report.seconds,
        {name: round(1000 * seconds[name] / report.frames, 3) for name in STAGES},
    )


def _apart(outer: Mapping[str, float], inner: Mapping[str, float]) -> dict[str, float]:
    """Take what was timed inside of a job's stage out of it, so that nothing counts twice."""
    seconds = {name: inner.get(name, 0.0) for name in STAGES}
    seconds["decode"] = outer.get("decode", 0.0)
    seconds["encode"] = outer.get("encode", 0.0)
    seconds["track"] = outer.get("track", 0.0) - seconds["detect"]
    seconds["align"] = outer.get("segment", 0.0) - seconds["segment"]
    beside = outer.get("generate", 0.0) - seconds["generate"]
    seconds["composite"] = beside + outer.get("composite", 0.0)
    return seconds


def as_reply(times: VideoTimes) -> dict[str, Any]:
    """What a row's process sends."""
    return asdict(times)
