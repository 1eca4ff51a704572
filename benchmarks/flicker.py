"""How steady a face without its drawn mask is in a video, against the true face.

``python -m ecgan.benchmarks.flicker DATA`` draws the same mask on every frame of the bare clips of
``DATA/clips`` and takes it off as ``ecgan unmask`` does, short of encoding. Flicker is the mean
absolute difference of consecutive frames inside the drawn mask, both aligned by the true face; its
ratio to the truth's is 1 where the result is as lively as the truth, 0 in a still. Texture that moves
by a fraction of a pixel makes most of it, so the pulse, the same difference without texture, is given
beside it: that is what an eye sees as unsteady light.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ecgan.engine.align import crop_matrix, invert, warp_face
from ecgan.engine.composite import apply_patches
from ecgan.engine.detect import Detector
from ecgan.engine.jobs.faces import VideoFaces
from ecgan.engine.jobs.report import FileReport, UnmaskOptions
from ecgan.engine.jobs.stages import Stages
from ecgan.engine.media.reader import VideoReader
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.temporal import FaceTracker
from ecgan.engine.types import CROP_SIZE, F32, U8, FaceCrop
from ecgan.trainer.synth import wear_mask

CLIPS = ("talk_man_1280x720", "talk_woman_expressions_512x512")
STYLE, SEED = "surgical", 15
"""A well-worn light blue mask. Its drawing asks for no random number per pixel and nothing of the
picture goes in front of it: both would make the drawn mask itself change from frame to frame."""
BAR = (0.5, 1.5)
PULSE_SIGMA = 8.0
"""Blur in crop pixels that leaves light and colour of a difference, but no texture."""


@dataclass(frozen=True)
class MaskedFrame:
    """A frame on whose largest face a mask was drawn.

    Attributes:
        image: (H, W, 3) uint8 RGB with the mask.
        truth: (H, W, 3) uint8 RGB without it.
        mask: (H, W) float32 in [0, 1], what was drawn.
        frame_to_crop: (2, 3) float32 alignment of the true face.
        time_s: Time in the clip.
    """

    image: U8
    truth: U8
    mask: F32
    frame_to_crop: F32
    time_s: float


@dataclass
class Steadiness:
    """Sum over pairs of consecutive frames of the mean absolute difference inside a region.

    Attributes:
        sigma: Differences are blurred by this many pixels first; 0 for not at all.
        total: The sum.
        pairs: Pairs so far.
    """

    sigma: float = 0.0
    total: float = 0.0
    pairs: int = 0
    _before: tuple[U8, F32] | None = field(default=None, repr=False)

    def add(self, crop: U8, region: F32) -> None:
        """Take the next aligned picture (256, 256, 3) and its region (256, 256) in [0, 1]."""
        if self._before is not None:
            before, known = self._before
            inside = (known > 0.5) & (region > 0.5)
            if inside.any():
                change = crop.astype(np.float32) - before
                if self.sigma:
                    change = np.asarray(cv2.GaussianBlur(change, (0, 0), self.sigma))
                self.total += float(np.abs(change[inside]).mean())
                self.pairs += 1
        self._before = crop, region

    def restart(self) -> None:
        """The next picture does not follow the last one."""
        self._before = None

    @property
    def mean(self) -> float:
        """Mean over the pairs, of 255."""
        return self.total / max(self.pairs, 1)


@dataclass
class ClipReport:
    """Flicker of one clip, of 255.

    Attributes:
        frames: Frames with a drawn mask.
        changed: Frames that were painted.
        truth: Flicker of the bare clip.
        masked: Flicker of the drawn mask, which the paint never sees.
        output: Flicker of the result.
        paint: Flicker of what the generator painted, in its own crop.
        truth_pulse: Pulse of the bare clip.
        output_pulse: Pulse of the result.
    """

    frames: int
    changed: int
    truth: float
    masked: float
    output: float
    paint: float
    truth_pulse: float
    output_pulse: float

    @property
    def ratio(self) -> float:
        """Flicker of the result over the truth's."""
        return self.output / max(self.truth, 1e-6)

    @property
    def pulse_ratio(self) -> float:
        """Pulse of the result over the truth's."""
        return self.output_pulse / max(self.truth_pulse, 1e-6)

    @property
    def paint_ratio(self) -> float:
        """Flicker of the paint alone over the truth's."""
        return self.paint / max(self.truth, 1e-6)

    def line(self) -> str:
        """The figures as text."""
        verdict = "within" if BAR[0] <= self.ratio <= BAR[1] else "out of"
        return (
            f"{self.changed} of {self.frames} frames painted, flicker {self.output:.2f} against "
            f"{self.truth:.2f} of the truth = {self.ratio:.2f}, {verdict} {BAR[0]} to {BAR[1]}; "
            f"pulse {self.pulse_ratio:.2f}, paint alone {self.paint_ratio:.2f}, the drawn mask {self.masked:.2f}"
        )


class WatchedUnmasker(Unmasker):
    """Keeps what the generator painted for the largest face of the last frame.

    Attributes:
        painted: The face and its (256, 256, 3) uint8 paint; None where there was none.
    """

    painted: tuple[FaceCrop, U8] | None = None

    def start_generate(self, crops: list[FaceCrop], weights: F32) -> Callable[[], U8]:
        finish = super().start_generate(crops, weights)

        def watched() -> U8:
            pictures = finish()
            largest = max(range(len(crops)), key=lambda i: crops[i].side_px)
            self.painted = crops[largest], pictures[largest]
            return pictures

        return watched


def read_frames(clip: Path) -> Iterator[tuple[U8, float]]:
    """(H, W, 3) uint8 RGB pictures of a video and their times in seconds."""
    with VideoReader(clip) as reader:
        for chunk in reader:
            if chunk.picture is not None:
                yield chunk.picture.rgb, chunk.picture.time_s


def masked_frames(
    frames: Iterable[tuple[U8, float]], detector: Detector
) -> Iterator[MaskedFrame | None]:
    """Draw the same mask on the largest face of every frame; None where no face is found.

    Args:
        frames: Bare pictures and their times.
        detector: Finds the true faces, whose landmarks are smoothed as in use.
    """
    tracker = FaceTracker(detector)
    for frame, time_s in frames:
        faces = [tracked.face for tracked in tracker.update(frame, time_s)]
        if not faces:
            yield None
            continue
        face = max(faces, key=lambda each: each.height)
        matrix = crop_matrix(face.landmarks)
        points = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        crop = warp_face(frame, matrix)
        rng = np.random.default_rng(SEED)
        worn = wear_mask(crop, points.astype(np.float32), rng, STYLE, degrade=False)
        mask = _into_frame(worn.mask, matrix, frame)
        picture = _into_frame(worn.image.astype(np.float32), matrix, frame)
        image = frame + mask[..., None] * (picture - frame)
        yield MaskedFrame(np.rint(image).astype(np.uint8), frame, mask, matrix, time_s)


def measure(frames: Iterable[tuple[U8, float]], unmasker: WatchedUnmasker) -> ClipReport:
    """Draw a mask through a bare clip, take it off, and compare with the truth.

    Args:
        frames: Pictures of the clip and their times; only two are held at once.
        unmasker: What to measure.
    """
    faces = VideoFaces(unmasker, UnmaskOptions(), None, FileReport(Path(), "video"), Stages({}))
    sums = {name: Steadiness() for name in ("truth", "masked", "output", "paint")}
    sums |= {f"{name}_pulse": Steadiness(PULSE_SIGMA) for name in ("truth", "output")}
    count = changed = 0
    for masked in masked_frames(frames, unmasker.detector):
        if masked is None:
            for each in sums.values():
                each.restart()
            continue
        count += 1
        unmasker.painted = None
        patches = faces.patches(masked.image, masked.time_s)
        changed += bool(patches)
        shown = {
            "truth": masked.truth,
            "masked": masked.image,
            "output": apply_patches(masked.image, patches),
        }
        region = _warp(masked.mask, masked.frame_to_crop)
        for name, picture in shown.items():
            crop = warp_face(picture, masked.frame_to_crop)
            for key in (name, f"{name}_pulse"):
                if key in sums:
                    sums[key].add(crop, region)
        if unmasker.painted is None:
            sums["paint"].restart()
        else:
            cut, painted = unmasker.painted
            sums["paint"].add(painted, _warp(masked.mask, cut.frame_to_crop))
    return ClipReport(count, changed, **{name: each.mean for name, each in sums.items()})


def _into_frame(picture: F32, frame_to_crop: F32, frame: U8) -> F32:
    size = (frame.shape[1], frame.shape[0])
    return cv2.warpAffine(picture, invert(frame_to_crop), size)  # type: ignore[return-value]


def _warp(mask: F32, frame_to_crop: F32) -> F32:
    return cv2.warpAffine(mask, frame_to_crop, (CROP_SIZE, CROP_SIZE))  # type: ignore[return-value]


def main(arguments: list[str] | None = None) -> int:
    """Print the figures of the networks that ship, or of a model folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data sets, with clips/ inside")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)
    reports = {}
    with WatchedUnmasker(models=options.models, threads=options.threads) as unmasker:
        for name in CLIPS:
            frames = read_frames(options.data / "clips" / f"{name}.mp4")
            reports[name] = measure(frames, unmasker)
        about = unmasker.describe()
    if options.json:
        clips = {
            name: {
                **asdict(clip),
                "ratio": clip.ratio,
                "pulse_ratio": clip.pulse_ratio,
                "paint_ratio": clip.paint_ratio,
            }
            for name, clip in reports.items()
        }
        sys.stdout.write(json.dumps({**about, "clips": clips}, indent=2) + "\n")
        return 0
    sys.stdout.write(f"{about['segmenter']}, {about['generator']}\n")
    for name, clip in reports.items():
        sys.stdout.write(f"{name}: {clip.line()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
