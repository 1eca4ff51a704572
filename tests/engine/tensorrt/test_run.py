"""The runtime on a stand-in whose streams run as late as they may, computed by ONNX Runtime."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.backends.tensorrt import TensorRtBackend, run_networks
from ecgan.engine.errors import (
    BackendUnavailable,
    EcganError,
    ModelMismatch,
    OptionError,
    OutOfMemory,
)
from ecgan.engine.tensorrt import fake_trt

from .stand_in import StandIn

Feeds = dict[str, np.ndarray]


def feeds(count: int, seed: int = 0) -> Feeds:
    rng = np.random.default_rng(seed)
    return {
        "crop": rng.integers(0, 256, (count, 256, 256, 3), dtype=np.uint8),
        "mask": rng.integers(0, 256, (count, 256, 256), dtype=np.uint8),
        "expression": rng.random((count, 7)).astype(np.float32),
    }


@pytest.fixture
def here(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path / "engines")


@pytest.fixture
def opened(here: StandIn, model_folder: Path) -> Callable[..., TensorRtBackend]:
    platform = here.platform()

    def opened(kind: str, **options: Any) -> TensorRtBackend:
        return TensorRtBackend(platform.open(model_folder / f"{kind}.onnx", **options), "cuda:0")

    return opened


@pytest.fixture(scope="module")
def reference(model_folder: Path) -> dict[str, OrtBackend]:
    return {
        kind: OrtBackend.open(model_folder / f"{kind}.onnx", device="cpu", threads=1)
        for kind in ("segmenter", "generator")
    }


@pytest.mark.parametrize(("flavour", "graphs"), [("rtx", True), ("rtx", False), ("tensorrt", True)])
def test_results_are_those_of_onnx_runtime(
    flavour: str,
    graphs: bool,
    tmp_path: Path,
    model_folder: Path,
    reference: dict[str, OrtBackend],
) -> None:
    here = StandIn(tmp_path, flavour)
    backend = TensorRtBackend(
        here.platform().open(model_folder / "generator.onnx", graphs=graphs), "cuda:0"
    )
    for seed, count in enumerate((1, 1, 1, 1, 1, 16, 2, 2, 2, 2, 1, 1, 1)):
        given = feeds(count, seed)
        (found,) = backend.run(given).values()
        (wanted,) = reference["generator"].run(given).values()
        np.testing.assert_array_equal(found, wanted)
    assert (here.device.live["graphs"] > 0) == graphs
    backend.close()
    assert here.is_clean


def test_batches_on_their_way_do_not_mix(
    opened: Callable[..., TensorRtBackend], reference: dict[str, OrtBackend]
) -> None:
    """Results are fetched in any order, inputs are changed at once, and a slot is used again."""
    backend = opened("generator")
    pending, wanted = [], []
    for seed in range(7):
        given = feeds(1 + seed % 3, seed)
        wanted.append(next(iter(reference["generator"].run(given).values())))
        pending.append(backend.submit(given))
        for array in given.values():
            array[...] = 7
    for index in (6, 0, 3, 5, 1, 2, 4):
        (found,) = pending[index].result().values()
        np.testing.assert_array_equal(found, wanted[index])
    first, again = (pending[0].result() for _ in range(2))
    assert first.keys() == again.keys() == {"painted"}


def test_upload_goes_on_while_the_batch_before_computes(
    here: StandIn, opened: Callable[..., TensorRtBackend]
) -> None:
    """The upload of the second batch is done although nothing of the first has been computed."""
    backend = opened("generator")
    session = backend._runner._session
    device, compute = here.device, session.compute
    first = backend.submit(feeds(1, 1))
    second = backend.submit(feeds(1, 2))
    before = len(device._queues[compute])
    with device.active():
        device.sync(session.upload)
    assert len(device._queues[compute]) == before > 0
    assert first.result().keys() == second.result().keys()


def test_nothing_is_allocated_once_it_runs(
    here: StandIn, opened: Callable[..., TensorRtBackend]
) -> None:
    backends = [opened("segmenter"), opened("generator")]

    def frame() -> None:
        given = feeds(2)
        for backend in backends:
            backend.run({name: given[name] for name in backend.inputs})

    for _ in range(4):
        frame()
    warm = dict(here.device.calls), dict(here.device.live)
    for _ in range(6):
        frame()
    changed = {
        name: (count, here.device.calls[name])
        for name, count in warm[0].items()
        if here.device.calls[name] != count and name != "sync_event"
    }
    assert not changed
    assert here.device.live == warm[1]


# --- what stays on the GPU ---------------------------------------------------------------------


def _uploads(here: StandIn, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the uploads from now on."""
    sizes: list[int] = []
    upload = here.device.upload

    def counted(target: int, source: Any, start: int, size: int, stream: int) -> None:
        sizes.append(size)
        upload(target, source, start, size, stream)

    monkeypatch.setattr(here.device, "upload", counted)
    return sizes


def _rows(crops: np.ndarray) -> list[np.ndarray]:
    rows = [crop.copy() for crop in crops]
    for row in rows:
        row.flags.writeable = False
    return rows


def test_crops_go_up_once_for_both_networks(
    here: StandIn,
    opened: Callable[..., TensorRtBackend],
    reference: dict[str, OrtBackend],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    segmenter, generator = opened("segmenter"), opened("generator")
    given = feeds(4)
    rows = _rows(given["crop"])
    segmenter.submit({"crop": rows}).result()
    sizes = _uploads(here, monkeypatch)
    new = _rows(feeds(1, 5)["crop"])
    mixed = [rows[2], new[0], rows[0]]
    rest = {name: given[name][:3] for name in ("mask", "expression")}
    (found,) = generator.submit({"crop": mixed, **rest}).result().values()
    (wanted,) = reference["generator"].run({"crop": np.stack(mixed), **rest}).values()
    np.testing.assert_array_equal(found, wanted)
    crop_bytes = 256 * 256 * 3
    assert sorted(sizes) == sorted([crop_bytes, 3 * 256 * 256, 3 * 7 * 4])


def test_a_crop_that_may_change_is_sent_again(
    opened: Callable[..., TensorRtBackend], reference: dict[str, OrtBackend]
) -> None:
    segmenter, generator = opened("segmenter"), opened("generator")
    given = feeds(1)
    row = given["crop"][0].copy()
    view = row[:]
    view.flags.writeable = False  # what it looks at can still change
    for crop in (row, view):
        segmenter.submit({"crop": [crop]}).result()
        row[...] = 255 - row
        rest = {name: given[name] for name in ("mask", "expression")}
        (found,) = generator.submit({"crop": [crop], **rest}).result().values()
        (wanted,) = reference["generator"].run({"crop": row[None], **rest}).values()
        np.testing.assert_array_equal(found, wanted)


def test_a_new_crop_is_not_taken_for_one_that_is_gone(
    opened: Callable[..., TensorRtBackend], reference: dict[str, OrtBackend]
) -> None:
    """More crops than are kept, each at the address and under the number of one before it."""
    segmenter = opened("segmenter")
    for seed in range(80):
        rows = _rows(feeds(1, seed)["crop"])
        (found,) = segmenter.submit({"crop": rows}).result().values()
        if seed % 8 == 0:
            (wanted,) = reference["segmenter"].run({"crop": np.stack(rows)}).values()
            np.testing.assert_array_equal(found, wanted)
        del rows


def test_networks_in_a_chain_send_each_crop_once_and_no_mask(
    here: StandIn,
    opened: Callable[..., TensorRtBackend],
    reference: dict[str, OrtBackend],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    segmenter, generator = opened("segmenter"), opened("generator")
    sizes = _uploads(here, monkeypatch)
    for seed in range(4):
        given = feeds(3, seed)
        crops, weights = {"crop": given["crop"]}, {"expression": given["expression"]}
        masks, painted = run_networks(segmenter, generator, {**crops, **weights})
        (mask,) = reference["segmenter"].run(crops).values()
        (wanted,) = reference["generator"].run({**crops, **weights, "mask": mask}).values()
        np.testing.assert_array_equal(*masks.values(), mask)
        np.testing.assert_array_equal(*painted.values(), wanted)
    assert sizes == [3 * 256 * 256 * 3, 3 * 7 * 4] * 4


# --- threads and ends --------------------------------------------------------------------------


def test_threads_get_their_own_results(
    here: StandIn, opened: Callable[..., TensorRtBackend], reference: dict[str, OrtBackend]
) -> None:
    backends = {kind: opened(kind) for kind in reference}

    def agrees(seed: int) -> bool:
        kind = ("segmenter", "generator")[seed % 2]
        given = feeds(1 + seed % 3, seed)
        own = {name: given[name] for name in backends[kind].inputs}
        (found,) = backends[kind].run(own).values()
        return np.array_equal(found, *reference[kind].run(own).values())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(agrees, range(24)))
    for backend in backends.values():
        backend.close()
    assert here.is_clean


@pytest.mark.parametrize("order", list(itertools.permutations(("segmenter", "generator", "all"))))
def test_shutdown_in_any_order(order: tuple[str, ...], here: StandIn, model_folder: Path) -> None:
    platform = here.platform()
    backends = {
        kind: TensorRtBackend(platform.open(model_folder / f"{kind}.onnx"), "cuda:0")
        for kind in ("segmenter", "generator")
    }
    given = feeds(1)
    pending = {
        kind: backend.submit({name: given[name] for name in backend.inputs})
        for kind, backend in backends.items()
    }
    for which in order:
        (platform if which == "all" else backends[which]).close()
    assert here.is_clean
    for kind in backends:
        with pytest.raises(EcganError, match="the model is closed"):
            pending[kind].result()
        with pytest.raises(EcganError, match="the model is closed"):
            backends[kind].submit({name: given[name] for name in backends[kind].inputs})
    again = TensorRtBackend(platform.open(model_folder / "generator.onnx"), "cuda:0")
    assert again.run(given)["painted"].shape == (1, 256, 256, 3)
    again.close()
    assert here.is_clean


# --- what fails --------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["alloc", "alloc_pinned", "make_event"])
@pytest.mark.parametrize("nth", [1, 2, 5, 8])
def test_no_room_at_the_start(call: str, nth: int, here: StandIn, model_folder: Path) -> None:
    here.device.failing[call] = nth
    platform = here.platform()
    with pytest.raises(EcganError) as caught:
        platform.open(model_folder / "generator.onnx")
    if call == "alloc":
        assert isinstance(caught.value, OutOfMemory)
        assert caught.value.exit_code == 6
        assert "lower --batch" in str(caught.value.hint)
    assert here.is_clean
    here.device.failing.clear()
    platform.open(model_folder / "generator.onnx").close()
    assert here.is_clean


def test_no_room_for_a_larger_batch(
    here: StandIn, model_folder: Path, reference: dict[str, OrtBackend]
) -> None:
    """It fails alone: what fits still runs."""
    backend = TensorRtBackend(here.platform().open(model_folder / "generator.onnx"), "cuda:0")
    backend.run(feeds(1))
    here.device.failing["alloc"] = here.device.calls["alloc"] + 1
    with pytest.raises(OutOfMemory, match="memory ran out"):
        backend.run(feeds(8))
    for seed in range(4):
        (found,) = backend.run(feeds(1, seed)).values()
        (wanted,) = reference["generator"].run(feeds(1, seed)).values()
        np.testing.assert_array_equal(found, wanted)
    backend.close()
    assert here.is_clean


def test_a_failed_enqueue_says_tensorrts_first_words(
    here: StandIn,
    model_folder: Path,
    reference: dict[str, OrtBackend],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = TensorRtBackend(here.platform().open(model_folder / "generator.onnx"), "cuda:0")
    backend.run(feeds(1))
    execute = fake_trt._Context.execute_async_v3

    def failing(self: Any, stream: int) -> bool:
        self._say("enqueueV3: Error Code 1: Cask (Convolution execution)")
        self._say("enqueueV3: and then another")
        return False

    monkeypatch.setattr(fake_trt._Context, "execute_async_v3", failing)
    with pytest.raises(EcganError, match=r"TensorRT failed: .*Cask \(Convolution exec") as caught:
        backend.run(feeds(2))
    assert "another" not in str(caught.value)
    assert caught.value.exit_code == 6
    monkeypatch.setattr(fake_trt._Context, "execute_async_v3", execute)
    for seed in range(3):
        (found,) = backend.run(feeds(2, seed)).values()
        (wanted,) = reference["generator"].run(feeds(2, seed)).values()
        np.testing.assert_array_equal(found, wanted)
    backend.close()
    assert here.is_clean


def test_an_error_on_the_stream_ends_all_but_what_was_there(
    tmp_path: Path, model_folder: Path
) -> None:
    """As on a GPU: who waits gets it, everything after it fails too, and closing still cleans up."""
    runs = itertools.count(1)

    def compute(given: Feeds) -> Feeds:
        if next(runs) == 2:
            raise EcganError("the GPU failed: CUDA_ERROR_ILLEGAL_ADDRESS")
        return {"painted": given["crop"] // 2}

    here = StandIn(tmp_path, compute=compute)
    backend = TensorRtBackend(here.platform().open(model_folder / "generator.onnx"), "cuda:0")
    pending = [backend.submit(feeds(1, seed)) for seed in range(3)]
    np.testing.assert_array_equal(pending[0].result()["painted"], feeds(1, 0)["crop"] // 2)
    for index in (2, 1, 1):
        with pytest.raises(EcganError, match="ILLEGAL_ADDRESS"):
            pending[index].result()
    with pytest.raises(EcganError, match="ILLEGAL_ADDRESS"):
        backend.run(feeds(1))
    backend.close()
    assert here.is_clean


def test_without_graphs_where_one_cannot_be_recorded(
    here: StandIn, model_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here.device.failing["end_capture"] = 1
    backend = TensorRtBackend(here.platform().open(model_folder / "generator.onnx"), "cuda:0")
    caplog.clear()
    results = [backend.run(feeds(1))["painted"] for _ in range(6)]
    for found in results[1:]:
        np.testing.assert_array_equal(found, results[0])
    assert [record.message.partition(": ")[2] for record in caplog.records] == [
        "the GPU failed: cuStreamEndCapture"
    ]
    assert "runs without CUDA graphs" in caplog.text
    backend.close()
    assert here.is_clean


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"crop": np.zeros((1, 256, 256, 3), np.float32)}, "input 'crop' is uint8 .* float32"),
        ({"crop": np.zeros((1, 128, 256, 3), np.uint8)}, r"got rows of uint8 \(128, 256, 3\)"),
        ({"crop": np.zeros((2, 256, 256, 3), np.uint8)}, r"inputs have \[1, 2\] rows"),
        ({"crop": np.zeros((0, 256, 256, 3), np.uint8)}, r"inputs have \[0, 1\] rows"),
        ({"other": np.zeros((1,), np.uint8)}, "the model takes"),
    ],
)
def test_wrong_feeds_are_named(
    change: Feeds, words: str, here: StandIn, model_folder: Path
) -> None:
    backend = TensorRtBackend(here.platform().open(model_folder / "generator.onnx"), "cuda:0")
    with pytest.raises(ModelMismatch, match=words):
        backend.run({**feeds(1), **change})
    backend.close()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"device": "cpu"}, BackendUnavailable, "'cpu' cannot be used by tensorrt"),
        ({"device": "gpu"}, OptionError, "unknown device 'gpu'"),
        ({"threads": 0}, OptionError, "threads '0'"),
    ],
)
def test_options_are_checked_before_a_driver_is_asked(
    options: dict[str, Any], error: type[EcganError], words: str, model_folder: Path
) -> None:
    with pytest.raises(error, match=words):
        TensorRtBackend.open(model_folder / "generator.onnx", **options)
