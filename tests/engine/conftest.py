"""Small videos, made on the spot, for the tests of media and jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgan.engine.types import U8

SOUND_RATE = 48_000


@dataclass
class Clip:
    """What a test video is made of.

    Attributes:
        size: Width and height of the stored pictures.
        times: Time stamps in milliseconds; None for 25 pictures at 25 a second.
        pix_fmt: Pixel format.
        codec: Video encoder.
        options: Its options.
        matrix: Display matrix.
        colour: Colour tags of the codec context.
        sound: Audio encoder, or None.
        sound_first: Whether sound is stream 0.
        subtitles: (start, end, text) in milliseconds, as SRT.
        chapters: (start, end, title) in milliseconds.
        tags: Tags of the container.
        picture: Index -> (H, W, 3) uint8 RGB; None for the moving test picture.
    """

    size: tuple[int, int] = (64, 48)
    times: Sequence[int] | None = None
    pix_fmt: str = "yuv420p"
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "ultrafast", "crf": "12"})
    matrix: Sequence[int] | None = None
    colour: dict[str, int] = field(default_factory=dict)
    sound: str | None = None
    sound_first: bool = False
    subtitles: Sequence[tuple[int, int, str]] = ()
    chapters: Sequence[tuple[int, int, str]] = ()
    tags: dict[str, str] = field(default_factory=dict)
    picture: Callable[[int], U8] | None = None

    def stamps(self) -> Sequence[int]:
        """Time stamps of the pictures in milliseconds."""
        return [40 * i for i in range(25)] if self.times is None else self.times

    def rgb(self, index: int) -> U8:
        """Picture ``index``: slanted colours, a bright corner at the top left, a box that moves."""
        if self.picture is not None:
            return self.picture(index)
        width, height = self.size
        y, x = np.mgrid[:height, :width]
        picture = np.stack([60 + 90 * x // width, 60 + 90 * y // height, 0 * x + 110], axis=2)
        picture[: height // 4, : width // 4] = (240, 240, 240)
        left = width // 2 + index % (width // 4)
        picture[height // 2 : height // 2 + 8, left : left + 8] = (220, 60, 40)
        return picture.astype(np.uint8)

    def save(self, path: Path) -> Path:
        """Write the video; the extension chooses the container."""
        import av

        with av.open(str(path), "w") as out:
            out.metadata.update(self.tags)
            out.set_chapters([_chapter(i, *c) for i, c in enumerate(self.chapters)])
            sound = self._add_sound(out) if self.sound_first else None
            video = self._add_video(out)
            sound = sound or self._add_sound(out)
            text = out.add_mux_stream("subrip") if self.subtitles else None
            packets = self._video_packets(video)
            if sound is not None:
                packets += self._sound_packets(sound)
            if text is not None:
                packets += [_subtitle(text, *line) for line in self.subtitles]
            for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
                out.mux(packet)
        return path

    def _add_video(self, out: Any) -> Any:
        video = out.add_stream(self.codec, rate=25, options=self.options)
        video.width, video.height = self.size
        video.pix_fmt = self.pix_fmt
        video.codec_context.time_base = Fraction(1, 1000)
        for name, value in self.colour.items():
            setattr(video.codec_context, name, value)
        if self.matrix is not None:
            video.set_display_matrix(self.matrix)
        return video

    def _video_packets(self, video: Any) -> list[Any]:
        import av

        packets = []
        for index, stamp in enumerate(self.stamps()):
            frame = av.VideoFrame.from_ndarray(self.rgb(index), format="rgb24").reformat(
                format=self.pix_fmt,
                dst_colorspace=self.colour.get("colorspace", 5),
                dst_color_range=self.colour.get("color_range", 1),
            )
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            packets += video.encode(frame)
        return packets + video.encode(None)

    def _add_sound(self, out: Any) -> Any:
        return None if self.sound is None else out.add_stream(self.sound, rate=SOUND_RATE)

    def _sound_packets(self, sound: Any) -> list[Any]:
        import av

        stamps = self.stamps()
        seconds = (stamps[-1] + 40) / 1000
        wave = np.sin(2 * np.pi * 440 * np.arange(int(seconds * SOUND_RATE)) / SOUND_RATE)
        tone = np.repeat((wave * 8000).astype(np.int16), 2)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = SOUND_RATE, 0
        frame.time_base = Fraction(1, SOUND_RATE)
        packets = []
        resampler = av.AudioResampler(sound.format.name, "stereo", SOUND_RATE, sound.frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            packets += sound.encode(piece)
        return packets + sound.encode(None)


def _chapter(number: int, start: int, end: int, title: str) -> dict[str, Any]:
    base = Fraction(1, 1000)
    return {
        "id": number,
        "start": start,
        "end": end,
        "time_base": base,
        "metadata": {"title": title},
    }


def _subtitle(stream: Any, start: int, end: int, text: str) -> Any:
    import av

    packet = av.Packet(text.encode())
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = start
    packet.duration = end - start
    return packet


@pytest.fixture(scope="session")
def clip() -> type[Clip]:
    """The maker of test videos: ``clip(size=(64, 48), sound="aac").save(path)``."""
    return Clip
