"""What is ONNX Runtime's own: devices, its errors, its words. The rest is in test_registry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from ecgan.engine.backends.ort import SPIN_US, OrtBackend, _session_options
from ecgan.engine.errors import (
    BackendUnavailable,
    EcganError,
    ModelMismatch,
    OptionError,
    OutOfMemory,
)

from .conftest import generator_feeds


@pytest.fixture(scope="module")
def generator(model_folder: Path) -> OrtBackend:
    return OrtBackend.open(model_folder / "generator.onnx", device="cpu", threads=1)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CPU", ""])
def test_unknown_device_is_an_option_error(model_folder: Path, device: str) -> None:
    with pytest.raises(OptionError, match=f"unknown device '{device}'"):
        OrtBackend.open(model_folder / "segmenter.onnx", device=device)


def test_threads_below_one_are_refused(model_folder: Path) -> None:
    with pytest.raises(OptionError, match="threads '0'"):
        OrtBackend.open(model_folder / "segmenter.onnx", threads=0)


def test_a_card_that_is_not_there_is_an_error(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BackendUnavailable, match="device 'cuda:0'") as caught:
        OrtBackend.open(model_folder / "segmenter.onnx", device="cuda:0")
    assert "onnxruntime-gpu" in str(caught.value.hint)


class _Session:
    """What ONNX Runtime gives when it was asked for a card: it may hold less than that."""

    def __init__(self, granted: list[str], asked: list[Any]) -> None:
        self._granted, self._asked = granted, asked

    def __call__(self, path: str, options: Any, *, providers: Any, **_: Any) -> _Session:
        self._asked.append(providers)
        return self

    def get_providers(self) -> list[str]:
        return self._granted

    def get_inputs(self) -> list[Any]:
        return []

    get_outputs = get_inputs


def _pretend_card(monkeypatch: pytest.MonkeyPatch, granted: list[str]) -> list[Any]:
    asked: list[Any] = []
    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    monkeypatch.setattr(onnxruntime, "InferenceSession", _Session(granted, asked))
    return asked


def test_the_device_says_what_the_session_really_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _pretend_card(monkeypatch, ["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert OrtBackend.open(Path("x.onnx"), device="cuda:1").device == "cuda:1"
    assert asked[0][0] == ("CUDAExecutionProvider", {"device_id": 1})
    assert OrtBackend.open(Path("x.onnx"), device="auto").device == "cuda:0"


def test_a_card_that_silently_fell_back_is_an_error_by_name_and_the_cpu_by_auto(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _pretend_card(monkeypatch, ["CPUExecutionProvider"])
    with pytest.raises(BackendUnavailable, match="device 'cuda:0'"):
        OrtBackend.open(Path("x.onnx"), device="cuda:0")
    assert OrtBackend.open(Path("x.onnx"), device="auto").device == "cpu"


def test_a_file_that_is_no_model_is_named_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelMismatch, match="onnxruntime refuses") as caught:
        OrtBackend.open(path, device="cpu")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_feeds_are_named(generator: OrtBackend) -> None:
    feeds = generator_feeds(1)
    with pytest.raises(ModelMismatch, match=r"the model takes .*got \['crop'\]"):
        generator.run({"crop": feeds["crop"]})
    with pytest.raises(ModelMismatch, match=r"input 'expression' is float32 .* got float64"):
        generator.run({**feeds, "expression": feeds["expression"].astype(np.float64)})
    with pytest.raises(ModelMismatch, match=r"input 'mask'"):
        generator.run({**feeds, "mask": feeds["mask"][:, :100]})


def test_failures_of_the_runtime_become_our_errors(
    generator: OrtBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(text: str) -> Any:
        class Session:
            def run(self, *_: Any) -> None:
                raise onnxruntime.capi.onnxruntime_pybind11_state.Fail(text)

        return Session()

    monkeypatch.setattr(generator, "_session", failing("Failed to\nallocate memory"))
    with pytest.raises(OutOfMemory, match="ran out of memory on cpu"):
        generator.run(generator_feeds(1))
    monkeypatch.setattr(generator, "_session", failing("some node broke"))
    with pytest.raises(EcganError, match="onnxruntime failed on cpu: some node broke"):
        generator.run(generator_feeds(1))


def test_nothing_is_written_to_the_terminal(model_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08\x07not a model")
    code = f"""
from pathlib import Path
import numpy as np
from ecgan.engine.backends.ort import SPIN_US, OrtBackend, _session_options
from ecgan.engine.errors import ModelMismatch
OrtBackend.open(Path({str(model_folder / "segmenter.onnx")!r})).run(
    {{"crop": np.zeros((1, 256, 256, 3), np.uint8)}})
try:
    OrtBackend.open(Path({str(broken)!r}))
except ModelMismatch:
    pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("1.25.1", {"allow_spinning": "0"}),
        ("1.26.0", {"spin_duration_us": str(SPIN_US)}),
        ("2.0", {"spin_duration_us": str(SPIN_US)}),
    ],
)
def test_idle_threads_spin_only_where_that_can_be_bounded(
    version: str, asked: dict[str, str]
) -> None:
    runtime = SimpleNamespace(
        __version__=version, SessionOptions=lambda: onnxruntime.SessionOptions()
    )
    options = _session_options(runtime, 2)
    for key, value in asked.items():
        assert options.get_session_config_entry(f"session.intra_op.{key}") == value
    other = {"allow_spinning", "spin_duration_us"} - asked.keys()
    for key in other:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry(f"session.intra_op.{key}")
