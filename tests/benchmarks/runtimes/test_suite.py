"""The whole comparison on the tiny networks: processes, turns, wrong answers, rows that cannot run."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ecgan.benchmarks.runtimes.report import tables
from ecgan.benchmarks.runtimes.rows import ROWS, Row, rows_named
from ecgan.benchmarks.runtimes.suite import Settings, measure
from ecgan.benchmarks.runtimes.work import folder_work, make_feeds, run_apart, run_chain
from ecgan.benchmarks.runtimes.worker import RowFailure, Seat, Worker
from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.errors import InputError
from ecgan.engine.models import GENERATOR, SEGMENTER, Manifest, load_manifest
from ecgan.engine.models.manifest import MANIFEST_NAME

from ...conftest import model_entry

EXAMPLE = Path(__file__).parents[3] / "examples" / "astronaut_masked.mp4"


@pytest.fixture(scope="module")
def folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny networks with an "int8" generator that paints another skin."""
    target = tmp_path_factory.mktemp("models") / "tiny"
    shutil.copytree(model_folder, target)
    model = onnx.load(target / "generator.onnx")
    for tensor in model.graph.initializer:
        if tensor.name == "skin":
            skin = numpy_helper.to_array(tensor) - 20
            tensor.CopyFrom(numpy_helper.from_array(skin, "skin"))
    onnx.save(model, target / "wrong.onnx")
    digest = model_entry(target / "wrong.onnx", GENERATOR, "wrong").sha256
    rows = []
    for entry in load_manifest(target).models:
        if entry.kind in (SEGMENTER, GENERATOR):
            name = "wrong.onnx" if entry.kind == GENERATOR else entry.file
            sha256 = digest if entry.kind == GENERATOR else entry.sha256
            entry = dataclasses.replace(
                entry, precisions={"int8": name}, precision_sha256={"int8": sha256}
            )
        rows.append(entry)
    (target / MANIFEST_NAME).write_text(Manifest(rows).to_json())
    return target


@pytest.mark.slow
def test_rows_are_timed_in_turn_and_a_faster_wrong_answer_is_not(folder: Path) -> None:
    said: list[str] = []
    settings = Settings(
        models=folder,
        works=("model",),
        rows=("onnxruntime", "onnxruntime-int8", "tensorrt-fp16"),
        batches=(1, 2),
        rounds=3,
        warmup=1,
        threads=1,
        video=EXAMPLE,
        frames=2,
        passes=1,
    )
    (result,) = measure(settings, said.append)
    rows = {row.name: row for row in result.rows}
    assert list(rows) == ["torch", "onnxruntime", "onnxruntime-int8", "tensorrt-fp16"]
    right = rows["onnxruntime"]
    assert (right.status, right.device) == ("ran", "cpu")
    assert [cell.batch for cell in right.cells] == [1, 2]
    for cell in right.cells:
        assert cell.timing is not None
        assert len(cell.timing.times_ms) == 3
        assert cell.agreement is not None
        assert cell.agreement.psnr > 60
        assert cell.speedup is not None
        assert cell.speedup > 0
        assert 20 < cell.peak_mib < 2000  # its own, not what the tests' process holds
    assert rows["torch"].cells[0].speedup == 1.0
    assert right.video is not None
    assert (right.video.frames, right.video.painted, right.video.failure) == (2, 2, None)
    assert right.video.fps > 0
    wrong = rows["onnxruntime-int8"]
    assert wrong.video is None  # neither is it timed from file to file
    assert wrong.status == "wrong"
    assert wrong.cells[0].timing is None
    # the mouth's shape is unchanged, so the gap is 20 levels everywhere inside: 22.1 dB
    assert "paints 22." in str(wrong.cells[0].failure)
    shown = [line[0] for line in tables([result])[1].rows]
    assert shown == [rows["torch"].label, right.label]
    assert rows["tensorrt-fp16"].status == "cannot run"
    assert rows["tensorrt-fp16"].reason
    assert any("3 rows in turn" in line or "2 rows in turn" in line for line in said)


def _seat(folder: Path, row: Row, work_folder: Path | None = None) -> Seat:
    return Seat(row, folder_work(work_folder or folder), 1, make_feeds(None, 1))


def test_a_process_that_dies_says_how(folder: Path, tmp_path: Path) -> None:
    worker = Worker(_seat(folder, rows_named(("onnxruntime",))[1]), tmp_path / "log")
    try:
        worker.ask("open")
        os.kill(worker._process.pid or 0, signal.SIGKILL)
        with pytest.raises(RowFailure, match="its process ended with signal 9"):
            worker.ask("time", batch=1)
    finally:
        worker.close()
    assert not worker._process.is_alive()


def test_whatever_a_row_raises_is_one_line(folder: Path, tmp_path: Path) -> None:
    worker = Worker(_seat(folder, Row("x", "X", opener="math:sqrt")), tmp_path / "log")
    try:
        with pytest.raises(RowFailure, match=r"^TypeError: ") as caught:
            worker.ask("open")
        assert "\n" not in str(caught.value)
    finally:
        worker.close()


def test_a_row_that_runs_elsewhere_than_it_says_is_refused(folder: Path, tmp_path: Path) -> None:
    from ecgan.benchmarks.runtimes.worker import _Running

    row = next(row for row in ROWS if row.name == "onnxruntime")
    running = _Running(_seat(folder, row))
    elsewhere = dataclasses.replace(row)
    object.__setattr__(elsewhere, "open", lambda model, threads: _Elsewhere())
    running._seat = dataclasses.replace(running._seat, row=elsewhere)
    with pytest.raises(Exception, match="was to run on cpu, and ran on cuda:0"):
        running.open()


class _Elsewhere:
    device = "cuda:0"


def test_the_chain_hands_the_mask_on_and_the_comparison_does_not(model_folder: Path) -> None:
    opened = {
        kind: OrtBackend.open(model_folder / f"{kind}.onnx", device="cpu", threads=1)
        for kind in (SEGMENTER, GENERATOR)
    }
    feeds = make_feeds(None, 1)
    feeds["crop"][:] = (0, 0, 255)  # the tiny segmenter takes blue of the lower half for a mask
    chained, apart = run_chain(opened, feeds), run_apart(opened, feeds)
    np.testing.assert_array_equal(chained[SEGMENTER], apart[SEGMENTER])
    changed = (chained[GENERATOR] != feeds["crop"]).any(3)
    np.testing.assert_array_equal(changed, chained[SEGMENTER] > 0)
    changed = (apart[GENERATOR] != feeds["crop"]).any(3)
    np.testing.assert_array_equal(changed, feeds["mask"] > 0)


def test_faces_come_from_the_video_and_fill_the_batch(tmp_path: Path) -> None:
    feeds = make_feeds(EXAMPLE, 3)
    assert feeds["crop"].shape == (3, 256, 256, 3)
    assert feeds["crop"].std() > 20
    assert (feeds["expression"].argmax(1) == [0, 1, 2]).all()
    blank = tmp_path / "blank.mp4"
    _write_blank(blank)
    with pytest.raises(InputError, match=r"no face is found in .*blank\.mp4"):
        make_feeds(blank, 1)


def _write_blank(path: Path) -> None:
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), 128, np.uint8), format="rgb24")
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
