"""Steady landmarks and masks over time, without visible lag."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .align import invert
from .local_mean import local_mean
from .types import CROP_SIZE, F32

SNAP = 0.15
"""Error in face heights at which the past is worth nothing: the face jumped."""
SLOW_S, BLIND_S = 0.5, 0.2
"""Seconds over which looks are averaged when the motion in between is known, and when not."""
NOISE, HASTE = 0.01, 400.0
"""An error that stays above this many face heights is no noise, and is followed faster: by this
many times a second per face height."""
BIAS_RATE = 0.35
MISSED_SHARE, HELD_FRAMES = 0.25, 6
RIM_PX = 9
RIM_PACE, AREA_PACE = 0.4, 0.8
LIGHT_GRID = 16
LIGHT_PACE, LIGHT_STEP = 0.2, 16.0
"""Share of a small change of the paint's light that is taken over in a frame, and the change, of
255, from which all of it is: someone switched a lamp."""
SPEED_S, STILL = 0.2, 0.04
"""Seconds over which speed is averaged; face heights a second below which a face stands still."""


class LandmarkFilter:
    """Landmarks of one face: carried along by its motion, pulled slowly to what looks say.

    A detector's landmarks tremble by about a hundredth of the face from look to look; optical flow
    trembles ten times less but drifts. Together they are steady and exact. Where no motion is
    known, the face's own speed stands in for it.

    Args:
        landmarks: (5, 2) float32 of the first look, in frame pixels.
    """

    def __init__(self, landmarks: F32) -> None:
        self._start(landmarks)

    def _start(self, landmarks: F32) -> None:
        self._points = landmarks.astype(np.float64)
        self._seen = self._points
        self._bias = np.zeros_like(self._points)
        self._velocity = np.zeros(2)
        self._looks = 1
        self._seconds = 0.0
        self._blind = False

    @property
    def landmarks(self) -> F32:
        """(5, 2) float32 in frame pixels."""
        return self._points.astype(np.float32)

    def carry(self, motion: F32 | None, seconds: float, height: float) -> None:
        """Go on to the next frame.

        Args:
            motion: (2, 3) from the last frame's pixels to this one's; None where unknown.
            seconds: Time since the last frame.
            height: Height of the face in pixels.
        """
        self._seconds += seconds
        if motion is not None:
            self._points = self._points @ motion[:, :2].T + motion[:, 2]
            return
        self._blind = True
        speed = float(np.hypot(*self._velocity)) / height
        if speed > STILL:
            self._points = self._points + self._velocity * (1 - STILL / speed) * seconds

    def correct(self, seen: F32, height: float) -> None:
        """Take a look into account.

        Args:
            seen: (5, 2) float32: the detector's landmarks in this frame.
            height: Height of the face in pixels.
        """
        error = (seen - self._points) / height
        if _size(error) > SNAP:
            self._start(seen)
            return
        seconds = max(self._seconds, 1e-3)
        measured = (seen.mean(axis=0) - self._seen.mean(axis=0)) / seconds
        self._velocity += (1 - math.exp(-seconds / SPEED_S)) * (measured - self._velocity)
        self._bias += BIAS_RATE * (error - self._bias)
        self._looks += 1
        gain = max(self._gain(seconds), 1 / self._looks)
        self._points = self._points + gain * (seen - self._points)
        self._bias *= 1 - gain
        self._seen, self._seconds, self._blind = seen.astype(np.float64), 0.0, False

    def _gain(self, seconds: float) -> float:
        rate = 1 / (BLIND_S if self._blind else SLOW_S)
        rate += HASTE * max(0.0, _size(self._bias) - NOISE)
        return 1 - math.exp(-rate * seconds)


class MaskSmoother:
    """Steady masks, one memory per face.

    The trembling rim of a mask is averaged over frames; an area that changes as a whole (a hand
    comes in front, the mask is pulled down) follows at once. A mask that vanishes altogether is
    held for a few frames: a segmenter misses one now and then, and a mask takes longer to take off.
    """

    def __init__(self) -> None:
        self._memory: dict[int, _Memory] = {}

    def smooth(self, track_id: int, mask: F32, frame_to_crop: F32) -> F32:
        """Blend a face's new mask with what was there before.

        Args:
            track_id: The face.
            mask: (256, 256) float32 in [0, 1], as segmented in this frame.
            frame_to_crop: (2, 3) float32 of this frame's crop: where the crop jumps, as the face
                is found anew, the memory is dropped.

        Returns:
            (256, 256) float32 in [0, 1].
        """
        before = self._memory.get(track_id)
        if before is None or _jumped(before.frame_to_crop, frame_to_crop):
            self._memory[track_id] = _Memory(mask, frame_to_crop, 0)
            return mask
        missed = mask.mean() < MISSED_SHARE * before.mask.mean()
        if missed and before.held < HELD_FRAMES:
            self._memory[track_id] = _Memory(before.mask, frame_to_crop, before.held + 1)
            return before.mask
        smooth = mask if missed else _blended(before.mask, mask)
        self._memory[track_id] = _Memory(smooth, frame_to_crop, 0)
        return smooth

    def reset(self, track_ids: Iterable[int] | None = None) -> None:
        """Forget these faces, or all: after a hard cut."""
        for track_id in list(self._memory) if track_ids is None else track_ids:
            self._memory.pop(track_id, None)


@dataclass(frozen=True)
class _Memory:
    mask: F32
    frame_to_crop: F32
    held: int


class LightSmoother:
    """Steady light and colour of one face's paint.

    Generated light and the tone that matches it to the skin around both wander from frame to frame,
    and a whole cheek that pulses is seen at once. What is smoothed is their sum, in the crop, where
    the face stands still; finer detail stays as each frame has it. Where the light of the picture
    changes by much, the paint follows at once.
    """

    def __init__(self) -> None:
        self._light: F32 | None = None

    def correction(self, picture: F32, region: F32) -> F32:
        """What to add to a frame's paint so that its light goes on from the frames before.

        Args:
            picture: (256, 256, 3) float32 in [0, 255], paint in its final colour.
            region: (256, 256) float32, 1 where the picture is paint, 0 elsewhere.

        Returns:
            (256, 256, 3) float32; all 0 for the first frame.
        """
        import cv2

        share = cv2.resize(region, (LIGHT_GRID, LIGHT_GRID), interpolation=cv2.INTER_AREA)
        light = local_mean(picture, region, LIGHT_GRID)
        before = light if self._light is None else self._light
        change = light - before
        step = float((np.abs(change).mean(axis=2) * share).sum() / max(share.sum(), 1e-6))
        pace = min(LIGHT_PACE + (step / LIGHT_STEP) ** 2, 1.0)
        self._light = (before + np.float32(pace) * change).astype(np.float32)
        size = (CROP_SIZE, CROP_SIZE)
        late = cv2.resize(self._light - light, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(late, np.float32)


def _blended(before: F32, after: F32) -> F32:
    import cv2

    change = after - before
    # A change that fills its neighbourhood is real; one along a thin line is a trembling rim.
    spread = np.asarray(cv2.blur(np.abs(change), (RIM_PX, RIM_PX)))
    pace = np.clip(RIM_PACE + AREA_PACE * spread, 0, 1)
    return np.asarray(before + pace * change, np.float32)


def _jumped(before: F32, after: F32) -> bool:
    centre = np.array([CROP_SIZE / 2, CROP_SIZE / 2, 1], np.float32)
    old = invert(before)
    apart = after @ np.append(old @ centre, 1) - centre[:2]
    change = np.hypot(after[0, 0], after[1, 0]) / np.hypot(before[0, 0], before[1, 0])
    return bool(np.hypot(*apart) > CROP_SIZE / 2 or not 1 / 1.5 < change < 1.5)


def _size(errors: np.ndarray) -> float:
    return float(np.sqrt((errors**2).sum(axis=1).mean()))
