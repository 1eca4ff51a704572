"""Is a written video what was meant? It is opened again and counted before anyone is told so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OutputError
from .display import Orientation, display_matrix
from .source import reason

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

_TOLERANCE = Fraction(1, 400)
"""Seconds: Matroska rounds both ends of the span to a millisecond."""


@dataclass
class Expected:
    """What was handed to the writer.

    Attributes:
        width: Width of the stored picture.
        height: Height of the stored picture.
        orientation: How it becomes upright.
        streams: Number of streams by type, without those that got nothing.
        frames: Number of pictures.
        first: Time of the first picture in seconds.
        last: Time of the last picture.
        packets: Packets of each copied sound stream that got any, in the order of the streams.
    """

    width: int
    height: int
    orientation: Orientation
    streams: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    first: Fraction = Fraction(0)
    last: Fraction = Fraction(0)
    packets: list[int] = field(default_factory=list)


def verify_video(path: Path, name: str, expected: Expected) -> None:
    """Open a video again and compare.

    Args:
        path: The file.
        name: Its final name, for the message.
        expected: What must be in it.

    Raises:
        OutputError: Something is missing or differs; the message says what.
    """
    import av

    try:
        with av.open(str(path.absolute()), metadata_errors="replace") as container:
            faults = list(_faults(container, expected))
    except (av.error.FFmpegError, IndexError) as error:
        faults = [f"it cannot be read again: {reason(error)}"]
    if faults:
        raise OutputError(
            f"'{name}' did not come out as it should, and was removed: {'; '.join(faults)}",
            hint="write to .mkv or to another disk",
        )


def _faults(container: InputContainer, expected: Expected) -> Iterator[str]:
    counted = ("video", "audio", "subtitle")
    streams = Counter(str(stream.type) for stream in container.streams if stream.type in counted)
    # a container may or may not keep a track in which nothing lies
    if any(streams[kind] < count for kind, count in expected.streams.items()):
        yield f"streams {_told(streams)}, expected {_told(expected.streams)}"
        return
    video = container.streams.video[0]
    sound = [stream.index for stream in container.streams.audio]
    packets: Counter[int] = Counter()
    stamps: list[Fraction] = []
    orientation = None
    packet: Packet[Any]
    for packet in container.demux([video, *container.streams.audio]):
        if packet.stream is not video:
            packets[packet.stream.index] += bool(packet.size)
            continue
        if orientation is None:
            for frame in video.decode(packet)[:1]:
                orientation = Orientation.from_matrix(display_matrix(frame))
                if (frame.width, frame.height) != (expected.width, expected.height):
                    yield f"pictures of {frame.width}x{frame.height}, expected {expected.width}x{expected.height}"
        if packet.size and packet.pts is not None:
            stamps.append(packet.pts * Fraction(packet.time_base))
    if len(stamps) != expected.frames:
        yield f"{len(stamps)} pictures, expected {expected.frames}"
    elif abs((max(stamps) - min(stamps)) - (expected.last - expected.first)) > _TOLERANCE:
        span = float(expected.last - expected.first)
        yield f"a span of {float(max(stamps) - min(stamps)):.3f} s, expected {span:.3f} s"
    if orientation is None:
        yield "no picture can be decoded"
    elif orientation != expected.orientation:
        yield "the turn of the picture was lost"
    counts = [packets[index] for index in sound if packets[index]]
    if counts != expected.packets:
        yield f"sound packets {counts}, expected {expected.packets}"


def _told(streams: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(streams.items())) or "none"
