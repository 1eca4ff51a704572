"""Opening a video file: which stream is the picture, which are copied, and what cannot be kept."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, MediaError, OptionError
from .trim import Cut, Position, empty_cut

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

_REORDER = 64  # pictures that a packet may come before its turn
_UNREADABLE_HINT = "the file may be cut short or be no video at all; copy or download it again"


@dataclass
class Source:
    """An open video file.

    Attributes:
        path: The file.
        container: PyAV's container.
        video: The stream whose pictures are shown.
        copies: Sound and subtitle streams, in the order of the file.
        notes: Streams that cannot be kept, one line each.
    """

    path: Path
    container: InputContainer
    video: VideoStream
    copies: list[Stream]
    notes: list[str] = field(default_factory=list)

    @property
    def origin(self) -> Fraction:
        """Time stamp of the first picture in seconds; positions count from here."""
        if self.video.start_time is not None and self.video.time_base:
            return self.video.start_time * self.video.time_base
        return Fraction(self.container.start_time or 0, 1_000_000)

    @property
    def duration(self) -> Fraction | None:
        """Length of the pictures in seconds as the container tells, or None."""
        if self.video.duration and self.video.time_base:
            return self.video.duration * self.video.time_base
        tagged = _clock(self.video.metadata.get("DURATION", ""))
        if tagged is not None:
            return tagged
        if self.container.duration:
            return Fraction(self.container.duration, 1_000_000)
        return None

    @property
    def rate(self) -> Fraction:
        """Pictures a second; 25 where the container's word cannot be right."""
        for rate in (self.video.average_rate, self.video.guessed_rate):
            if rate and 1 <= rate <= 1000:
                return Fraction(rate)
        return Fraction(25)


def open_source(path: Path) -> Source:
    """Open a video and choose its streams by type.

    Raises:
        InputError: There is no such file.
        MediaError: It is no video, or has no stream of pictures that can be decoded.
    """
    import av

    if not path.is_file():
        raise InputError(f"'{path}' is not a file")
    if path.stat().st_size == 0:
        raise MediaError(f"'{path}' is empty", hint=_UNREADABLE_HINT)
    try:
        # absolute, since FFmpeg takes 'a:b.mp4' for a protocol
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise MediaError(
            f"'{path}' cannot be read as a video: {reason(error)}", hint=_UNREADABLE_HINT
        ) from error
    try:
        return _choose(path, container)
    except BaseException:
        container.close()
        raise


def _choose(path: Path, container: InputContainer) -> Source:
    from av.stream import Disposition

    pictures = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not pictures:
        held = sorted({str(stream.type) for stream in container.streams}) or ["nothing"]
        raise MediaError(f"'{path}' holds no video stream; it holds {', '.join(held)}")
    video = pictures[0]
    if video.codec_context is None:
        raise MediaError(f"'{path}' is coded in a way for which there is no decoder here")
    video.thread_type = "AUTO"  # without this only slices are decoded in parallel
    copies: list[Stream] = []
    notes = []
    for stream in container.streams:
        if stream is video:
            continue
        if stream.type in ("audio", "subtitle"):
            copies.append(stream)
        elif not _is_chapter_track(stream, container):
            kind = "further video" if stream.type == "video" else stream.type
            notes.append(f"stream {stream.index} ({kind}) was dropped")
    return Source(path, container, video, copies, notes)


def _is_chapter_track(stream: Stream, container: InputContainer) -> bool:
    """MP4 keeps chapters in a data stream too; they are carried as chapters."""
    return stream.type == "data" and bool(container.chapters())


def resolve_cut(cut: Cut, source: Source) -> tuple[Fraction | None, Fraction | None]:
    """Begin and end of a part as time stamps in seconds; None for the file's own.

    Raises:
        OptionError: The part lies behind the end of the video, or has no length.
    """
    numbers = [p.frame for p in (cut.start, cut.end) if p is not None and p.frame is not None]
    times = _frame_times(source, max(numbers)) if numbers else []

    def time_of(position: Position | None) -> Fraction | None:
        if position is None:
            return None
        if position.seconds is not None:
            return source.origin + position.seconds
        number = position.frame or 0
        return times[number] if number < len(times) else None

    begin, end = time_of(cut.start), time_of(cut.end)
    if cut.start is not None and begin is None:
        raise behind_the_end(cut, source)
    if end is not None and end <= (source.origin if begin is None else begin):
        raise empty_cut(cut)
    return begin, end


def _frame_times(source: Source, last: int) -> list[Fraction]:
    """Times of the first pictures in the order shown, read from the packets without decoding."""
    import av

    times: list[Fraction] = []
    with open_source(source.path).container as container:
        stream = container.streams[source.video.index]
        with suppress(av.error.FFmpegError):  # cut short: the reader itself will say so
            for packet in container.demux(stream):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if packet.size and stamp is not None and not packet.is_discard:
                    times.append(stamp * Fraction(packet.time_base))
                if len(times) > last + _REORDER:
                    break
    return sorted(times)


def behind_the_end(cut: Cut, source: Source) -> OptionError:
    """The error for a part that begins where the video has ended."""
    told = f", which lasts {float(source.duration):.2f} s" if source.duration else ""
    start = cut.start.text if cut.start else "0"
    asked = cut.start.seconds if cut.start else None
    if asked is not None and source.duration and asked < source.duration:
        told += " by its header but is cut short"
    return OptionError(f"--start '{start}' lies behind the end of the video{told}")


def reason(error: Exception) -> str:
    """What FFmpeg says, in lower case: the last line of its log where there is one."""
    log: Any = getattr(error, "log", None)
    text = log[2] if log else getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".").lower()


def _clock(text: str) -> Fraction | None:
    parts = text.split(":")
    if len(parts) != 3:
        return None
    try:
        hours, minutes, seconds = (Fraction(part) for part in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds
