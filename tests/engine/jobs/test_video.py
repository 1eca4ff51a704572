from __future__ import annotations

import resource
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from ecgan.engine.align import crop_matrix, invert
from ecgan.engine.errors import EcganError, InputError, MediaError, OptionError, OutputError
from ecgan.engine.jobs import faces, video
from ecgan.engine.jobs.report import FileReport, UnmaskOptions
from ecgan.engine.jobs.stages import Stages
from ecgan.engine.jobs.video import preview_video, unmask_video
from ecgan.engine.smoothing import LightSmoother
from ecgan.engine.temporal import TrackedFace
from ecgan.engine.types import F32, U8, Face, FaceCrop, Patch

if TYPE_CHECKING:
    from ecgan.engine.pipeline import Unmasker

pytestmark = pytest.mark.usefixtures("still_tracker")

SIZE = (160, 120)
SPOT = (50, 70, 40, 24)
"""x, y, width, height of what the stand-in paints for its first face."""


def _face(x: float, y: float, height: float = 60.0) -> Face:
    """A face whose box begins there; its landmarks lie as on an upright face."""
    width = height * 0.8
    marks = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    points = np.array([(x + u * width, y + v * height) for u, v in marks], np.float32)
    return Face(np.array([x, y, x + width, y + height], np.float32), 0.9, points)


@dataclass
class FakeUnmasker:
    """Stands in for the networks: known faces, a known mask, a flat rectangle as paint.

    Attributes:
        faces: What is found in every frame.
        covered: Frame number -> whether the segmenter sees a mask.
        seen: Weights of each call of ``start_generate``.
    """

    faces: list[Face] = field(default_factory=lambda: [_face(40, 30)])
    covered: Callable[[int], bool] = lambda _: True
    seen: list[F32] = field(default_factory=list)
    lights: list[list[LightSmoother]] = field(default_factory=list)
    calls: int = 0

    def __post_init__(self) -> None:
        self.detector = SimpleNamespace(name="fake", detect=self.detect)
        self.segmenter = SimpleNamespace(claims=lambda mask: float(mask.mean()) > 0.02)

    def detect(self, frame: U8, *, quick: bool = False) -> list[Face]:
        return list(self.faces)

    pictures_at_once = 1

    def crop_all(
        self, frames: list[U8], faces: list[Face], zooms: Sequence[float]
    ) -> list[FaceCrop]:
        mask = np.zeros((256, 256), np.float32)
        mask[140:240, 60:200] = float(self.covered(self.calls))
        self.calls += 1
        empty = np.zeros((256, 256, 3), np.uint8)
        return [FaceCrop(face, crop_matrix(face.landmarks), empty, mask) for face in faces]

    def start_generate(self, crops: list[FaceCrop], weights: F32) -> Callable[[], U8]:
        self.seen.append(weights)
        colours = [(40, 200, 40) if row.any() else (230, 30, 30) for row in weights]
        return lambda: np.array(colours, np.uint8)[:, None, None]

    def patches(
        self, frame: U8, crops: list[FaceCrop], painted: U8, lights: Sequence[LightSmoother]
    ) -> list[Patch]:
        self.lights.append(list(lights))
        x, y, width, height = SPOT
        patches = []
        for crop, colour in zip(crops, painted, strict=True):
            left = x + round(float(crop.face.bbox[0])) - 40
            rgb = np.broadcast_to(colour, (height, width, 3)).astype(np.float32)
            patches.append(Patch(left, y, rgb, np.ones((height, width), np.float32)))
        return patches


def _run(
    tmp_path: Path,
    source: Path,
    fake: Any = None,
    target: str = "out.mp4",
    progress: Any = None,
    **options: Any,
) -> FileReport:
    return unmask_video(
        fake or FakeUnmasker(), source, tmp_path / target, UnmaskOptions(**options), progress
    )


def _rgb(path: Path) -> list[U8]:
    """All pictures by OpenCV's reader, which turns them upright by itself."""
    capture = cv2.VideoCapture(str(path))
    pictures = []
    while (read := capture.read())[0]:
        pictures.append(np.ascontiguousarray(read[1][..., ::-1]))
    capture.release()
    return pictures


def _sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def _spot(picture: U8, shift: int = 0) -> np.ndarray:
    x, y, width, height = SPOT
    inner = picture[y + 4 : y + height - 4, x + shift + 4 : x + shift + width - 4]
    return inner.reshape(-1, 3).mean(axis=0)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class StillTracker:
    """Numbers faces left to right; the tests of a job need no motion."""

    def __init__(self, detector: Any) -> None:
        self._detector = detector
        self.is_cut = False

    def update(self, frame: U8, time_s: float) -> list[TrackedFace]:
        faces = sorted(self._detector.detect(frame), key=lambda face: float(face.bbox[0]))
        return [TrackedFace(number, face, 0) for number, face in enumerate(faces, 1)]


@pytest.fixture
def still_tracker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put it in the place of the real one, but for the test of the whole."""
    if "unmasker" in request.fixturenames:
        return
    monkeypatch.setattr(f"{faces.__name__}.FaceTracker", StillTracker)
    monkeypatch.setattr(f"{video.__name__}.FaceTracker", StillTracker)


def test_each_face_keeps_its_light_until_the_picture_is_cut() -> None:
    fake = FakeUnmasker()
    followed = faces.VideoFaces(
        fake, UnmaskOptions(), None, FileReport(Path(), "video"), Stages({})
    )
    frame = np.zeros((120, 160, 3), np.uint8)
    for index in range(3):
        followed._tracker.is_cut = index == 2
        followed.patches(frame, index / 25)
    first, second, after_cut = (lights[0] for lights in fake.lights)
    assert first is second
    assert after_cut is not second


# --- the result --------------------------------------------------------------------------------


def test_paints_every_frame_and_keeps_the_rest(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, sound="aac").save(tmp_path / "in.mp4")
    calls: list[tuple[int, int | None]] = []
    report = _run(tmp_path, source, progress=lambda done, total: calls.append((done, total)))
    before, after = _rgb(source), _rgb(tmp_path / "out.mp4")
    assert len(after) == 25
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(_spot(new), (230, 30, 30), atol=6)
        # coded again at crf 18: close to the input, not equal
        assert np.abs(old[:60].astype(int) - new[:60]).mean() < 2
    assert _sound(tmp_path / "out.mp4") == _sound(source)
    assert calls == [(i, 25) for i in range(1, 26)]
    assert (report.status, report.output) == ("written", tmp_path / "out.mp4")
    assert (report.faces, report.masked, report.changed, report.reasons) == (1, 1, 1, {})
    assert report.frames == report.frames_with_face == report.frames_masked == 25
    assert report.frames_changed == 25
    assert set(report.stages) == {
        "decode",
        "track",
        "segment",
        "generate",
        "composite",
        "encode",
        "verify",
    }
    assert report.seconds > 0
    assert report.notes == []
    assert _names(tmp_path) == ["in.mp4", "out.mp4"]


@pytest.mark.parametrize(
    "matrix",
    [
        (0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30),
        (-65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30),
        (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30),
    ],
)
def test_paints_in_upright_coordinates(
    clip: Callable[..., Any], tmp_path: Path, matrix: tuple[int, ...]
) -> None:
    stored = SIZE if matrix[0] else SIZE[::-1]
    source = clip(size=stored, matrix=matrix, times=[0, 40, 80]).save(tmp_path / "in.mp4")
    _run(tmp_path, source)
    for picture in _rgb(tmp_path / "out.mp4"):
        assert picture.shape == (120, 160, 3)
        np.testing.assert_allclose(_spot(picture), (230, 30, 30), atol=6)


def test_lossless_output_is_the_input_outside_the_paint(
    clip: Callable[..., Any], tmp_path: Path
) -> None:
    times = [0, 40, 90, 100, 210]
    source = clip(size=SIZE, times=times).save(tmp_path / "in.mkv")
    _run(tmp_path, source, target="out.mkv", crf=0)
    x, y, width, height = SPOT
    outside = np.ones((120, 160), bool)
    outside[y : y + height, x : x + width] = False
    with (
        av.open(str(source)) as first,
        av.open(str(tmp_path / "out.mkv")) as second,
    ):
        pairs = zip(first.decode(video=0), second.decode(video=0), strict=True)
        for (old, new), stamp in zip(pairs, times, strict=True):
            assert new.pts * new.time_base * 1000 == stamp
            was, now = old.to_ndarray(), new.to_ndarray()
            np.testing.assert_array_equal(now[:120][outside], was[:120][outside])
            chroma_outside = outside[::2, ::2]
            for plane in (0, 1):
                rows = slice(120 + 30 * plane, 150 + 30 * plane)
                old_plane = was[rows].reshape(60, 80)
                new_plane = now[rows].reshape(60, 80)
                np.testing.assert_array_equal(new_plane[chroma_outside], old_plane[chroma_outside])


def test_output_says_that_it_is_synthetic(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[0, 40]).save(tmp_path / "in.mp4")
    _run(tmp_path, source, expression="happy", face_expressions={1: "sad"})
    with av.open(str(tmp_path / "out.mp4")) as container:
        comment = container.metadata["comment"]
    assert "compositeWithTrainedAlgorithmicMedia" in comment
    assert "ecgan" in comment
    assert "happy, 1=sad" in comment
    report = _run(tmp_path, source, target="bare.mp4", provenance=False)
    with av.open(str(tmp_path / "bare.mp4")) as container:
        assert "comment" not in container.metadata
    assert any("--no-provenance" in note for note in report.notes)


def test_cut_with_sound(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, sound="aac").save(tmp_path / "in.mp4")
    report = _run(tmp_path, source, start="0.4", end="20f")
    assert report.frames == 10
    sound = _sound(tmp_path / "out.mp4")
    whole = _sound(source)
    assert sound == whole[whole.index(sound[0]) :][: len(sound)]
    assert 17 <= len(sound) <= 20


def test_mask_is_saved_as_a_video(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[0, 40, 90]).save(tmp_path / "in.mp4")
    report = _run(tmp_path, source, target="in.unmasked.mp4", save_mask=True)
    assert report.mask_output == tmp_path / "in.mask.mp4"
    pictures = _rgb(tmp_path / "in.mask.mp4")
    assert len(pictures) == 3
    np.testing.assert_allclose(_spot(pictures[1]), 255, atol=3)
    assert pictures[1][:40].max() <= 3


# --- which faces -------------------------------------------------------------------------------


def test_each_face_has_its_expression(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[0, 40, 80]).save(tmp_path / "in.mp4")
    fake = FakeUnmasker(faces=[_face(100, 30), _face(40, 30)])
    report = _run(tmp_path, source, fake, face_expressions={2: "happy"})
    for picture in _rgb(tmp_path / "out.mp4"):
        np.testing.assert_allclose(_spot(picture), (230, 30, 30), atol=8)
        np.testing.assert_allclose(_spot(picture, 60), (40, 200, 40), atol=8)
    assert (report.faces, report.changed) == (2, 2)


@pytest.mark.parametrize(("faces", "left", "right"), [("2", False, True), ("largest", True, False)])
def test_only_chosen_faces_are_changed(
    clip: Callable[..., Any], tmp_path: Path, faces: str, left: bool, right: bool
) -> None:
    source = clip(size=SIZE, times=[0, 40, 80]).save(tmp_path / "in.mp4")
    fake = FakeUnmasker(faces=[_face(40, 30, 64), _face(100, 30, 56)])
    report = _run(tmp_path, source, fake, faces=faces)
    picture = _rgb(tmp_path / "out.mp4")[1]
    assert bool(_spot(picture)[0] > 200) is left
    assert bool(_spot(picture, 60)[0] > 200) is right
    assert report.reasons == {"not selected": 1}


def test_small_faces_are_left_alone(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[0, 40]).save(tmp_path / "in.mp4")
    report = _run(tmp_path, source, min_face=70)
    assert report.status == "left alone"
    assert report.reasons == {"too small": 1}
    assert _names(tmp_path) == ["in.mp4"]


def test_number_that_never_comes_is_said(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[0, 40]).save(tmp_path / "in.mp4")
    report = _run(tmp_path, source, face_expressions={4: "sad"})
    assert any("face '4' was never seen" in note for note in report.notes)


def test_mask_that_flickers_does_not_flicker_in_the_result(
    clip: Callable[..., Any], tmp_path: Path
) -> None:
    source = clip(size=SIZE).save(tmp_path / "in.mp4")
    fake = FakeUnmasker(covered=lambda call: call < 3 or call % 5 != 0)
    report = _run(tmp_path, source, fake)
    assert report.frames_changed == 25


def test_mask_taken_off_is_let_go(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[40 * i for i in range(50)]).save(tmp_path / "in.mp4")
    report = _run(tmp_path, source, FakeUnmasker(covered=lambda call: call < 10))
    assert 10 <= report.frames_masked <= 35
    assert report.changed == 1


@pytest.mark.parametrize(
    ("fake", "faces", "reasons", "told"),
    [
        (FakeUnmasker(faces=[]), 0, {}, "since no face was found in 25 frames"),
        (
            FakeUnmasker(covered=lambda _: False),
            1,
            {"no mask": 1},
            "since nothing was painted in 25 frames",
        ),
    ],
)
def test_nothing_to_change_writes_nothing(
    clip: Callable[..., Any],
    tmp_path: Path,
    fake: FakeUnmasker,
    faces: int,
    reasons: dict[str, int],
    told: str,
) -> None:
    source = clip(size=SIZE, sound="aac").save(tmp_path / "in.mp4")
    report = _run(tmp_path, source, fake, save_mask=True)
    assert (report.status, report.output, report.mask_output) == ("left alone", None, None)
    assert (report.faces, report.changed, report.reasons) == (faces, 0, reasons)
    assert report.frames == 25
    assert any(told in note for note in report.notes)
    assert _names(tmp_path) == ["in.mp4"]


def test_mask_file_replaces_the_segmenter(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[0, 40]).save(tmp_path / "in.mp4")
    levels = np.zeros((120, 160), np.uint8)
    corners = np.array([[70, 150, 1], [190, 230, 1]], np.float32)
    (x0, y0), (x1, y1) = corners @ invert(crop_matrix(_face(40, 30).landmarks)).T
    levels[int(y0) : int(y1), int(x0) : int(x1)] = 255
    Image.fromarray(levels).save(tmp_path / "mask.png")
    fake = FakeUnmasker(covered=lambda _: False)
    report = _run(tmp_path, source, fake, mask=tmp_path / "mask.png")
    assert report.frames_changed == 2
    Image.fromarray(levels[1:]).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match="160 x 119"):
        _run(tmp_path, source, fake, target="b.mp4", mask=tmp_path / "mask.png")


# --- what goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "options", "told"),
    [
        ("out.mp4", {"expression": "all"}, "seven pictures side by side"),
        ("out.mp4", {"expression": "hapy"}, "unknown expression 'hapy'"),
        ("out.mp4", {"faces": "some"}, "unknown selection of faces"),
        ("out.mp4", {"faces": "1", "face_expressions": {2: "sad"}}, "face '2'"),
        ("out.mp4", {"crf": 99}, "crf '99'"),
        ("out.mp4", {"start": "1", "end": "0.5"}, "does not lie behind"),
        ("out.mp4", {"start": "9"}, "behind the end of the video"),
        ("out.webm", {}, "cannot hold"),
    ],
)
def test_wrong_options_are_refused_before_any_work(
    clip: Callable[..., Any], tmp_path: Path, target: str, options: dict[str, Any], told: str
) -> None:
    source = clip(size=SIZE, times=[0, 40]).save(tmp_path / "in.mp4")
    with pytest.raises(OptionError, match=told):
        _run(tmp_path, source, target=target, **options)
    assert _names(tmp_path) == ["in.mp4"]


def test_outputs_are_not_replaced_unasked(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[0, 40]).save(tmp_path / "in.mp4")
    before = source.read_bytes()
    with pytest.raises(OutputError, match="is the input"):
        _run(tmp_path, source, target="in.mp4", overwrite=True)
    (tmp_path / "out.mp4").write_bytes(b"old")
    with pytest.raises(OutputError, match="exists"):
        _run(tmp_path, source)
    _run(tmp_path, source, overwrite=True)
    assert len(_rgb(tmp_path / "out.mp4")) == 2
    assert source.read_bytes() == before


def test_broken_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no video at all")
    with pytest.raises(MediaError, match="cannot be read as a video"):
        _run(tmp_path, tmp_path / "in.mp4")
    assert _names(tmp_path) == ["in.mp4"]


def test_clip_that_ends_early_is_written_and_said(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[40 * i for i in range(50)]).save(tmp_path / "in.mkv")
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    report = _run(tmp_path, source)
    assert 5 < report.frames < 45
    assert report.frames == len(_rgb(tmp_path / "out.mp4"))
    assert any("ends early" in note for note in report.notes)


class Terminated(BaseException):
    """What a handler of SIGTERM raises."""


@contextmanager
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert not [thread.name for thread in left if thread.name.startswith(("decode", "encode"))]


@pytest.mark.parametrize("error", [KeyboardInterrupt, Terminated, EcganError("broken")])
def test_interruption_leaves_no_file_and_no_thread(
    clip: Callable[..., Any], tmp_path: Path, error: Any
) -> None:
    source = clip(size=SIZE, times=[40 * i for i in range(100)]).save(tmp_path / "in.mp4")

    def interrupt(done: int, _: int | None) -> None:
        if done == 12:
            raise error

    kind = error if isinstance(error, type) else type(error)
    with _no_thread_left(), pytest.raises(kind):
        _run(tmp_path, source, progress=interrupt, save_mask=True)
    assert _names(tmp_path) == ["in.mp4"]


def test_full_disk_ends_the_job_with_one_error(clip: Callable[..., Any], tmp_path: Path) -> None:
    """A limit on the size of files fails writes the way a full disk does."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 120, 160, 3), np.uint8)
    times = [40 * i for i in range(40)]
    source = clip(size=SIZE, times=times, picture=lambda i: noise[i]).save(tmp_path / "in.mkv")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with _no_thread_left(), pytest.raises(OutputError, match="disk full"):
            _run(tmp_path, source, crf=5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert _names(tmp_path) == ["in.mkv"]


# --- preview -----------------------------------------------------------------------------------


def test_preview_numbers_the_faces(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[0, 40, 80]).save(tmp_path / "in.mp4")
    fake: Any = FakeUnmasker(faces=[_face(100, 30), _face(40, 30)])
    report = preview_video(fake, source, tmp_path / "in.preview.png", UnmaskOptions())
    with Image.open(tmp_path / "in.preview.png") as still:
        assert (still.width / still.height) == pytest.approx(160 / 120)
        yellow = (np.asarray(still.convert("RGB")) == (255, 214, 0)).all(axis=2)
    assert yellow.sum() > 200
    assert (report.faces, report.frames, report.frames_with_face) == (2, 3, 3)
    assert report.output == tmp_path / "in.preview.png"


def test_preview_without_a_face_says_so(clip: Callable[..., Any], tmp_path: Path) -> None:
    source = clip(size=SIZE, times=[0, 40]).save(tmp_path / "in.mp4")
    fake: Any = FakeUnmasker(faces=[])
    report = preview_video(fake, source, tmp_path / "p.png", UnmaskOptions())
    assert any("no face was found" in note for note in report.notes)


# --- the whole ---------------------------------------------------------------------------------


def test_whole_pipeline_takes_the_mask_off_a_moving_face(
    clip: Callable[..., Any], tmp_path: Path, unmasker: Unmasker, masked_photo: U8
) -> None:
    height, width = (side // 2 * 2 for side in masked_photo.shape[:2])
    still = np.pad(masked_photo[:height, :width], ((0, 0), (0, 40), (0, 0)), mode="edge")

    def moved(index: int) -> U8:
        return np.ascontiguousarray(still[:, 2 * index : 2 * index + width])

    source = clip(
        size=(width, height), times=[40 * i for i in range(8)], picture=moved, sound="aac"
    ).save(tmp_path / "in.mp4")
    report = unmask_video(unmasker, source, tmp_path / "out.mp4", UnmaskOptions(expression="happy"))
    assert (report.faces, report.masked, report.changed) == (1, 1, 1)
    assert report.frames_changed == report.frames == 8
    for old, new in zip(_rgb(source), _rgb(tmp_path / "out.mp4"), strict=True):
        was_blue = old[..., 2].astype(int) - old[..., 0] > 60
        still_blue = new[..., 2].astype(int) - new[..., 0] > 60
        changed = np.abs(old.astype(int) - new).max(axis=2) > 40
        assert changed.sum() > 500
        assert (still_blue & changed).sum() < 0.2 * (was_blue & changed).sum()
