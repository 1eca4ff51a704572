"""Which part of a video to keep: reading ``--start`` and ``--end``, and cutting packets to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ..errors import OptionError

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

_CLOCK = re.compile(r"(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d*)?|\.\d+)")
_FRAME = re.compile(r"(\d+)\s*f")

SLACK = Fraction(1, 2000)
"""Half a millisecond: containers round time stamps to as little as a millisecond."""


@dataclass(frozen=True)
class Position:
    """A place in a video: seconds from its first picture, or a frame number from 0.

    Attributes:
        text: As the user wrote it.
        seconds: Time, or None where a frame is named.
        frame: Frame number from 0, or None where a time is named.
    """

    text: str
    seconds: Fraction | None = None
    frame: int | None = None


@dataclass(frozen=True)
class Cut:
    """The part to keep: from ``start`` on, up to but without ``end``."""

    start: Position | None = None
    end: Position | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut away."""
        return self.start is None and self.end is None


def parse_position(text: str, option: str) -> Position:
    """Read ``12.5``, ``1:02.5``, ``1:00:02`` or ``300f``.

    Args:
        text: What the user wrote.
        option: Name of the option, for the message.

    Raises:
        OptionError: It is none of these.
    """
    word = text.strip().lower()
    if found := _FRAME.fullmatch(word):
        return Position(text.strip(), frame=int(found[1]))
    if found := _CLOCK.fullmatch(word):
        first, second, last = found.groups()
        hours, minutes = (first, second) if second is not None else (None, first)
        seconds = Fraction(last if last[-1] != "." else last[:-1])
        too_many_seconds = minutes is not None and seconds >= 60
        too_many_minutes = hours is not None and int(minutes) >= 60
        if not (too_many_seconds or too_many_minutes):
            return Position(
                text.strip(), seconds=int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds
            )
    raise OptionError(
        f"{option} '{text}' is not a position in a video; "
        "expected seconds (12.5), minutes:seconds (1:02.5) or a frame number (300f)"
    )


def parse_cut(start: str | None, end: str | None) -> Cut:
    """Read both options.

    Raises:
        OptionError: One is no position, or the end does not lie behind the start.
    """
    cut = Cut(
        None if start is None else parse_position(start, "--start"),
        None if end is None else parse_position(end, "--end"),
    )
    if cut.end is not None:
        zero = Position("0", seconds=Fraction(0), frame=0)
        begin = cut.start or zero
        pairs = ((begin.seconds, cut.end.seconds), (begin.frame, cut.end.frame))
        if any(a is not None and b is not None and a >= b for a, b in pairs):
            raise empty_cut(cut)
    return cut


def empty_cut(cut: Cut) -> OptionError:
    """The error for a part without length."""
    start = cut.start.text if cut.start else "0"
    end = cut.end.text if cut.end else ""
    return OptionError(
        f"--end '{end}' does not lie behind --start '{start}'; expected a later position"
    )


@dataclass
class PacketCutter:
    """Keeps the sound and subtitle packets of a part and moves them to its new time.

    Attributes:
        begin: Time of the first picture kept, in seconds as stored in the container; None keeps
            everything before ``end``.
        end: Time at which the part ends, or None.
        shift: Seconds taken off every time stamp.
    """

    begin: Fraction | None = None
    end: Fraction | None = None
    shift: Fraction = Fraction(0)

    def keep(self, packet: Packet[Stream]) -> bool:
        """Decide about a packet and, where it stays, correct its time stamps in place.

        Payloads are never touched. Sound is cut at whole packets; a subtitle that shows across a
        border is shortened to the part.
        """
        if packet.pts is None:
            packet.pts = packet.dts
        if packet.pts is None:
            return self.begin is None
        if packet.dts is None:
            packet.dts = packet.pts
        base = packet.time_base
        start = packet.pts * base
        stop = start + (packet.duration or 0) * base
        if packet.stream.type == "subtitle":
            if not self._clip_subtitle(packet, start, stop):
                return False
        elif self.begin is not None and start < self.begin - SLACK:
            return False
        if self.end is not None and start >= self.end - SLACK:
            return False
        if self.shift:
            ticks = round(self.shift / base)
            packet.pts -= ticks
            packet.dts -= ticks
        return True

    def _clip_subtitle(self, packet: Packet[Stream], start: Fraction, stop: Fraction) -> bool:
        base = packet.time_base
        if self.begin is not None and start < self.begin:
            if stop <= self.begin + SLACK:
                return False
            packet.pts = packet.dts = -int(-self.begin // base)
            packet.duration = round((stop - self.begin) / base)
        if self.end is not None and start < self.end < stop:
            packet.duration = round((self.end - max(start, self.begin or start)) / base)
        return True
