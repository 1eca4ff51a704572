"""The whole way of a picture and of a video on the stand-in, held against ONNX Runtime bit for bit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ecgan.engine.backends import tensorrt
from ecgan.engine.errors import EcganError, OptionError
from ecgan.engine.jobs.faces import VideoFaces
from ecgan.engine.jobs.report import FileReport, UnmaskOptions
from ecgan.engine.jobs.stages import Stages
from ecgan.engine.jobs.video import unmask_video
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import F32, U8

from .stand_in import StandIn

ROOT = Path(__file__).resolve().parents[3]
FRAMES = 7
Open = Callable[..., Unmasker]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A machine with a GPU."""
    here = StandIn(tmp_path / "engines")
    platform = here.platform()
    monkeypatch.setattr(tensorrt, "find_platform", lambda index, library: platform)
    return here


@pytest.fixture
def opened(model_folder: Path) -> Iterator[Open]:
    """Open an ``Unmasker`` on the tiny networks, closed at the end."""
    made: list[Unmasker] = []

    def opened(backend: str = "onnxruntime", **options: Any) -> Unmasker:
        made.append(Unmasker(models=model_folder, backend=backend, threads=1, **options))
        return made[-1]

    yield opened
    for unmasker in made:
        unmasker.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / "examples" / "astronaut_masked.mp4", tmp_path / "clip.mp4"))


def pictures(path: Path) -> list[U8]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_photos_are_those_of_onnx_runtime(here: StandIn, opened: Open, masked_photo: U8) -> None:
    reference, ours = opened(), opened("tensorrt")
    wanted = {name: reference.unmask(masked_photo, name).image for name in ("happy", "sad")}
    for name in ("happy", "sad", "happy", "happy"):
        np.testing.assert_array_equal(ours.unmask(masked_photo, name).image, wanted[name])
    assert (ours.describe()["backend"], ours.describe()["device"]) == ("tensorrt", "cuda:0")
    ours.close()
    assert here.is_clean
    np.testing.assert_array_equal(ours.unmask(masked_photo, "sad").image, wanted["sad"])


def test_a_crop_goes_up_once(
    here: StandIn, opened: Open, masked_photo: U8, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For segmenter and generator, and for a second expression of the same picture."""
    unmasker = opened("tensorrt")
    list(unmasker.unmask_each(masked_photo, ["happy"]))
    sizes: list[int] = []
    upload = here.device.upload

    def counted(target: int, source: Any, start: int, size: int, stream: int) -> None:
        sizes.append(size)
        upload(target, source, start, size, stream)

    monkeypatch.setattr(here.device, "upload", counted)
    assert len(list(unmasker.unmask_each(masked_photo, ["happy", "sad", "auto"]))) == 3
    assert sorted(sizes) == sorted([256 * 256 * 3] + [256 * 256, 7 * 4] * 3)


@pytest.mark.parametrize(
    ("backend", "batch"), [("onnxruntime", 3), ("tensorrt", 1), ("tensorrt", 3)]
)
def test_videos_are_the_same_whatever_the_batch(
    backend: str, batch: int, here: StandIn, opened: Open, clip: Path, tmp_path: Path
) -> None:
    options = UnmaskOptions(expression="happy", end=f"{FRAMES}f")
    one, other = tmp_path / "one.mp4", tmp_path / "other.mp4"
    wanted = unmask_video(opened(), clip, one, options)
    done: list[int] = []
    found = unmask_video(
        opened(backend, batch=batch), clip, other, options, lambda count, _: done.append(count)
    )
    assert wanted.frames_changed == found.frames_changed == FRAMES
    assert (found.faces, found.frames_masked, found.notes) == (
        wanted.faces,
        wanted.frames_masked,
        wanted.notes,
    )
    assert done == list(range(1, FRAMES + 1))
    np.testing.assert_array_equal(pictures(other), pictures(one))


@pytest.mark.parametrize("together", [2, 3, 4])
def test_a_zoom_that_a_mask_needs_holds_within_a_group(
    together: int, opened: Open, masked_photo: U8, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each picture begins at the zoom where the one before it ended, also of the same group."""

    dark = 3  # a picture without anything darker has a mask that hangs out of the crop

    def hanging(rows: list[U8]) -> F32:
        masks = np.zeros((len(rows), 256, 256), np.float32)
        for row, mask in zip(rows, masks, strict=True):
            mask[140 : 256 if row.min() >= dark else 230, 60:200] = 1
        return masks

    hangs, other = np.maximum(masked_photo, dark), np.maximum(masked_photo, dark)
    other[150:160, 220:230] = 0  # within the face
    unmasker = opened()
    monkeypatch.setattr(unmasker.segmenter, "masks", hanging)
    sizes: list[float] = []
    start = unmasker.start_generate

    def watched(crops: list[Any], weights: F32) -> Callable[[], U8]:
        sizes.extend(crop.zoom for crop in crops)
        return start(crops, weights)

    monkeypatch.setattr(unmasker, "start_generate", watched)

    def patches(group: int) -> list[bytes]:
        faces = VideoFaces(unmasker, UnmaskOptions(), None, FileReport(Path(), "video"), Stages({}))
        timed = [(frame, index / 25) for index, frame in enumerate((other, hangs, other, other))]
        found = []
        for begin in range(0, 4, group):
            found += faces.start(timed[begin : begin + group])()
        return [b"".join(patch.rgb.tobytes() for patch in each) for each in found]

    wanted, zooms = patches(1), sizes.copy()
    sizes.clear()
    assert patches(together) == wanted
    assert sizes == zooms
    assert zooms[0] == 1
    assert zooms[1] == zooms[2] == zooms[3] < 1


@pytest.mark.parametrize("at", [1, 4])
def test_a_video_that_is_stopped_leaves_nothing(
    at: int, here: StandIn, opened: Open, clip: Path, tmp_path: Path
) -> None:
    unmasker = opened("tensorrt", batch=2)

    def stop(done: int, total: int | None) -> None:
        if done == at:
            raise KeyboardInterrupt

    options = UnmaskOptions(end=f"{FRAMES}f")
    with pytest.raises(KeyboardInterrupt):
        unmask_video(unmasker, clip, tmp_path / "out.mp4", options, stop)
    assert not list(tmp_path.glob("*out*"))
    unmasker.close()
    assert here.is_clean


def test_a_video_on_a_gpu_that_fails_leaves_nothing(
    here: StandIn, opened: Open, clip: Path, tmp_path: Path
) -> None:
    unmasker = opened("tensorrt")
    here.device.failing["sync_event"] = 9
    with pytest.raises(EcganError, match="cuEventSynchronize"):
        unmask_video(unmasker, clip, tmp_path / "out.mp4", UnmaskOptions(end=f"{FRAMES}f"))
    assert not list(tmp_path.glob("*out*"))
    unmasker.close()
    assert here.is_clean


@pytest.mark.parametrize("batch", [0, 17])
def test_a_batch_that_models_do_not_promise_is_refused(batch: int, opened: Open) -> None:
    with pytest.raises(OptionError, match=f"batch '{batch}' is not in the range 1 to 16"):
        opened(batch=batch)


def test_a_batch_bounds_what_a_network_is_given(
    here: StandIn, opened: Open, masked_photo: U8
) -> None:
    unmasker = opened("tensorrt", batch=2)
    backend = unmasker.segmenter.backend
    counts: list[int] = []
    submit = backend._runner.submit

    def counted(feeds: Any, count: int) -> Any:
        counts.append(count)
        return submit(feeds, count)

    backend._runner.submit = counted
    crops = [np.full((256, 256, 3), value, np.uint8) for value in range(5)]
    assert unmasker.segmenter.masks(crops).shape == (5, 256, 256)
    assert counts == [2, 2, 1]
