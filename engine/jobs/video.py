"""One video: decode, follow and paint its faces, encode; or number its faces on a still.

Decoding and encoding run in threads beside the networks, with a few frames between them, so memory
does not grow with the length of the video.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from ..composite import union_alpha
from ..media.display import Orientation
from ..media.drawing import draw_numbers
from ..media.mask_file import read_mask
from ..media.output import atomic_file, check_output, mask_path
from ..media.planes import grey_frame, paint_frame
from ..media.provenance import comment_text, make_mark
from ..media.reader import Chunk, VideoReader
from ..media.threads import Prefetch, Sink
from ..media.trim import parse_cut
from ..media.video_types import Picture, VideoInfo
from ..media.writer import VideoWriter, check_encoding
from ..temporal import FaceTracker
from ..types import Face, Patch
from .faces import VideoFaces, check_request
from .inputs import VIDEO
from .report import NOT_MARKED, FileReport, FileStatus, Progress, UnmaskOptions
from .stages import Stages

if TYPE_CHECKING:
    from av import VideoFrame
    from av.packet import Packet
    from av.stream import Stream

    from ..pipeline import Unmasker

_AHEAD = 4
"""Pictures that may wait between decoding, painting and encoding."""
_PREVIEW_S = 2.0
_PACKETS = 64
"""Most chunks that wait for the pictures of a group: sound can go on long after the last one."""


@dataclass(frozen=True)
class _Painted:
    """A chunk of the input with the paint for its picture; the RGB view is no longer needed."""

    packets: list[Packet[Stream]]
    frame: VideoFrame | None
    patches: list[Patch]


def unmask_video(
    unmasker: Unmasker,
    source: Path,
    target: Path,
    options: UnmaskOptions,
    progress: Progress | None = None,
) -> FileReport:
    """Take the masks off the faces of a video.

    Args:
        unmasker: The loaded models.
        source: The video; it stays as it is.
        target: The result: .mp4, .m4v, .mov or .mkv.
        options: What to do.
        progress: Told the frames done and their total after each frame.

    Returns:
        What was done. Status "left alone" means that no face wears a mask and nothing was written.

    Raises:
        MediaError: The video cannot be read.
        InputError: The mask file does not fit.
        OptionError: An option has a wrong value, or has no meaning for a video.
        OutputError: The result cannot be written, or does not hold what it should.
    """
    begin = time.perf_counter()
    report = FileReport(source, VIDEO)
    stages = Stages(report.stages)
    check_request(options)
    check_encoding(target, options.crf, options.preset)
    mask_target = _check_targets(source, target, options)
    with VideoReader(source, parse_cut(options.start, options.end)) as reader:
        mask = None
        if options.mask is not None:
            mask = read_mask(options.mask, reader.info.upright_size, source, options.max_pixels)
        faces = VideoFaces(unmasker, options, mask, report, stages)
        with ExitStack() as stack:
            writer = stack.enter_context(_open_writer(target, reader, options))
            mask_writer = None
            if mask_target is not None:
                mask_writer = stack.enter_context(_open_mask_writer(mask_target, reader, options))
            encoder = _Encoder(reader.info, writer, mask_writer, stages)
            _run(reader, faces, encoder, stages, progress, unmasker.pictures_at_once)
            report.frames = writer.frames
            faces.finish()
            if report.frames_changed:
                with stages("verify"):
                    for each in filter(None, (writer, mask_writer)):
                        each.finish()
                report.output, report.mask_output = target, mask_target
                report.notes += writer.notes
        report.notes[:0] = reader.notes
    _conclude(report, options)
    report.seconds = time.perf_counter() - begin
    return report


def preview_video(
    unmasker: Unmasker, source: Path, target: Path, options: UnmaskOptions
) -> FileReport:
    """Write the first picture with a number on each face, as ``--faces`` and ``--face`` take it.

    The first two seconds are looked at; a face that comes later than the first picture is numbered
    where it was first seen.

    Raises:
        MediaError: The video cannot be read.
        OutputError: The still cannot be written.
    """
    begin = time.perf_counter()
    report = FileReport(source, VIDEO)
    check_output(source, target, overwrite=options.overwrite)
    seen: dict[int, Face] = {}
    late: set[int] = set()
    tracker = FaceTracker(unmasker.detector)
    with VideoReader(source, parse_cut(options.start, options.end)) as reader:
        first = None
        for picture in _first_pictures(reader, _PREVIEW_S):
            first = picture.rgb if first is None else first
            faces = tracker.update(picture.rgb, picture.time_s)
            new = [face for face in faces if face.track_id not in seen]
            seen.update((face.track_id, face.face) for face in new)
            late.update(face.track_id for face in new if picture.index)
            report.frames += 1
            report.frames_with_face += bool(faces)
    if first is not None:
        with atomic_file(target) as part:
            Image.fromarray(draw_numbers(first, sorted(seen.items()))).save(part, "PNG")
    report.output, report.faces = target, len(seen)
    report.notes += _preview_notes(seen, late)
    report.seconds = time.perf_counter() - begin
    return report


def _first_pictures(reader: VideoReader, seconds: float) -> Iterator[Picture]:
    for chunk in reader:
        if chunk.picture is None:
            continue
        if chunk.picture.time_s > seconds:
            return
        yield chunk.picture


def _preview_notes(seen: dict[int, Face], late: set[int]) -> list[str]:
    if not seen:
        return [f"no face was found in the first {_PREVIEW_S:g} seconds"]
    if late:
        told = ", ".join(str(number) for number in sorted(late))
        return [f"not in the first picture, numbered where they come in later: {told}"]
    return []


# --- before the work ---------------------------------------------------------------------------


def _check_targets(source: Path, target: Path, options: UnmaskOptions) -> Path | None:
    """Refuse outputs that must not be written; returns where the mask goes, if it is asked for."""
    check_output(source, target, overwrite=options.overwrite)
    if not options.save_mask:
        return None
    mask_target = mask_path(target, ".mp4")
    check_output(source, mask_target, overwrite=options.overwrite)
    return mask_target


def _open_writer(target: Path, reader: VideoReader, options: UnmaskOptions) -> VideoWriter:
    asked = [options.expression]
    asked += [f"{number}={text}" for number, text in sorted(options.face_expressions.items())]
    mark = comment_text(make_mark(", ".join(asked))) if options.provenance else None
    return VideoWriter(
        target,
        reader.info,
        crf=options.crf,
        preset=options.preset,
        copies=reader.copies,
        mark=mark,
    )


def _open_mask_writer(target: Path, reader: VideoReader, options: UnmaskOptions) -> VideoWriter:
    """A writer of grey pictures that stand upright, with the times of the video."""
    info = reader.info
    width, height = info.upright_size
    aspect = info.aspect
    if info.orientation.turns % 2 and aspect:
        aspect = Fraction(1) / aspect
    grey = replace(
        info,
        width=width,
        height=height,
        pix_fmt="yuv444p" if width % 2 or height % 2 else "yuv420p",
        orientation=Orientation(),
        matrix=None,
        aspect=aspect,
        colour={"color_range": 1},
        metadata={},
        video_metadata={},
        chapters=[],
    )
    return VideoWriter(target, grey, crf=options.crf, preset=options.preset)


# --- the work ----------------------------------------------------------------------------------


class _Encoder:
    """Lays paint into pictures and hands them to the writers; runs in its own thread."""

    def __init__(
        self,
        info: VideoInfo,
        writer: VideoWriter,
        mask_writer: VideoWriter | None,
        stages: Stages,
    ) -> None:
        self._info, self._writer = info, writer
        self._mask_writer, self._stages = mask_writer, stages

    def take(self, painted: _Painted) -> None:
        """Write one chunk."""
        for packet in painted.packets:
            self._writer.copy(packet)
        frame = painted.frame
        if frame is None:
            return
        with self._stages("composite"):
            paint_frame(frame, painted.patches, self._info.orientation)
        with self._stages("encode"):
            self._writer.write(frame)
        if self._mask_writer is not None:
            with self._stages("mask"):
                width, height = self._info.upright_size
                grey = grey_frame(union_alpha(painted.patches, (height, width)))
                grey.pts, grey.time_base = frame.pts, frame.time_base
                grey.duration = frame.duration
                self._mask_writer.write(grey)


def _run(
    reader: VideoReader,
    faces: VideoFaces,
    encoder: _Encoder,
    stages: Stages,
    progress: Progress | None,
    at_once: int,
) -> None:
    """Paint the pictures, so many at once; each group is finished when the next has begun."""
    done = 0
    begun: deque[tuple[list[Chunk], Callable[[], list[list[Patch]]]]] = deque()
    with (
        Prefetch(stages.each("decode", reader), _AHEAD, "decode") as chunks,
        Sink(encoder.take, _AHEAD, "encode") as sink,
    ):

        def finish_oldest() -> None:
            nonlocal done
            group, finish = begun.popleft()
            patches = iter(finish())
            for chunk in group:
                if chunk.picture is None:
                    sink.put(_Painted(chunk.packets, None, []))
                    continue
                sink.put(_Painted(chunk.packets, chunk.picture.frame, next(patches)))
                done += 1
                if progress is not None:
                    progress(done, reader.info.frames)

        for group in _groups(chunks, at_once):
            pictures = [chunk.picture for chunk in group if chunk.picture is not None]
            begun.append((group, faces.start([(each.rgb, each.time_s) for each in pictures])))
            if len(begun) > 1:
                finish_oldest()
        while begun:
            finish_oldest()
        sink.finish()


def _groups(chunks: Iterable[Chunk], pictures: int) -> Iterator[list[Chunk]]:
    """Neighbouring chunks that hold so many pictures together; the last ones may hold fewer."""
    group: list[Chunk] = []
    count = 0
    for chunk in chunks:
        group.append(chunk)
        count += chunk.picture is not None
        if count == pictures or len(group) == _PACKETS:
            yield group
            group, count = [], 0
    if group:
        yield group


def _conclude(report: FileReport, options: UnmaskOptions) -> None:
    """Say what the user should know about the result as a whole."""
    if not report.frames_changed:
        report.status = FileStatus.LEFT_ALONE
        frames = "1 frame" if report.frames == 1 else f"{report.frames} frames"
        why = "nothing was painted" if report.faces else "no face was found"
        report.notes.append(f"nothing was written, since {why} in {frames}")
    elif not options.provenance:
        report.notes.append(NOT_MARKED)
