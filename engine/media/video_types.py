"""The values that pass between reading and writing a video."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..types import U8
from .display import Orientation

if TYPE_CHECKING:
    from av import VideoFrame
    from av.packet import Packet
    from av.stream import Stream


def time_unit(timed: Any) -> Fraction:
    """Seconds that one tick of a frame's, packet's or stream's time stamps lasts."""
    return Fraction(timed.time_base or Fraction(1, 90_000))


@dataclass(frozen=True)
class VideoInfo:
    """What an output needs to know about its input.

    Attributes:
        index: Number of the video stream in the file.
        width: Width of the stored picture.
        height: Height of the stored picture.
        pix_fmt: Pixel format in which pictures are delivered and encoded.
        orientation: How the stored picture becomes upright.
        matrix: The container's display matrix, or None.
        time_base: Unit of the pictures' time stamps, in seconds.
        rate: Average pictures a second.
        frames: Number of pictures to come as far as the container tells, or None.
        aspect: Width over height of a stored pixel; 0 where it is not told.
        colour: FFmpeg's numbers for color_range, color_primaries, color_trc and colorspace.
        metadata: Tags of the container.
        video_metadata: Tags of the video stream.
        chapters: Chapters of the part that is read.
    """

    index: int
    width: int
    height: int
    pix_fmt: str
    orientation: Orientation
    matrix: tuple[int, ...] | None
    time_base: Fraction
    rate: Fraction
    frames: int | None
    aspect: Fraction
    colour: dict[str, int]
    metadata: dict[str, str]
    video_metadata: dict[str, str]
    chapters: list[Any]

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height as the viewer sees them."""
        return self.orientation.upright_size(self.width, self.height)


@dataclass(frozen=True)
class Picture:
    """One picture of a video.

    Attributes:
        index: 0, 1, ... within the part that is read.
        time_s: Seconds since the first picture of the part.
        frame: The stored picture in `VideoInfo.pix_fmt`, with its time in the output.
        rgb: (H, W, 3) uint8 RGB, upright.
    """

    index: int
    time_s: float
    frame: VideoFrame
    rgb: U8 = field(repr=False)


@dataclass(frozen=True)
class Chunk:
    """A picture, if any, and the packets that lie before it in the file."""

    picture: Picture | None
    packets: list[Packet[Stream]]
