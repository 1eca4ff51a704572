"""`ecgan build-engine` as a user runs it: real engines for GPUs that are elsewhere."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from rich.console import Console

from ecgan.engine.errors import BackendUnavailable
from ecgan.engine.models import model_folder as shipped_models
from ecgan.engine.tensorrt.flavour import load_flavour
from ecgan.engine.tensorrt.sidecar import Sidecar
from ecgan_cli import console
from ecgan_cli.build_bar import BuildBar

from .conftest import SCRIPT, Run, environment, files_in


@pytest.fixture(autouse=True)
def _rtx() -> None:
    try:
        load_flavour("rtx")
    except BackendUnavailable as error:
        pytest.skip(f"{error.message}; {error.hint}")


def test_a_shipped_model_by_name(ecgan: Run, tmp_path: Path) -> None:
    done = ecgan("build-engine", "segmenter", "--target", "sm86,sm89", "-o", ".", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "segmenter.engine\n")
    assert "sm86 sm89" in done.stderr
    assert "not run" in done.stderr  # nothing here could hold it against its model
    assert files_in(tmp_path) == {"segmenter.engine", "segmenter.engine.json"}
    made = Sidecar.load(tmp_path / "segmenter.engine")
    assert (made.targets, made.max_batch) == (["sm86", "sm89"], 16)


def test_an_engine_goes_where_unmask_looks(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ecgan: Run
) -> None:
    """Beside a model of the user's; into the folder of engines for one that ships."""
    monkeypatch.setenv("ECGAN_CACHE", str(tmp_path / "kept"))
    mine = shutil.copy(model_folder / "segmenter.onnx", tmp_path / "mine.onnx")
    done = ecgan("build-engine", mine, "segmenter", "--target", "sm86")
    assert done.stdout.splitlines() == [
        str(tmp_path / "mine.engine"),
        str(tmp_path / "kept/engines/segmenter.engine"),
    ]
    assert {"mine.engine", "kept/engines/segmenter.engine.json"} <= files_in(tmp_path)


def test_json_tells_what_the_sidecar_tells(ecgan: Run, model_folder: Path, tmp_path: Path) -> None:
    options = ("--flavour", "rtx", "--target", "sm89", "--max-batch", "2", "--output", tmp_path)
    done = ecgan("build-engine", model_folder, *options, "--json", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["exit_code"], document["error"]) == (0, None)
    assert document["build_s"] == pytest.approx(sum(e["build_s"] for e in document["engines"]))
    assert document["peak_memory_mib"] > 50
    for engine in document["engines"]:
        path = Path(engine.pop("path"))
        assert engine == Sidecar.load(path).to_json()
        assert (engine["min_batch"], engine["opt_batch"], engine["max_batch"]) == (1, 2, 2)
    assert files_in(tmp_path) == {
        name + end for name in ("generator", "segmenter") for end in (".engine", ".engine.json")
    }


def test_what_was_built_before_an_error_is_told(
    ecgan: Run, model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"nonsense")
    done = ecgan(
        "build-engine",
        model_folder / "segmenter.onnx",
        tmp_path / "broken.onnx",
        *("--target", "sm86", "--json", "--output", tmp_path / "out"),
    )
    document = json.loads(done.stdout)
    assert (done.returncode, document["exit_code"]) == (3, 3)
    assert "broken.onnx' is not an ONNX file" in document["error"]
    assert [Path(engine["path"]).name for engine in document["engines"]] == ["segmenter.engine"]
    assert files_in(tmp_path / "out") == {"segmenter.engine", "segmenter.engine.json"}


def test_an_engine_is_replaced_only_where_asked(ecgan: Run, tmp_path: Path) -> None:
    engine = tmp_path / "segmenter.engine"
    engine.write_bytes(b"mine")
    arguments = ("build-engine", "segmenter", "--target", "sm86", "-o", ".")
    done = ecgan(*arguments, cwd=tmp_path)
    assert done.returncode == 3
    assert "--overwrite replaces it" in done.stderr
    assert engine.read_bytes() == b"mine"
    assert ecgan(*arguments, "--overwrite", cwd=tmp_path).returncode == 0
    assert engine.stat().st_size > 100_000


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nonsense"], 2, "unknown model 'nonsense'; choose from ecgan-fast, segmenter"),
        (["segmenter", "--target", "h100"], 2, "unknown target 'h100'; choose from sm75"),
        (["segmenter", "--max-batch", "17"], 2, "'1', '4', '17' do not fit together"),
        (["absent.onnx"], 4, "model file 'absent.onnx' is missing"),
        (["segmenter", "--timing-cache", "t", "--flavour", "rtx"], 2, "is of no use"),
        (["segmenter", "--flavour", "trt"], 2, "'trt' is not one of"),
    ],
)
def test_what_cannot_be(
    arguments: list[str], code: int, words: str, ecgan: Run, tmp_path: Path
) -> None:
    done = ecgan("build-engine", *arguments, "-o", ".", cwd=tmp_path)
    assert done.returncode == code
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert files_in(tmp_path) == set()


def test_an_fp32_file_is_not_called_fp16(ecgan: Run, tmp_path: Path) -> None:
    model = shipped_models() / "segmenter.onnx"
    options = ("--precision", "fp16", "--target", "sm86", "-o", ".")
    done = ecgan("build-engine", model, *options, cwd=tmp_path)
    assert done.returncode == 2
    assert "26 of 26 convolutions and matrix products in fp32" in done.stderr
    assert files_in(tmp_path) == set()


def test_without_any_tensorrt(tmp_path: Path) -> None:
    """Exit code 4 within a second of its own, naming what is missing and what mends it."""
    for name in ("tensorrt", "tensorrt_rtx"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('taken out by the test')")
    done = subprocess.run(
        [SCRIPT, "build-engine", "segmenter", "--output", tmp_path],
        capture_output=True,
        text=True,
        env={**environment(), "PYTHONPATH": str(tmp_path)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr.startswith("ecgan: error: no TensorRT is usable: 'tensorrt' cannot")
    assert "'tensorrt_rtx' cannot be imported (taken out by the test)" in done.stderr
    assert done.stderr.endswith("hint: pip install 'ecgan[rtx]'\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing(number: signal.Signals, code: int, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [SCRIPT, "build-engine", "-v", "segmenter", "--target", "portable", "-o", "."],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=tmp_path,
    )
    assert program.stderr is not None
    for line in program.stderr:  # -v passes TensorRT's log on: the build is under way
        if "rtx:" in line:
            break
    time.sleep(0.1)
    os.kill(program.pid, number)
    out, err = program.communicate(timeout=30)
    assert (program.returncode, out) == (code, "")
    assert "stopped; no half engine was left" in err
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize("terminal", [True, False])
def test_bar(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    fake = Console(file=screen, force_terminal=terminal, width=120, color_system=None)
    monkeypatch.setattr(console, "stderr", lambda: fake)
    checks = []
    with BuildBar(lambda: checks.append(1)) as bar:
        progress = bar.begin("[b] a.engine")
        progress(0.42, "Preparing graph for optimization and more than fits here")
        bar._bars.refresh()
    text = screen.getvalue()
    assert len(checks) == 2
    assert terminal == ("[b] a.engine" in text) == ("42%" in text) == ("Preparing graph" in text)
    assert "fits here" not in text
