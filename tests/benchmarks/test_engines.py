"""The benchmark of builds runs the real program and tells its figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgan.benchmarks.engines import main, shipped_files
from ecgan.engine.errors import BackendUnavailable
from ecgan.engine.tensorrt.flavour import load_flavour


def test_files_that_ship_are_there() -> None:
    files = shipped_files()
    assert {"segmenter.onnx", "ecgan-fast.onnx"} <= {path.name for path in files}
    assert "retinaface.onnx" not in {path.name for path in files}
    assert all(path.is_file() for path in files)


def test_a_line_a_model_and_the_sum(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        load_flavour("rtx")
    except BackendUnavailable as error:
        pytest.skip(f"{error.message}; {error.hint}")
    assert main([str(model_folder / "segmenter.onnx"), "--target", "sm89"]) == 0
    _, line, total = capsys.readouterr().out.splitlines()
    assert line.startswith("segmenter.onnx: fp32, ")
    assert "MB for sm89 by rtx 1." in line
    assert total.startswith("together ")
    seconds, peak = float(total.split()[1]), float(total.split()[4])
    assert 0 < seconds < 30
    assert 50 < peak < 900
