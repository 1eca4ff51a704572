"""Follow faces through a video: who is who, where, and steadily.

A face is carried from frame to frame by the optical flow of its surroundings, which hardly
trembles, and every few frames a closer look at it corrects the drift. New faces are searched for in
the whole frame now and then. A face that is lost for a moment is held where it was; one that comes
back to its place soon after is the same face.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .detect.base import Detector
from .detect.closer import drift, look_closer
from .motion import FacePatch, is_cut, scene_of
from .smoothing import LandmarkFilter
from .types import F32, U8, Face

LOOK_FRAMES, LOOK_S = 3, 0.12
"""A followed face is looked at after this many frames or seconds, whichever comes first."""
FULL_EVERY = 4
"""Every so many searches one goes through all sizes."""
HOLD_S, REMEMBER_S = 0.3, 2.0
"""Seconds for which a lost face is still reported, and for which it keeps its number."""
SAME_PLACE = 0.6
"""Two boxes whose centres are nearer than this many sides, of like size, are one face."""
LIKE_SIZE = 1.8
DOUBLE = 0.3
"""Two tracks this near each other have run onto one face."""
BOX_PACE = 0.3
LOOKS = ((288, False), (384, True), (320, False), (352, True))
"""Side and mirroring of consecutive looks: each errs its own way, so their mean errs less."""


@dataclass(frozen=True)
class TrackedFace:
    """A face of the current frame.

    Attributes:
        track_id: 1, 2, ... by first appearance, left to right within a frame.
        face: The face with smoothed landmarks.
        lost_frames: Frames since the face was last seen; 0 while it is in sight.
    """

    track_id: int
    face: Face
    lost_frames: int


class FaceTracker:
    """Follows faces; not safe to call from several threads.

    Args:
        detector: Finds faces.
        every: Frames between searches for new faces.

    Attributes:
        is_cut: Whether the last update saw a hard cut. All tracks start anew then; numbers go on.
    """

    def __init__(self, detector: Detector, *, every: int = 6) -> None:
        self.is_cut = False
        self._detector = detector
        self._every = every
        self._tracks: list[_Track] = []
        self._next_id = 1
        self._scene: F32 | None = None
        self._shape: tuple[int, ...] = ()
        self._time = 0.0
        self._until_search = 0
        self._searches = 0

    def update(self, frame: U8, time_s: float) -> list[TrackedFace]:
        """Take the next frame.

        Args:
            frame: (H, W, 3) uint8 RGB.
            time_s: Its time stamp in seconds; frames may be unevenly spaced.

        Returns:
            The faces of this frame, ordered by number.
        """
        self._notice_cut(frame)
        seconds = max(time_s - self._time, 1e-3)
        self._time = time_s
        for track in self._tracks:
            track.advance(self._detector, frame, seconds)
        if self._until_search <= 0:
            self._search(frame)
        self._until_search -= 1
        self._tidy(frame)
        for track in self._tracks:
            track.remember(frame)
        shown = (track for track in self._tracks if track.is_shown)
        return [TrackedFace(track.track_id, track.face, track.lost_frames) for track in shown]

    def _notice_cut(self, frame: U8) -> None:
        scene = scene_of(frame)
        changed = frame.shape != self._shape or self._scene is None or is_cut(self._scene, scene)
        self.is_cut = changed and self._scene is not None
        self._scene, self._shape = scene, frame.shape
        if changed:
            self._tracks = []
            self._until_search = self._searches = 0

    def _search(self, frame: U8) -> None:
        quick = self._searches % FULL_EVERY != 0
        self._searches += 1
        found = self._detector.detect(frame, quick=quick)
        news = [face for face in found if not self._known(face)]
        if quick:
            # One pass alone raises false alarms: a closer look must confirm a new face.
            looks = (self._look(frame, face) for face in news)
            news = [face for face in looks if face is not None and not self._known(face)]
        for face in sorted(news, key=lambda face: float(face.bbox[0])):
            self._tracks.append(_Track(self._next_id, face))
            self._next_id += 1
        self._until_search = self._every if self._tracks else max(1, self._every // 2)

    def _look(self, frame: U8, face: Face) -> Face | None:
        return look_closer(lambda small: self._detector.detect(small, quick=True), frame, face)

    def _known(self, face: Face) -> bool:
        """Whether a track is there already; a lost one is found again by this."""
        for track in self._tracks:
            if _same(track.face, face):
                if track.lost_frames:
                    track.see(face)
                return True
        return False

    def _tidy(self, frame: U8) -> None:
        """Drop tracks that are gone, out of the frame, or on top of an older one."""
        kept: list[_Track] = []
        for track in self._tracks:
            double = any(_same(other.face, track.face, DOUBLE) for other in kept)
            if track.lost_s <= REMEMBER_S and _inside(track.face, frame) and not double:
                kept.append(track)
        self._tracks = kept


class _Track:
    """One face: its filter, its box, and how long ago it was seen."""

    def __init__(self, track_id: int, face: Face) -> None:
        self.track_id = track_id
        self.face = face
        self.lost_frames = 0
        self.lost_s = 0.0
        self._filter = LandmarkFilter(face.landmarks)
        self._patch: FacePatch | None = None
        self._frames = 0
        self._seconds = 0.0
        self._looks = 0

    def advance(self, detector: Detector, frame: U8, seconds: float) -> None:
        """Carry the face into the next frame and, when it is time, look at it."""
        motion = self._patch.motion_into(frame) if self._patch is not None else None
        before = self._filter.landmarks
        self._filter.carry(motion, seconds, max(self.face.height, 1.0))
        shift = self._filter.landmarks.mean(axis=0) - before.mean(axis=0)
        zoom = 1.0 if motion is None else float(np.hypot(motion[0, 0], motion[1, 0]))
        box = _moved(self.face.bbox, shift, zoom)
        self.face = replace(self.face, bbox=box, landmarks=self._filter.landmarks)
        self._frames += 1
        self._seconds += seconds
        due = self._frames >= LOOK_FRAMES or self._seconds >= LOOK_S
        in_doubt = motion is None or self.lost_frames > 0
        if due or (in_doubt and self.is_shown):
            self._look(detector, frame)

    @property
    def is_shown(self) -> bool:
        """Whether the face is in sight, or lost so briefly that its place can be trusted."""
        return self.lost_s <= HOLD_S

    def _look(self, detector: Detector, frame: U8) -> None:
        side, mirrored = LOOKS[self._looks % len(LOOKS)]
        self._looks += 1
        seen = look_closer(
            lambda small: detector.detect(small, quick=True),
            frame,
            self.face,
            side=side,
            mirrored=mirrored,
        )
        if seen is not None and _same(self.face, seen):
            self.see(seen)
        else:
            self.lost_frames += self._frames
            self.lost_s += self._seconds
        self._frames, self._seconds = 0, 0.0

    def see(self, seen: Face) -> None:
        """The face is there: correct the landmarks and box."""
        self._filter.correct(seen.landmarks, max(seen.height, 1.0))
        self.lost_frames, self.lost_s = 0, 0.0
        box = self.face.bbox + BOX_PACE * (seen.bbox - self.face.bbox)
        self.face = Face(box.astype(np.float32), seen.score, self._filter.landmarks)

    def remember(self, frame: U8) -> None:
        """Keep the face's surroundings, to find its motion into the next frame."""
        self._patch = FacePatch.around(frame, self.face.bbox)


def _same(one: Face, other: Face, reach: float = SAME_PLACE) -> bool:
    ratio = max(one.height, 1.0) / max(other.height, 1.0)
    near = drift(one.bbox, other.bbox) < reach
    return near and 1 / LIKE_SIZE < ratio < LIKE_SIZE


def _moved(box: F32, shift: F32, zoom: float) -> F32:
    centre, half = (box[:2] + box[2:]) / 2 + shift, (box[2:] - box[:2]) / 2 * zoom
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def _inside(face: Face, frame: U8) -> bool:
    """Whether the middle of the eyes is still in the picture."""
    x, y = face.landmarks[:2].mean(axis=0)
    return bool(0 <= x < frame.shape[1] and 0 <= y < frame.shape[0])
