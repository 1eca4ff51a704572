"""The faces of a video over time: which are followed, which wear a mask, and how each is painted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..crops import share_among
from ..errors import OptionError
from ..expressions import ALL, face_weights, means
from ..selection import ALL_FACES, LARGEST, parse_faces
from ..smoothing import LightSmoother, MaskSmoother
from ..temporal import FaceTracker, TrackedFace
from ..types import CROP_SIZE, F32, U8, FaceCrop, FaceStatus, Patch
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


@dataclass(frozen=True)
class _Seen:
    """A frame with its faces.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        time_s: Its time.
        faces: As they were tracked.
        is_cut: Whether the picture before it was another scene.
    """

    frame: U8
    time_s: float
    faces: Sequence[TrackedFace]
    is_cut: bool


@dataclass(frozen=True)
class _Masked:
    """A face to be painted.

    Attributes:
        number: Of its track.
        crop: With the mask to be repainted.
        light: Its memory of the frames before, as of this frame.
    """

    number: int
    crop: FaceCrop
    light: LightSmoother


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
        return self.start([(frame, time_s)])()[0]

    def start(self, pictures: Sequence[tuple[U8, float]]) -> Callable[[], list[list[Patch]]]:
        """Begin to paint for the next frames, which go through the networks together.

        How many are taken at once changes nothing in what is painted.

        Args:
            pictures: Frames as ``patches`` takes them, with their times.

        Returns:
            What finishes the work: patches of each frame. To be called in the order of the starts,
            and after the next start where a GPU is to compute meanwhile.
        """
        seen = []
        with self._stages("track"):
            for frame, time_s in pictures:
                faces = self._tracker.update(frame, time_s)
                seen.append(_Seen(frame, time_s, faces, self._tracker.is_cut))
        with self._stages("segment"):
            masked = self._masked(seen)
        with self._stages("generate"):
            painted = self._start_paint(masked)
        self._report.frames_with_face += sum(bool(each.faces) for each in seen)
        self._report.frames_masked += sum(bool(each) for each in masked)

        def finish() -> list[list[Patch]]:
            with self._stages("generate"):
                found = [self._patches(*each) for each in zip(seen, masked, painted(), strict=True)]
            self._report.frames_changed += sum(bool(patches) for patches in found)
            return found

        return finish

    def _forget(self, seen: _Seen) -> None:
        """Drop what is known of faces that are gone; without this, memory would grow with the length."""
        faces, time_s = seen.faces, seen.time_s
        if seen.is_cut:
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

    def _masked(self, seen: Sequence[_Seen]) -> list[list[_Masked]]:
        """For each frame, the faces that count as masked, with the mask to be repainted."""
        wanted = [
            [face for face in each.faces if self._is_wanted(face, each.faces)] for each in seen
        ]
        crops = self._crops(seen, wanted)
        masked = []
        for each, faces in zip(seen, wanted, strict=True):
            self._forget(each)
            found = [self._at_zoom(each, face, *next(crops)) for face in faces]
            if self._mask is not None and found:
                found = share_among(found, self._mask)
            settled = [
                (face.track_id, self._settle(face.track_id, crop, each.time_s))
                for face, crop in zip(faces, found, strict=True)
            ]
            masked.append(
                [
                    _Masked(number, crop, self._lights.setdefault(number, LightSmoother()))
                    for number, crop in settled
                    if crop is not None
                ]
            )
        return masked

    def _crops(
        self, seen: Sequence[_Seen], wanted: Sequence[Sequence[TrackedFace]]
    ) -> Iterator[tuple[FaceCrop, float]]:
        """Crops of all faces of all frames, and the zooms to begin with that were known so far."""
        frames = [each.frame for each, faces in zip(seen, wanted, strict=True) for _ in faces]
        faces = [face for each in wanted for face in each]
        if not faces:
            return iter(())
        zooms = [self._tracks[face.track_id].zoom for face in faces]
        crops = self._unmasker.crop_all(frames, [face.face for face in faces], zooms)
        return zip(crops, zooms, strict=True)

    def _at_zoom(self, seen: _Seen, face: TrackedFace, crop: FaceCrop, begun_at: float) -> FaceCrop:
        """The crop, cut anew where a frame just before found that the mask needs another zoom.

        A face keeps the zoom that its mask once needed, so that the crop does not jump.
        """
        zoom = self._tracks[face.track_id].zoom
        if zoom == begun_at:
            return crop
        return self._unmasker.crop(seen.frame, [face.face], [zoom])[0]

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

    def _start_paint(self, masked: Sequence[Sequence[_Masked]]) -> Callable[[], list[U8]]:
        """Begin to paint the faces of all frames; what is returned waits for each frame's paint."""
        every = [face for each in masked for face in each]
        if not every:
            return lambda: [_NOTHING for _ in masked]
        weights = [self._weights.get(face.number, self._weights[0]) for face in every]
        finish = self._unmasker.start_generate([face.crop for face in every], np.stack(weights))
        ends = np.cumsum([len(each) for each in masked])[:-1]
        return lambda: np.split(finish(), ends)

    def _patches(self, seen: _Seen, masked: Sequence[_Masked], painted: U8) -> list[Patch]:
        if not masked:
            return []
        crops, lights = [face.crop for face in masked], [face.light for face in masked]
        patches = self._unmasker.patches(seen.frame, crops, painted, lights)
        patches = [patch for patch in patches if patch.alpha.any()]
        if patches:
            for face in masked:
                track = self._tracks[face.number]
                _raise_status(track, FaceStatus.CHANGED)
                track.enlarged |= face.crop.side_px > ENLARGED_PX
        return patches


_NOTHING = np.zeros((0, CROP_SIZE, CROP_SIZE, 3), np.uint8)


def _raise_status(track: _Track, status: FaceStatus) -> None:
    track.status = max(track.status, status, key=_RANK.index)
