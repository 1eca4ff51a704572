"""The faces of a video over time: which are followed, which wear a mask, and how each is painted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import OptionError
from ..expressions import ALL, means
from ..face_area import share_mask
from ..pipeline import face_weights
from ..selection import ALL_FACES, LARGEST, parse_faces
from ..smoothing import LightSmoother
from ..temporal import FaceTracker, MaskSmoother, TrackedFace
from ..types import F32, U8, FaceCrop, FaceStatus, Patch
from .report import ENLARGED_PX, FileReport, UnmaskOptions
from .stages import Stages

if TYPE_CHECKING:
    from ..pipeline import Unmasker

HOLD_S = 0.3
"""A face goes on counting as masked for this long after the last frame in which a mask was seen."""
FORGET_S = 3.0
"""The mask of a face that has been out of sight for this long is dropped."""
_STAY_SHARE = 0.8
"""A followed face may shrink to this share of the least size, so that it does not come and go."""
_LARGER_SHARE = 1.25
"""Another face is "the largest" only when it is higher by this factor, for the same reason."""


@dataclass
class _Track:
    """What is known of one face so far.

    Attributes:
        status: The best that happened to it, in the order of ``_RANK``.
        masked: It had a mask in some frame.
        enlarged: Its paint was enlarged in some frame.
        is_large: It reached the least size and has not shrunk far below it.
        masked_until: Time until which it counts as masked.
        zoom: Of its crop, as its mask needed it so far.
    """

    status: FaceStatus = FaceStatus.NOT_SELECTED
    masked: bool = False
    enlarged: bool = False
    is_large: bool = False
    masked_until: float = -1.0
    zoom: float = 1.0


_RANK = (FaceStatus.NOT_SELECTED, FaceStatus.TOO_SMALL, FaceStatus.NO_MASK, FaceStatus.CHANGED)


def check_request(options: UnmaskOptions) -> dict[int, F32]:
    """Read what is asked of the faces, before any work is done.

    Returns:
        Weights by face number; 0 stands for every other face.

    Raises:
        OptionError: A wrong expression, intensity or selection, or one that a video cannot have.
    """
    requests = {0: options.expression, **options.face_expressions}
    if any(means(request, ALL) for request in requests.values()):
        raise OptionError(
            f"expression '{ALL}' puts seven pictures side by side, which a video cannot; "
            "expected one expression",
            hint="run once per expression with different -o",
        )
    choice = parse_faces(options.faces)
    weights = face_weights(requests, options.intensity)
    for number in options.face_expressions:
        if isinstance(choice, int) and number != choice:
            raise OptionError(
                f"face '{number}' has an expression of its own, but '{options.faces}' leaves it out"
            )
    return weights


class VideoFaces:
    """Follows the faces of one video, frame by frame, and paints those that wear a mask.

    Args:
        unmasker: The loaded models.
        options: Which faces, from which size on, and with which expressions.
        mask: (H, W) float32 in [0, 1] for all frames in place of the segmenter, or None.
        report: Counts of frames are kept here; those of faces are put in by ``finish``.
        stages: Times are kept here.

    Raises:
        OptionError: The options cannot be met.
    """

    def __init__(
        self,
        unmasker: Unmasker,
        options: UnmaskOptions,
        mask: F32 | None,
        report: FileReport,
        stages: Stages,
    ) -> None:
        self._unmasker, self._options, self._mask = unmasker, options, mask
        self._report, self._stages = report, stages
        self._weights = check_request(options)
        self._choice = parse_faces(options.faces)
        self._tracker = FaceTracker(unmasker.detector)
        self._smoother = MaskSmoother()
        self._lights: dict[int, LightSmoother] = {}
        self._tracks: dict[int, _Track] = {}
        self._seen_at: dict[int, float] = {}
        self._largest: int | None = None

    def patches(self, frame: U8, time_s: float) -> list[Patch]:
        """Paint for the next frame.

        Args:
            frame: (H, W, 3) uint8 RGB, upright.
            time_s: Its time; grows from call to call.

        Returns:
            In the order to be laid; empty where nothing is to be changed.
        """
        with self._stages("track"):
            faces = self._tracker.update(frame, time_s)
        self._forget(faces, time_s)
        wanted = [face for face in faces if self._is_wanted(face, faces)]
        with self._stages("segment"):
            masked = self._masked(frame, wanted, time_s)
        with self._stages("generate"):
            patches = self._painted(frame, masked)
        report = self._report
        report.frames_with_face += bool(faces)
        report.frames_masked += bool(masked)
        report.frames_changed += bool(patches)
        return patches

    def _forget(self, faces: Sequence[TrackedFace], time_s: float) -> None:
        """Drop what is known of faces that are gone; without this, memory would grow with the length."""
        if self._tracker.is_cut:
            self._seen_at.clear()
            self._smoother.reset()
            self._lights.clear()
        self._seen_at.update((face.track_id, time_s) for face in faces)
        gone = [number for number, at in self._seen_at.items() if time_s - at > FORGET_S]
        for number in gone:
            del self._seen_at[number]
            self._lights.pop(number, None)
        self._smoother.reset(gone)

    def finish(self) -> None:
        """Put what became of the faces into the report."""
        report, tracks = self._report, self._tracks.values()
        report.faces = len(tracks)
        report.masked = sum(track.masked for track in tracks)
        report.changed = sum(track.status is FaceStatus.CHANGED for track in tracks)
        report.enlarged = sum(track.enlarged for track in tracks)
        left = [track.status for track in tracks if track.status is not FaceStatus.CHANGED]
        report.reasons = dict(Counter(str(status) for status in left))
        named = {number for number in self._weights if number}
        if isinstance(self._choice, int):
            named.add(self._choice)
        for number in sorted(named - set(self._tracks)):
            seen = f"1 to {len(tracks)}" if len(tracks) > 1 else str(len(tracks) or "none")
            report.notes.append(f"face '{number}' was never seen; faces seen: {seen}")

    def _is_wanted(self, face: TrackedFace, faces: Sequence[TrackedFace]) -> bool:
        track = self._tracks.setdefault(face.track_id, _Track())
        if not self._is_chosen(face, faces):
            return False
        least = self._options.min_face * (_STAY_SHARE if track.is_large else 1.0)
        track.is_large = face.face.height >= least
        _raise_status(track, FaceStatus.NO_MASK if track.is_large else FaceStatus.TOO_SMALL)
        return track.is_large

    def _is_chosen(self, face: TrackedFace, faces: Sequence[TrackedFace]) -> bool:
        if self._choice == ALL_FACES:
            return True
        if self._choice == LARGEST:
            return face.track_id == self._largest_of(faces)
        return face.track_id == self._choice

    def _largest_of(self, faces: Sequence[TrackedFace]) -> int:
        heights = {face.track_id: face.face.height for face in faces}
        top = max(heights, key=lambda number: heights[number])
        held = heights.get(self._largest, 0.0) if self._largest is not None else 0.0
        if heights[top] > held * _LARGER_SHARE:
            self._largest = top
        return self._largest if self._largest is not None else top

    def _masked(
        self, frame: U8, faces: Sequence[TrackedFace], time_s: float
    ) -> list[tuple[int, FaceCrop]]:
        """Crops of the faces that count as masked, with the mask to be repainted."""
        if not faces:
            return []
        # A face keeps the zoom that its mask once needed, so that the crop does not jump.
        zooms = [self._tracks[face.track_id].zoom for face in faces]
        crops = self._unmasker.crop(frame, [face.face for face in faces], zooms)
        if self._mask is not None:
            shares = share_mask(self._mask, [crop.frame_to_crop for crop in crops])
            crops = [replace(crop, mask=part) for crop, part in zip(crops, shares, strict=True)]
        masked = []
        for face, crop in zip(faces, crops, strict=True):
            if (kept := self._settle(face.track_id, crop, time_s)) is not None:
                masked.append((face.track_id, kept))
        return masked

    def _settle(self, number: int, crop: FaceCrop, time_s: float) -> FaceCrop | None:
        """The crop with its mask smoothed over time; None for a face without one."""
        track = self._tracks[number]
        if crop.zoom != track.zoom:  # masks of another zoom do not blend with this one
            track.zoom = crop.zoom
            self._smoother.reset([number])
            self._lights.pop(number, None)
        if self._mask is None:
            smooth = self._smoother.smooth(number, crop.mask, crop.frame_to_crop)
            crop = replace(crop, mask=smooth)
            claims = self._unmasker.segmenter.claims(smooth)
        else:
            claims = bool(crop.mask.any())
        if claims:
            track.masked = True
            track.masked_until = time_s + HOLD_S
        return crop if claims or time_s <= track.masked_until else None

    def _painted(self, frame: U8, masked: Sequence[tuple[int, FaceCrop]]) -> list[Patch]:
        if not masked:
            return []
        weights = [self._weights.get(number, self._weights[0]) for number, _ in masked]
        crops = [crop for _, crop in masked]
        lights = [self._lights.setdefault(number, LightSmoother()) for number, _ in masked]
        patches = self._unmasker.paint(frame, crops, np.stack(weights), lights)
        patches = [patch for patch in patches if patch.alpha.any()]
        if patches:
            for number, crop in masked:
                track = self._tracks[number]
                _raise_status(track, FaceStatus.CHANGED)
                track.enlarged |= crop.side_px > ENLARGED_PX
        return patches


def _raise_status(track: _Track, status: FaceStatus) -> None:
    track.status = max(track.status, status, key=_RANK.index)
