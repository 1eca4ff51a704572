"""Which TensorRT is taken, and what a user reads where there is none."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from ecgan.engine.errors import BackendUnavailable, OptionError
from ecgan.engine.tensorrt import flavour
from ecgan.engine.tensorrt.driver import Gpu
from ecgan.engine.tensorrt.flavour import load_flavour

GPU = Gpu(0, "GPU of the test", (8, 6), (13, 0))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both flavours, and a GPU."""
    for name, version in (("tensorrt", "11.4.0.106"), ("tensorrt_rtx", "1.7.1.116")):
        module = ModuleType(name)
        module.__version__ = version  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(flavour, "find_gpu", lambda: GPU)


def remove(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)  # makes its import fail


def no_gpu() -> Gpu:
    raise BackendUnavailable("no NVIDIA driver was found", hint="install it")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("asked", "name", "version"),
    [
        ("auto", "tensorrt", "11.4.0.106"),
        ("tensorrt", "tensorrt", "11.4.0.106"),
        ("rtx", "rtx", "1.7.1.116"),
    ],
)
def test_full_tensorrt_comes_first(asked: str, name: str, version: str) -> None:
    found = load_flavour(asked)
    assert (found.name, found.version) == (name, version)


@pytest.mark.usefixtures("installed")
def test_rtx_where_the_other_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    remove(monkeypatch, "tensorrt")
    assert load_flavour().name == "rtx"


@pytest.mark.usefixtures("installed")
def test_full_tensorrt_is_not_touched_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flavour, "find_gpu", no_gpu)
    assert load_flavour().name == "rtx"
    with pytest.raises(BackendUnavailable, match="needs a GPU, and no NVIDIA driver was found"):
        load_flavour("tensorrt")


@pytest.mark.usefixtures("installed")
def test_all_failures_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    remove(monkeypatch, "tensorrt_rtx")
    monkeypatch.setattr(flavour, "find_gpu", no_gpu)
    with pytest.raises(BackendUnavailable) as caught:
        load_flavour()
    assert caught.value.exit_code == 4
    assert "'tensorrt' needs a GPU, and no NVIDIA driver was found" in caught.value.message
    assert "'tensorrt_rtx' cannot be imported" in caught.value.message
    assert caught.value.hint == "pip install 'ecgan[rtx]'"


@pytest.mark.parametrize(
    ("name", "command"), [("tensorrt", "https://pypi.nvidia.com"), ("rtx", "'ecgan[rtx]'")]
)
def test_one_that_was_asked_for_names_its_command(
    name: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(monkeypatch, "tensorrt", "tensorrt_rtx")
    with pytest.raises(BackendUnavailable, match="cannot be imported") as caught:
        load_flavour(name)
    assert command in str(caught.value.hint)


def test_bindings_without_their_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tensorrt_rtx.py").write_text("raise OSError('libx.so.1: cannot\\nopen it')")
    monkeypatch.delitem(sys.modules, "tensorrt_rtx", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BackendUnavailable, match=r"\(libx.so.1: cannot open it\)"):
        load_flavour("rtx")


def test_unknown_flavour() -> None:
    with pytest.raises(OptionError, match="unknown TensorRT flavour 'trt'; choose from auto"):
        load_flavour("trt")
