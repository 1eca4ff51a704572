from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from ecgan.engine.errors import OptionError, OutputError
from ecgan.engine.media.display import Orientation
from ecgan.engine.media.planes import paint_frame
from ecgan.engine.media.reader import VideoReader
from ecgan.engine.media.trim import parse_cut
from ecgan.engine.media.verify import Expected, verify_video
from ecgan.engine.media.writer import VideoWriter, check_encoding
from ecgan.engine.types import Patch

VARIABLE = [0, 40, 90, 100, 180, 181, 300, 410, 500, 777]
ONE = 65536
TURNED = (0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30)
MIRRORED = (-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)


def _patch() -> Patch:
    """Paint with a soft border over part of a small picture, in upright coordinates."""
    alpha = np.zeros((16, 20), np.float32)
    alpha[2:14, 3:17] = 0.5
    alpha[4:12, 5:15] = 1
    return Patch(9, 7, np.full((16, 20, 3), (250, 20, 30), np.float32), alpha)


def _rewrite(
    source: Path,
    target: Path,
    patches: list[Patch] | None = None,
    *,
    crf: int = 18,
    mark: str | None = None,
) -> list[str]:
    """Read, paint, write; returns the writer's notes."""
    with (
        VideoReader(source) as reader,
        VideoWriter(
            target, reader.info, crf=crf, preset="veryfast", copies=reader.copies, mark=mark
        ) as writer,
    ):
        for chunk in reader:
            for packet in chunk.packets:
                writer.copy(packet)
            if chunk.picture is not None:
                paint_frame(chunk.picture.frame, patches or [], reader.info.orientation)
                writer.write(chunk.picture.frame)
        writer.finish()
        return writer.notes


def _samples(path: Path) -> list[list[np.ndarray]]:
    """Decoded planes of each picture."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = []
            for index, plane in enumerate(frame.planes):
                dtype = np.uint8 if frame.format.components[index].bits == 8 else np.uint16
                rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
                planes.append(rows[:, : plane.width].copy())
            found.append(planes)
    return found


def _packets(path: Path, kind: str) -> list[tuple[bytes, float]]:
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [
            (bytes(packet), float(packet.pts * packet.time_base))
            for packet in container.demux(streams)
            if packet.size
        ]


# --- samples -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pix_fmt", "size"),
    [
        ("yuv420p", (64, 48)),
        ("yuv420p10le", (64, 48)),
        ("yuv444p", (65, 49)),
        ("yuv422p10le", (64, 49)),
    ],
)
@pytest.mark.parametrize("matrix", [None, TURNED, MIRRORED])
def test_lossless_output_differs_only_where_it_was_painted(
    clip: Callable[..., Any],
    tmp_path: Path,
    pix_fmt: str,
    size: tuple[int, int],
    matrix: tuple[int, ...] | None,
) -> None:
    codec = "libx264" if size[1] % 2 == 0 or "444" in pix_fmt else "ffv1"
    options = {"preset": "ultrafast", "crf": "20"} if codec == "libx264" else {}
    source = clip(
        pix_fmt=pix_fmt, size=size, matrix=matrix, times=[0, 40, 80], codec=codec, options=options
    ).save(tmp_path / "a.mkv")
    patch = _patch()
    _rewrite(source, tmp_path / "b.mkv", [patch], crf=0)
    orientation = Orientation.from_matrix(matrix)
    wide, tall = orientation.upright_size(*size)
    painted = np.zeros((tall, wide), bool)
    rows, columns = patch.alpha.shape
    painted[patch.y : patch.y + rows, patch.x : patch.x + columns] = patch.alpha > 0
    painted = orientation.stored(painted)
    old, new = _samples(source), _samples(tmp_path / "b.mkv")
    assert len(old) == len(new) == 3
    for before, after in zip(old, new, strict=True):
        for index, (was, now) in enumerate(zip(before, after, strict=True)):
            cells = _cells(painted, was.shape)
            np.testing.assert_array_equal(now[~cells], was[~cells])
            if index == 0:
                assert (now[cells] != was[cells]).mean() > 0.8


def _cells(painted: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Samples of a plane that a painted luma sample belongs to."""
    step_y, step_x = -(-painted.shape[0] // shape[0]), -(-painted.shape[1] // shape[1])
    y, x = np.nonzero(painted)
    cells = np.zeros(shape, bool)
    cells[y // step_y, x // step_x] = True
    return cells


def test_unpainted_pictures_survive_lossless_coding_bit_for_bit(
    clip: Callable[..., Any], tmp_path: Path
) -> None:
    source = clip(times=VARIABLE).save(tmp_path / "a.mp4")
    _rewrite(source, tmp_path / "b.mp4", crf=0)
    for before, after in zip(_samples(source), _samples(tmp_path / "b.mp4"), strict=True):
        for was, now in zip(before, after, strict=True):
            np.testing.assert_array_equal(now, was)


def test_opencv_reads_the_same_pictures(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=(320, 240)).save(tmp_path / "a.mp4")
    _rewrite(source, tmp_path / "b.mp4")
    for path in (source, tmp_path / "b.mp4"):
        capture = cv2.VideoCapture(str(path))
        count = 0
        while (read := capture.read())[0]:
            picture, count = read[1], count + 1
        capture.release()
        assert count == 25
        expected = clip(size=(320, 240)).rgb(24)[..., ::-1]
        assert np.abs(picture.astype(int) - expected).mean() < 4


# --- time, turn, colour, tags ------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_time_stamps_survive(clip: Callable[..., Any], tmp_path: Path, suffix: str) -> None:
    source = clip(times=VARIABLE).save(tmp_path / "a.mkv")
    target = tmp_path / f"b{suffix}"
    _rewrite(source, target)
    with av.open(str(target)) as container:
        stamps = [frame.pts * frame.time_base * 1000 for frame in container.decode(video=0)]
    assert stamps == VARIABLE


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("matrix", [TURNED, MIRRORED])
def test_turn_survives(
    clip: Callable[..., Any], tmp_path: Path, suffix: str, matrix: tuple[int, ...]
) -> None:
    source = clip(matrix=matrix, times=[0, 40]).save(tmp_path / f"a{suffix}")
    _rewrite(source, tmp_path / f"b{suffix}")
    with VideoReader(tmp_path / f"b{suffix}") as reader:
        assert reader.info.matrix == matrix


@pytest.mark.parametrize(
    ("pix_fmt", "colour"),
    [
        ("yuv420p10le", {"color_range": 1, "color_primaries": 9, "color_trc": 16, "colorspace": 9}),
        ("yuv420p10le", {"color_range": 1, "color_primaries": 9, "color_trc": 18, "colorspace": 9}),
        ("yuv420p", {"color_range": 2, "color_primaries": 1, "color_trc": 13, "colorspace": 1}),
        ("yuv420p", {"color_range": 1, "color_primaries": 6, "color_trc": 6, "colorspace": 6}),
    ],
)
def test_colour_tags_and_depth_survive(
    clip: Callable[..., Any], tmp_path: Path, pix_fmt: str, colour: dict[str, int]
) -> None:
    source = clip(pix_fmt=pix_fmt, colour=colour, times=[0, 40]).save(tmp_path / "a.mp4")
    _rewrite(source, tmp_path / "b.mp4", [_patch()])
    with av.open(str(tmp_path / "b.mp4")) as container:
        frame = next(container.decode(video=0))
        assert {key: int(getattr(frame, key)) for key in colour} == colour
        assert frame.format.name == pix_fmt or colour["color_range"] == 2
        assert container.streams.video[0].codec_context.name == "h264"


def test_pixel_shape_survives(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(times=[0, 40]).save(tmp_path / "a.mp4")
    with VideoReader(source) as reader:
        info = replace(reader.info, aspect=Fraction(64, 45))
        with VideoWriter(tmp_path / "b.mp4", info, crf=18, preset="veryfast") as writer:
            for chunk in reader:
                if chunk.picture is not None:
                    writer.write(chunk.picture.frame)
            writer.finish()
    with VideoReader(tmp_path / "b.mp4") as reader:
        assert reader.info.aspect == Fraction(64, 45)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_tags_chapters_and_mark_survive(
    clip: Callable[..., Any], tmp_path: Path, suffix: str
) -> None:
    source = clip(
        tags={"title": "Übung", "comment": "by me"},
        chapters=[(0, 500, "one"), (500, 1000, "two")],
    ).save(tmp_path / f"a{suffix}")
    _rewrite(source, tmp_path / f"b{suffix}", mark="made by a model")
    # a second pass neither piles marks up nor takes the chapter track for lost
    _rewrite(tmp_path / f"b{suffix}", tmp_path / f"c{suffix}", mark="made by a model")
    for path in (tmp_path / f"b{suffix}", tmp_path / f"c{suffix}"):
        with av.open(str(path)) as container:
            tags = {key.lower(): text for key, text in container.metadata.items()}
            titles = [chapter["metadata"]["title"] for chapter in container.chapters()]
        assert tags["title"] == "Übung"
        assert tags["comment"] == "by me\nmade by a model"
        assert suffix == ".mov" or tags["description"] == "made by a model"
        assert titles == ["one", "two"]
    with VideoReader(tmp_path / f"c{suffix}") as reader:
        assert reader.notes == []


def test_mp4_can_be_played_while_it_loads(clip: Callable[..., Any], tmp_path: Path) -> None:
    _rewrite(clip().save(tmp_path / "a.mkv"), tmp_path / "b.mp4")
    data = (tmp_path / "b.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


# --- copied streams ----------------------------------------------------------------------------


@pytest.mark.parametrize(("sound", "suffix"), [("aac", ".mp4"), ("libopus", ".mkv")])
@pytest.mark.parametrize("first", [False, True])
def test_sound_is_copied_bit_for_bit(
    clip: Callable[..., Any], tmp_path: Path, sound: str, suffix: str, first: bool
) -> None:
    source = clip(sound=sound, sound_first=first).save(tmp_path / f"a{suffix}")
    target = tmp_path / f"b{suffix}"
    assert _rewrite(source, target, [_patch()]) == []
    old, new = _packets(source, "audio"), _packets(target, "audio")
    assert [data for data, _ in new] == [data for data, _ in old]
    assert [time for _, time in new] == pytest.approx([time for _, time in old], abs=0.001)
    with av.open(str(target)) as container:
        kinds = [stream.type for stream in container.streams]
    assert kinds == (["audio", "video"] if first else ["video", "audio"])


def test_subtitles_are_copied_into_matroska(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(sound="aac", subtitles=[(100, 500, "one"), (520, 900, "zwei ä")])
    source = source.save(tmp_path / "a.mkv")
    assert _rewrite(source, tmp_path / "b.mkv") == []
    assert _packets(tmp_path / "b.mkv", "subtitle") == _packets(source, "subtitle")


def test_sound_that_only_the_header_refuses_is_said(
    clip: Callable[..., Any], tmp_path: Path
) -> None:
    source = clip(sound="libopus", times=[0, 40]).save(tmp_path / "a.mkv")
    notes = _rewrite(source, tmp_path / "b.mov")
    assert [".mkv" in note and "opus" in note for note in notes] == [True]
    assert len(_samples(tmp_path / "b.mov")) == 2


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_part_without_sound_is_written(
    clip: Callable[..., Any], tmp_path: Path, suffix: str
) -> None:
    """The container may drop a track in which nothing lies; that is no fault of the output."""
    source = clip(sound="aac").save(tmp_path / f"a{suffix}")
    with (
        VideoReader(source, parse_cut("0.6", None)) as reader,
        VideoWriter(
            tmp_path / f"b{suffix}", reader.info, crf=18, preset="fast", copies=reader.copies
        ) as writer,
    ):
        for chunk in reader:
            if chunk.picture is not None:
                writer.write(chunk.picture.frame)
        writer.finish()
    assert len(_samples(tmp_path / f"b{suffix}")) == 10


def test_stream_the_container_refuses_is_said(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(sound="aac", subtitles=[(100, 500, "one")]).save(tmp_path / "a.mkv")
    notes = _rewrite(source, tmp_path / "b.mp4")
    assert len(notes) == 1
    assert "subtitle" in notes[0]
    assert ".mkv" in notes[0]
    assert len(_packets(tmp_path / "b.mp4", "audio")) == len(_packets(source, "audio"))


# --- what goes wrong ---------------------------------------------------------------------------


def test_check_encoding_refuses_what_cannot_be_made() -> None:
    check_encoding(Path("a.MKV"), 0, "medium")
    with pytest.raises(OptionError, match=r"cannot hold H\.264") as caught:
        check_encoding(Path("a.webm"), 18, "veryfast")
    assert caught.value.hint == "-o a.mkv"
    with pytest.raises(OptionError, match="crf '52'"):
        check_encoding(Path("a.mp4"), 52, "veryfast")
    with pytest.raises(OptionError, match="preset 'quick'"):
        check_encoding(Path("a.mp4"), 18, "quick")


def test_full_disk_is_one_clear_error(clip: Callable[..., Any], tmp_path: Path) -> None:
    """A limit on the size of files fails writes the way a full disk does."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (8, 240, 320, 3), np.uint8)
    source = clip(size=(320, 240), times=range(0, 320, 40), picture=lambda i: noise[i])
    source = source.save(tmp_path / "a.mkv")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        with pytest.raises(OutputError, match="disk full"):
            _rewrite(source, tmp_path / "b.mp4", crf=10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_interruption_leaves_nothing(
    clip: Callable[..., Any], tmp_path: Path, error: type[BaseException]
) -> None:
    source = clip().save(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes(b"old")

    def interrupted() -> None:
        with (
            VideoReader(source) as reader,
            VideoWriter(tmp_path / "b.mp4", reader.info, crf=18, preset="veryfast") as writer,
        ):
            for chunk in reader:
                if chunk.picture is not None:
                    writer.write(chunk.picture.frame)
                    if chunk.picture.index == 10:
                        raise error

    with pytest.raises(error):
        interrupted()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
    assert (tmp_path / "b.mp4").read_bytes() == b"old"


def test_unfinished_output_leaves_nothing(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip().save(tmp_path / "a.mp4")
    with (
        VideoReader(source) as reader,
        VideoWriter(tmp_path / "b.mp4", reader.info, crf=18, preset="veryfast") as writer,
    ):
        for chunk in reader:
            if chunk.picture is not None:
                writer.write(chunk.picture.frame)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_output_that_misses_a_picture_is_removed(
    clip: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clip().save(tmp_path / "a.mp4")
    true = VideoWriter.write

    def lossy(self: VideoWriter, frame: av.VideoFrame) -> None:
        if self.frames == 12:
            self._expected.frames += 1
            return
        true(self, frame)

    monkeypatch.setattr(VideoWriter, "write", lossy)
    with pytest.raises(OutputError, match="24 pictures, expected 25"):
        _rewrite(source, tmp_path / "b.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_verify_names_each_fault(clip: Callable[..., Any], tmp_path: Path) -> None:
    path = clip(sound="aac").save(tmp_path / "a.mp4")
    sound = len(_packets(path, "audio"))
    right = Expected(
        64,
        48,
        Orientation(),
        Counter(video=1, audio=1),
        25,
        Fraction(0),
        Fraction(24, 25),
        [sound],
    )
    verify_video(path, "a.mp4", right)
    wrong = {
        "24 pictures": replace(right, frames=26),
        "span of 0.960": replace(right, last=Fraction(1)),
        "streams 1 audio": replace(right, streams=Counter(video=1, audio=2)),
        "pictures of 64x48": replace(right, width=66),
        "turn of the picture": replace(right, orientation=Orientation(1)),
        "sound packets": replace(right, packets=[sound + 1]),
    }
    for told, expected in wrong.items():
        with pytest.raises(OutputError, match=told.replace("24 pictures", "25 pictures")):
            verify_video(path, "a.mp4", expected)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(OutputError, match="cannot be read again"):
        verify_video(path, "a.mp4", right)


def test_folder_that_cannot_be_written(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(times=[0, 40]).save(tmp_path / "a.mp4")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        _rewrite(source, tmp_path / "file" / "b.mp4")
