"""Reading a video: pictures in the order they are shown, with the packets that lie between them.

Pictures come in their own pixel format with an upright RGB view for the networks; sound and subtitle
packets come untouched. `--start` and `--end` are obeyed here, for pictures and packets alike.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..errors import MediaError
from .display import Orientation, display_matrix
from .planes import Converter, encoder_format
from .source import behind_the_end, open_source, reason, resolve_cut
from .trim import SLACK, Cut, PacketCutter
from .video_types import Chunk, Picture, VideoInfo, time_unit

if TYPE_CHECKING:
    from av import VideoFrame
    from av.packet import Packet
    from av.stream import Stream

_SEEK_FROM_S = 2
_PACKETS_A_CHUNK = 64
_FEW = 3
_CLOCK_FORMATS = frozenset(("mpegts", "mpeg"))
_HDR_SIDE_DATA = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
_HDR_TRANSFER = {16: "PQ", 18: "HLG"}


class VideoReader:
    """Reads a video once, from `--start` to `--end`.

    The first picture is decoded when it is opened, so that broken files fail at once. Iterate in
    one thread only; memory does not grow with the length.

    Args:
        path: The file.
        cut: The part to read.

    Raises:
        InputError: There is no such file.
        MediaError: It is no video, or not one picture can be decoded.
        OptionError: The part lies behind the end of the video.

    Attributes:
        info: What was found.
        notes: What the user should know; complete after the last chunk.
        copies: Sound and subtitle streams, in the order of the file.
    """

    def __init__(self, path: Path, cut: Cut | None = None) -> None:
        self._cut = cut or Cut()
        self._source = open_source(path)
        try:
            self._open()
        except BaseException:
            self._source.container.close()
            raise

    def _open(self) -> None:
        self.notes = list(self._source.notes)
        self._begin, self._end = resolve_cut(self._cut, self._source)
        self._reset()
        first = self._first_chunk(seek=True)
        if self._seek_missed:
            self._source.container.close()
            self._source = open_source(self._source.path)
            self._reset()
            first = self._first_chunk(seek=False)
        self._first = self._require(first)
        self.info = self._describe()

    def _reset(self) -> None:
        self._converter = Converter()
        self._cutter = PacketCutter(self._begin, self._end)
        self._format: tuple[str, int, int] | None = None
        self._orientation = Orientation()
        self._matrix: tuple[int, ...] | None = None
        self._decoded = self._broken = self._count = 0
        self._seek_missed = self._video_done = self._resized = False
        self._last_pts: int | None = None
        self._start_time: Fraction | None = None
        self._stopped = ""

    @property
    def copies(self) -> list[Stream]:
        """Sound and subtitle streams, in the order of the file."""
        return self._source.copies

    def close(self) -> None:
        """Close the file; no iteration may be running."""
        self._chunks.close()
        self._source.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Chunk]:
        """Pictures and packets in the order of the file; can be used once."""
        yield self._first
        yield from self._chunks
        self._note_the_end()

    # -- what to read ---------------------------------------------------------------------------

    def _first_chunk(self, *, seek: bool) -> Chunk | None:
        source = self._source
        if seek and self._begin is not None and self._begin - source.origin > _SEEK_FROM_S:
            self._seek(self._begin)
        self._chunks = self._read()
        return next(self._chunks, None)

    def _seek(self, begin: Fraction) -> None:
        import av

        source = self._source
        try:
            source.container.seek(int(begin / time_unit(source.video)), stream=source.video)
        except av.error.FFmpegError:
            self._seek_missed = True

    def _require(self, first: Chunk | None) -> Chunk:
        if first is not None and first.picture is not None:
            return first
        source = self._source
        if self._decoded:
            raise behind_the_end(self._cut, source)
        raise MediaError(
            f"no picture of '{source.path}' can be decoded (codec '{source.video.codec_context.name}')",
            hint="the file may be damaged; see whether a player shows it",
        )

    def _describe(self) -> VideoInfo:
        source, video = self._source, self._source.video
        name, width, height = self._format or ("", 0, 0)
        frame = self._first.picture.frame if self._first.picture else None
        keys = ("color_range", "color_primaries", "color_trc", "colorspace")
        colour = {key: int(getattr(frame, key)) for key in keys}
        if transfer := _HDR_TRANSFER.get(colour["color_trc"]):
            self.notes.append(
                f"the video is HDR ({transfer}): its colour tags are kept, but faces were painted "
                "by networks made for ordinary pictures"
            )
        return VideoInfo(
            index=video.index,
            width=width,
            height=height,
            pix_fmt=name,
            orientation=self._orientation,
            matrix=self._matrix,
            time_base=time_unit(video),
            rate=source.rate,
            frames=self._expected(),
            aspect=Fraction(video.sample_aspect_ratio or 0),
            colour=colour,
            metadata=dict(source.container.metadata),
            video_metadata=dict(video.metadata),
            chapters=self._chapters(),
        )

    def _expected(self) -> int | None:
        source = self._source
        if self._cut.is_whole and source.video.frames:
            return source.video.frames
        end = self._end
        if source.duration is not None:
            last = source.origin + source.duration
            end = last if end is None else min(end, last)
        if end is None:
            return None
        begin = source.origin if self._begin is None else self._begin
        return max(1, round((end - begin) * source.rate))

    def _chapters(self) -> list[Any]:
        """Chapters clipped to the part and moved to its time."""
        cutter, kept = self._cutter, []
        for chapter in self._source.container.chapters():
            base = Fraction(chapter["time_base"] or Fraction(1, 1000))
            start, end = chapter["start"] * base, chapter["end"] * base
            if cutter.begin is not None:
                start = max(start, cutter.begin)
            if cutter.end is not None:
                end = min(end, cutter.end)
            if start < end:
                ticks = (round((time - cutter.shift) / base) for time in (start, end))
                kept.append({**chapter, **dict(zip(("start", "end"), ticks, strict=True))})
        return kept

    # -- reading --------------------------------------------------------------------------------

    def _read(self) -> Generator[Chunk]:
        """Chunks from where the container stands; packets wait until the first picture is known."""
        source = self._source
        copied = {stream.index for stream in source.copies}
        waiting: list[Packet[Stream]] = []
        sounding = {stream.index for stream in source.copies if stream.type == "audio"}
        for packet in self._demux():
            if packet.stream is source.video:
                for picture in self._pictures(packet):
                    if picture.index == 0:
                        waiting = [held for held in waiting if self._cutter.keep(held)]
                    yield Chunk(picture, waiting)
                    waiting = []
            elif packet.stream.index in copied and packet.size:
                if self._is_past_end(packet, Fraction(0)):
                    sounding.discard(packet.stream.index)
                if not self._count or self._cutter.keep(packet):
                    waiting.append(packet)
                if self._count and len(waiting) >= _PACKETS_A_CHUNK:
                    yield Chunk(None, waiting)
                    waiting = []
            if self._video_done and (not sounding or self._is_past_end(packet, Fraction(10))):
                break
        if waiting and self._count:
            yield Chunk(None, waiting)

    def _demux(self) -> Iterator[Packet[Any]]:
        """Packets as far as the file can be read, then those that flush the decoder."""
        import av

        source = self._source
        try:
            yield from source.container.demux([source.video, *source.copies])
        except av.error.FFmpegError as error:
            self._stopped = reason(error)
            flush: Packet[Any] = av.Packet()
            flush.stream, flush.time_base = source.video, time_unit(source.video)
            yield flush

    def _is_past_end(self, packet: Packet[Any], margin: Fraction) -> bool:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if self._end is None or stamp is None:
            return False
        return stamp * packet.time_base >= self._end + margin - SLACK

    def _pictures(self, packet: Packet[Any]) -> Iterator[Picture]:
        import av

        if self._video_done:
            return
        try:
            frames = packet.decode()  # the context's own decode gives flushed pictures no time base
        except av.error.EOFError:
            return  # flushed already
        except av.error.FFmpegError:
            self._broken += 1
            return
        for frame in frames:
            picture = self._picture(frame)
            if self._video_done:
                return
            if picture is not None:
                yield picture

    def _picture(self, frame: VideoFrame) -> Picture | None:
        time = self._stamp(frame)
        self._decoded += 1
        if self._begin is not None and time < self._begin - SLACK:
            return None
        if self._decoded == 1 and self._begin is not None and time > self._begin + SLACK:
            self._seek_missed = self._begin - self._source.origin > _SEEK_FROM_S
        if self._end is not None and time >= self._end - SLACK:
            self._video_done = True
            return None
        if self._format is None:
            self._begin_output(frame, time)
        frame = self._adapt(frame)
        base = time_unit(frame)
        frame.pts = (frame.pts or 0) - round(self._cutter.shift / base)
        rgb = self._orientation.upright(self._converter.rgb(frame))
        seconds = float(time - (self._start_time or 0))
        picture = Picture(self._count, seconds, frame, np.ascontiguousarray(rgb))
        self._count += 1
        return picture

    def _stamp(self, frame: VideoFrame) -> Fraction:
        """Time of a frame in seconds; a missing or repeated stamp is replaced by the next free one."""
        base = time_unit(frame)
        if frame.pts is None:
            step = max(1, round(1 / (self._source.rate * base)))
            frame.pts = 0 if self._last_pts is None else self._last_pts + step
        if self._last_pts is not None and frame.pts <= self._last_pts:
            frame.pts = self._last_pts + 1
        self._last_pts = frame.pts
        self._last_end = (frame.pts + (frame.duration or 0)) * base
        return frame.pts * base

    def _begin_output(self, frame: VideoFrame, time: Fraction) -> None:
        """Fix what all pictures share, by the first one that is kept."""
        from av.video.format import VideoFormat

        given = VideoFormat(frame.format.name, frame.width, frame.height)
        name = encoder_format(given)
        if name != given.name:
            self.notes.append(
                f"pictures were converted from '{given.name}' to '{name}', since H.264 cannot hold "
                f"'{given.name}' at {given.width}x{given.height}"
            )
        if frame.interlaced_frame:
            self.notes.append("the video is interlaced; its pictures are encoded as progressive")
        if any(frame.side_data.get(kind) is not None for kind in _HDR_SIDE_DATA):
            self.notes.append("the HDR data about the mastering display was dropped")
        self._format = (name, frame.width, frame.height)
        self._matrix = display_matrix(frame)
        self._orientation = Orientation.from_matrix(self._matrix)
        self._start_time = time
        source = self._source
        if not self._cut.is_whole:
            self._cutter.begin = self._cutter.shift = time
        elif source.container.format.name in _CLOCK_FORMATS:
            self._cutter.shift = Fraction(source.container.start_time or 0, 1_000_000)

    def _adapt(self, frame: VideoFrame) -> VideoFrame:
        name, width, height = self._format or ("", 0, 0)
        if (frame.width, frame.height) != (width, height) and not self._resized:
            self._resized = True
            self.notes.append(
                f"the picture size changes from {width}x{height} to {frame.width}x{frame.height} "
                "on the way; all pictures were brought to the first size"
            )
        return self._converter.adapted(frame, name, width, height)

    def _note_the_end(self) -> None:
        """Say what was missing, once everything was read."""
        source = self._source
        if self._broken:
            self.notes.append(f"{self._broken} packets of the video could not be decoded")
        if self._stopped:
            self.notes.append(f"reading stopped early: {self._stopped}")
        if self._video_done:
            return
        missing = Fraction(0)
        if source.duration is not None:
            missing = source.origin + source.duration - self._last_end
        # AVI counts skipped pictures too
        is_counted = source.video.frames > 0 and source.container.format.name != "avi"
        short = source.video.frames - self._count if is_counted and self._begin is None else 0
        told = f"; {self._count} of {source.video.frames} pictures were read" if short else ""
        # where pictures are not counted, the length may be that of the sound
        if missing > (4 / source.rate if is_counted else max(Fraction(1, 2), 4 / source.rate)):
            self.notes.append(
                f"the video ends early: the last {float(missing):.1f} of "
                f"{float(source.duration or 0):.1f} s could not be read{told}"
            )
        elif short > _FEW:
            self.notes.append(f"some pictures could not be decoded{told}")
