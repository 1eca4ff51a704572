"""What is asked of the driver, on a stand-in for its library."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from ecgan.engine.errors import BackendUnavailable
from ecgan.engine.tensorrt import driver
from ecgan.engine.tensorrt.driver import Gpu, answering_gpu, current, find_gpu

NO_DEVICE, NOT_PERMITTED = 100, 800


class FakeDriver:
    """Two GPUs of compute capability 8.9 under CUDA 13.1.

    Args:
        failing: Name of a function -> what it returns in place of 0.
    """

    def __init__(self, failing: dict[str, int]) -> None:
        self.failing = failing
        self.contexts: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., int]:
        return lambda *arguments: self.failing.get(name) or self.answer(name, *arguments)

    def answer(self, name: str, *arguments: Any) -> int:
        if name == "cuDeviceGetName":
            buffer, size, index = arguments
            buffer.value = f"GPU {index}".encode()[:size]
        elif "Ctx" in name:
            self.contexts.append(name)
        elif name != "cuInit":
            values = {
                "cuDeviceGetCount": 2,
                "cuDriverGetVersion": 13010,
                "cuDeviceGet": arguments[-1],
                "cuDeviceGetAttribute": {75: 8, 76: 9}.get(arguments[1] if arguments[1:] else 0),
            }
            arguments[0]._obj.value = values[name]
        return 0


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeDriver]:
    def install(**failing: int) -> FakeDriver:
        fake = FakeDriver(failing)
        monkeypatch.setattr(driver, "_load", lambda: fake)
        return fake

    return install


@pytest.mark.parametrize("index", [0, 1])
def test_a_gpu(index: int, answering: Callable[..., FakeDriver]) -> None:
    answering()
    assert find_gpu(index) == Gpu(index, f"GPU {index}", (8, 9), (13, 1))
    assert find_gpu(index).target == "sm89"
    assert answering_gpu(index) == find_gpu(index)


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        ({"cuInit": NO_DEVICE}, "the NVIDIA driver has no GPU"),
        ({"cuInit": NOT_PERMITTED}, r"does not start \(CUDA error 800\)"),
        ({"cuDeviceGetName": 999}, r"does not answer \(CUDA error 999\)"),
        ({"cuDriverGetVersion": 999}, r"does not answer \(CUDA error 999\)"),
    ],
)
def test_a_driver_that_fails(
    failing: dict[str, int], words: str, answering: Callable[..., FakeDriver]
) -> None:
    answering(**failing)
    with pytest.raises(BackendUnavailable, match=words) as caught:
        find_gpu()
    assert caught.value.hint


def test_a_gpu_that_is_not_there(answering: Callable[..., FakeDriver]) -> None:
    answering()
    with pytest.raises(BackendUnavailable, match="GPU 2 was asked for, and the driver has 2"):
        find_gpu(2)


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(BackendUnavailable, match="no NVIDIA driver was found") as caught:
        find_gpu()
    assert caught.value.exit_code == 4
    assert answering_gpu() is None


RETAIN, PUSH = "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2"
POP, RELEASE = "cuCtxPopCurrent_v2", "cuDevicePrimaryCtxRelease_v2"


def test_a_gpu_is_current_within_the_block_only(answering: Callable[..., FakeDriver]) -> None:
    fake = answering()

    def interrupted() -> None:
        with current(find_gpu(1)):
            assert fake.contexts == [RETAIN, PUSH]
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert fake.contexts == [RETAIN, PUSH, POP, RELEASE]


@pytest.mark.parametrize(("failing", "called"), [(RETAIN, []), (PUSH, [RETAIN, RELEASE])])
def test_a_context_that_is_not_given(
    failing: str, called: list[str], answering: Callable[..., FakeDriver]
) -> None:
    fake = answering(**{failing: 2})
    with pytest.raises(BackendUnavailable, match="gives no context"), current(find_gpu(1)):
        pass
    assert fake.contexts == called
