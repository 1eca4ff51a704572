from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from ecgan.engine.errors import InputError, MediaError, OptionError
from ecgan.engine.media.planes import paint_frame
from ecgan.engine.media.reader import VideoReader
from ecgan.engine.media.trim import parse_cut
from ecgan.engine.media.video_types import Picture, VideoInfo
from ecgan.engine.types import Patch

VARIABLE = [0, 40, 90, 100, 180, 181, 300, 410, 500, 777]
ONE = 65536
MATRICES = {
    0: (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30),
    90: (0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30),
    180: (-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30),
    270: (0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30),
}


@dataclass
class Read:
    """What came out of a reader; packets as values, since theirs go with the file."""

    pictures: list[Picture]
    packets: list[tuple[str, float, float, bytes]]
    kinds: list[str]
    notes: list[str]
    info: VideoInfo

    def of_kind(self, kind: str) -> list[tuple[float, float, bytes]]:
        return [packet[1:] for packet in self.packets if packet[0] == kind]


def _read(path: Path, start: str | None = None, end: str | None = None) -> Read:
    pictures, packets = [], []
    with VideoReader(path, parse_cut(start, end)) as reader:
        for chunk in reader:
            if chunk.picture is not None:
                pictures.append(chunk.picture)
            for packet in chunk.packets:
                begin, length = (float(t * packet.time_base) for t in (packet.pts, packet.duration))
                packets.append((packet.stream.type, begin, length, bytes(packet)))
        kinds = [stream.type for stream in reader.copies]
        return Read(pictures, packets, kinds, reader.notes, reader.info)


def _luma(picture: Picture) -> np.ndarray:
    plane = picture.frame.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width].copy()


def _payloads(path: Path, kind: str) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in container.demux(streams)
            if packet.size
        ]


# --- pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_keeps_every_time_stamp(clip: Callable[..., Any], tmp_path: Path, suffix: str) -> None:
    path = clip(times=VARIABLE).save(tmp_path / f"a{suffix}")
    read = _read(path)
    pictures = read.pictures
    stamps = [picture.frame.pts * picture.frame.time_base * 1000 for picture in pictures]
    assert stamps == VARIABLE
    assert [picture.time_s for picture in pictures] == pytest.approx(np.array(VARIABLE) / 1000)
    assert [picture.index for picture in pictures] == list(range(10))
    assert read.notes == []


@pytest.mark.parametrize("angle", MATRICES)
def test_turns_pictures_upright_once(clip: Callable[..., Any], tmp_path: Path, angle: int) -> None:
    """OpenCV's reader turns by itself, so it is an independent witness."""
    path = clip(matrix=MATRICES[angle]).save(tmp_path / "a.mp4")
    read = _read(path)
    pictures = read.pictures
    assert read.info.upright_size == ((64, 48) if angle % 180 == 0 else (48, 64))
    capture = cv2.VideoCapture(str(path))
    _, theirs = capture.read()
    capture.release()
    ours = pictures[0].rgb
    assert ours.shape == theirs.shape
    # both convert from 4:2:0 in their own way: only edges of colour differ by more
    assert np.abs(ours.astype(int) - theirs[..., ::-1]).mean() < 3


def test_turns_mirrored_pictures(clip: Callable[..., Any], tmp_path: Path) -> None:
    plain = _read(clip().save(tmp_path / "a.mp4")).pictures
    matrix = (-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)
    read = _read(clip(matrix=matrix).save(tmp_path / "b.mp4"))
    assert read.info.orientation.mirrored
    np.testing.assert_array_equal(read.pictures[3].rgb, plain[3].rgb[:, ::-1])


@pytest.mark.parametrize(
    ("pix_fmt", "size", "codec", "expected"),
    [
        ("yuv420p10le", (64, 48), "libx264", "yuv420p10le"),
        ("yuv444p", (65, 49), "libx264", "yuv444p"),
        ("yuvj420p", (64, 48), "mjpeg", "yuvj420p"),
        ("yuv420p", (65, 49), "libvpx-vp9", "yuv444p"),
        ("yuv422p10le", (64, 48), "prores_ks", "yuv422p10le"),
        ("rgb24", (64, 48), "libx264rgb", "yuv444p"),
        ("gray", (64, 48), "ffv1", "gray"),
        ("yuv420p", (64, 48), "libsvtav1", "yuv420p"),
    ],
)
def test_delivers_pixel_formats_that_can_be_encoded(
    clip: Callable[..., Any],
    tmp_path: Path,
    pix_fmt: str,
    size: tuple[int, int],
    codec: str,
    expected: str,
) -> None:
    source = clip(pix_fmt=pix_fmt, size=size, codec=codec, options={}, times=[0, 40, 80])
    read = _read(source.save(tmp_path / "a.mkv"))
    pictures = read.pictures
    assert read.info.pix_fmt == pictures[0].frame.format.name == expected
    assert (read.info.width, read.info.height) == size
    assert any("converted" in note for note in read.notes) == (pix_fmt != expected)
    # the middle of the bright corner, which no coder or conversion moves by more than this
    corner = pictures[0].rgb[4:8, 4:8].reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(corner, 240, atol=8)
    if pix_fmt != "gray":
        np.testing.assert_allclose(pictures[0].rgb[40:44, 4:8].mean(axis=(0, 1))[2], 110, atol=12)


@pytest.mark.parametrize(("space", "span"), [(1, 1), (5, 1), (9, 1), (1, 2)])
def test_view_honours_colour_tags(
    clip: Callable[..., Any], tmp_path: Path, space: int, span: int
) -> None:
    flat = np.full((48, 64, 3), (200, 40, 60), np.uint8)
    source = clip(
        colour={"colorspace": space, "color_range": span}, picture=lambda _: flat, times=[0, 40]
    )
    read = _read(source.save(tmp_path / "a.mp4"))
    pictures = read.pictures
    assert (read.info.colour["colorspace"], read.info.colour["color_range"]) == (space, span)
    np.testing.assert_allclose(pictures[0].rgb.mean(axis=(0, 1)), (200, 40, 60), atol=4)


def test_hdr_is_said(clip: Callable[..., Any], tmp_path: Path) -> None:
    colour = {"color_trc": 16, "color_primaries": 9, "colorspace": 9, "color_range": 1}
    path = clip(pix_fmt="yuv420p10le", colour=colour, times=[0, 40]).save(tmp_path / "a.mp4")
    read = _read(path)
    assert {key: read.info.colour[key] for key in colour} == colour
    assert any("HDR (PQ)" in note for note in read.notes)


def test_hdr_data_that_is_lost_is_said(clip: Callable[..., Any], tmp_path: Path) -> None:
    light = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    options = {"preset": "ultrafast", "x264-params": f"mastering-display={light}"}
    path = clip(pix_fmt="yuv420p10le", options=options, times=[0, 40]).save(tmp_path / "a.mkv")
    assert any("mastering display" in note for note in _read(path).notes)


def test_painting_a_picture_does_not_harm_later_ones(
    clip: Callable[..., Any], tmp_path: Path
) -> None:
    """The decoder still needs its pictures as references while we write into ours."""
    path = clip().save(tmp_path / "a.mp4")
    untouched = [_luma(picture) for picture in _read(path).pictures]
    black = Patch(0, 0, np.zeros((48, 64, 3), np.float32), np.ones((48, 64), np.float32))
    with VideoReader(path) as reader:
        for chunk in reader:
            if (picture := chunk.picture) is None:
                continue
            np.testing.assert_array_equal(_luma(picture), untouched[picture.index])
            paint_frame(picture.frame, [black], reader.info.orientation)


# --- streams and parts -------------------------------------------------------------------------


def test_chooses_streams_by_type(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(sound="libopus", sound_first=True, subtitles=[(100, 500, "hello")])
    path = source.save(tmp_path / "a.mkv")
    read = _read(path)
    pictures = read.pictures
    assert len(pictures) == 25
    assert read.info.index == 1
    assert read.kinds == ["audio", "subtitle"]
    expected = _payloads(path, "audio")
    assert [data for _, _, data in read.of_kind("audio")] == [data for _, data in expected]
    assert [data for _, _, data in read.of_kind("subtitle")] == [b"hello"]


def test_cover_art_is_no_video(clip: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=48_000)
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        out.mux(cover.encode(av.VideoFrame(64, 48, "yuvj420p")))
        tone = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        tone.sample_rate = 48_000
        out.mux(sound.encode(tone))
        out.mux(sound.encode(None))
        out.mux(cover.encode(None))
    with pytest.raises(MediaError, match="no video stream"):
        VideoReader(path)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("10f", "20f", range(10, 20)),
        ("0.4", "0.8", range(10, 20)),
        (None, "5f", range(5)),
        ("20f", None, range(20, 25)),
        ("0:00.9", "99f", range(23, 25)),
        ("0.41", "0.42f".removesuffix("f"), []),
    ],
)
def test_cuts_to_the_picture(
    clip: Callable[..., Any],
    tmp_path: Path,
    start: str | None,
    end: str | None,
    expected: range | list[int],
) -> None:
    path = clip().save(tmp_path / "a.mkv")
    if not expected:
        with pytest.raises(OptionError):
            _read(path, start, end)
        return
    whole = _read(path).pictures
    read = _read(path, start, end)
    part = read.pictures
    assert [picture.time_s for picture in part] == pytest.approx(
        [whole[i].time_s - whole[expected[0]].time_s for i in expected]
    )
    assert part[0].frame.pts == 0
    for ours, i in zip(part, expected, strict=True):
        np.testing.assert_array_equal(_luma(ours), _luma(whole[i]))
    assert read.notes == []


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_cut_finds_pictures_behind_a_seek(
    clip: Callable[..., Any], tmp_path: Path, suffix: str
) -> None:
    times = [40 * i for i in range(150)]
    options = {"preset": "ultrafast", "g": "20"}
    path = clip(times=times, options=options, sound="aac").save(tmp_path / f"a{suffix}")
    whole = _read(path).pictures
    read = _read(path, "3.3", "4")
    part = read.pictures
    assert len(part) == 17
    np.testing.assert_array_equal(_luma(part[0]), _luma(whole[83]))
    stamps = [time for time, _, _ in read.of_kind("audio")]
    assert min(stamps) >= 0
    assert max(stamps) < 4 - 83 * 0.04


def test_cut_keeps_sound_and_subtitles_in_step(clip: Callable[..., Any], tmp_path: Path) -> None:
    lines = [(0, 200, "gone"), (300, 600, "across"), (640, 700, "inside"), (750, 990, "to the end")]
    path = clip(sound="aac", subtitles=lines).save(tmp_path / "a.mkv")
    read = _read(path, "0.4", "0.8")
    whole = {data: time for time, data in _payloads(path, "audio")}
    sound = read.of_kind("audio")
    for time, _, data in sound:
        assert time == pytest.approx(whole[data] - 0.4, abs=1e-6)
        assert 0 <= time < 0.4
    assert len(sound) in (18, 19)  # 0.4 s hold 18.75 packets of 1024 samples
    text = [(round(1000 * t), round(1000 * d), data) for t, d, data in read.of_kind("subtitle")]
    assert text == [(0, 200, b"across"), (240, 60, b"inside"), (350, 50, b"to the end")]


def test_cut_clips_chapters(clip: Callable[..., Any], tmp_path: Path) -> None:
    chapters = [(0, 300, "a"), (300, 600, "b"), (600, 1000, "c")]
    path = clip(chapters=chapters).save(tmp_path / "a.mkv")
    read = _read(path, "0.4", "0.8")
    found = [
        (
            c["metadata"]["title"],
            float(c["start"] * c["time_base"]),
            float(c["end"] * c["time_base"]),
        )
        for c in read.info.chapters
    ]
    assert found == [("b", 0, pytest.approx(0.2)), ("c", pytest.approx(0.2), pytest.approx(0.4))]


def test_cut_behind_what_is_left_of_a_short_file_says_so(
    clip: Callable[..., Any], tmp_path: Path
) -> None:
    whole = clip().save(tmp_path / "a.mkv")
    cut = tmp_path / "b.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(OptionError, match=r"lasts 1\.00 s by its header but is cut short"):
        VideoReader(cut, parse_cut("0.9", None))


@pytest.mark.parametrize(("start", "end"), [("2", None), ("25f", None), ("500f", "600f")])
def test_cut_behind_the_end_is_refused(
    clip: Callable[..., Any], tmp_path: Path, start: str, end: str | None
) -> None:
    path = clip().save(tmp_path / "a.mp4")
    with pytest.raises(OptionError, match="behind the end of the video"):
        _read(path, start, end)


def test_transport_stream_starts_at_zero_together(clip: Callable[..., Any], tmp_path: Path) -> None:
    """Its clock starts anywhere; the distance of sound and picture is what counts."""
    path = clip(sound="aac").save(tmp_path / "a.ts")
    with av.open(str(path)) as container:
        offset = container.streams.video[0].start_time - container.streams.audio[0].start_time
        apart = float(offset * container.streams.video[0].time_base)
    read = _read(path)
    pictures = read.pictures
    first = float(pictures[0].frame.pts * pictures[0].frame.time_base)
    sound = read.packets[0][1]
    assert min(first, sound) == pytest.approx(0, abs=0.001)
    assert first - sound == pytest.approx(apart, abs=0.001)


# --- broken files ------------------------------------------------------------------------------


def test_truncated_matroska_is_read_as_far_as_it_goes(
    clip: Callable[..., Any], tmp_path: Path
) -> None:
    path = clip(times=[40 * i for i in range(50)]).save(tmp_path / "a.mkv")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    read = _read(path)
    pictures = read.pictures
    assert 5 < len(pictures) < 45
    assert any("ends early" in note for note in read.notes)


def test_truncated_mp4_with_its_index_in_front(clip: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    plain = clip(times=[40 * i for i in range(50)]).save(tmp_path / "b.mkv")
    with (
        av.open(str(plain)) as source,
        av.open(str(path), "w", container_options={"movflags": "+faststart"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.dts = packet.pts if packet.dts is None else packet.dts
                packet.stream = stream
                out.mux(packet)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    read = _read(path)
    pictures = read.pictures
    assert 5 < len(pictures) < 45
    assert any(f"{len(pictures)} of 50 pictures" in note for note in read.notes)


def test_truncated_mp4_without_its_index(clip: Callable[..., Any], tmp_path: Path) -> None:
    path = clip().save(tmp_path / "a.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match=r"a\.mp4") as caught:
        VideoReader(path)
    assert caught.value.hint is not None


@pytest.mark.parametrize("content", [b"", b"just some text\n" * 50])
def test_no_video_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        VideoReader(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file"):
        VideoReader(tmp_path / "none.mp4")


def test_sound_without_video(clip: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=48_000)
        tone = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        tone.sample_rate = 48_000
        out.mux(stream.encode(tone))
        out.mux(stream.encode(None))
    with pytest.raises(MediaError, match="no video stream; it holds audio"):
        VideoReader(path)


def test_pictures_that_cannot_be_decoded(clip: Callable[..., Any], tmp_path: Path) -> None:
    path = clip(size=(64, 48), codec="libvpx-vp9", options={}).save(tmp_path / "a.mp4")
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[begin:end] = np.random.default_rng(0).integers(0, 256, end - begin, np.uint8).tobytes()
    path.write_bytes(bytes(data))
    with pytest.raises(MediaError, match=r"no picture of .* can be decoded"):
        VideoReader(path)


def test_names_with_spaces_umlauts_cjk_and_colons(clip: Callable[..., Any], tmp_path: Path) -> None:
    path = clip(times=[0, 40]).save(tmp_path / "a.mp4").rename(tmp_path / "12:30 Übung 视频.mp4")
    assert len(_read(path).pictures) == 2


def test_expected_number_of_pictures(clip: Callable[..., Any], tmp_path: Path) -> None:
    mp4 = clip().save(tmp_path / "a.mp4")
    mkv = clip().save(tmp_path / "a.mkv")
    assert _read(mp4).info.frames == 25
    assert _read(mkv).info.frames == 25  # from length and rate: no count is stored
    assert _read(mp4, "0.2", "0.6").info.frames == 10
    assert _read(mp4).info.rate == Fraction(25)
