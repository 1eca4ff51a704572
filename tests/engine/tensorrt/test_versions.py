"""Targets by what the user asks for, and what is done with timings that do not fit."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ecgan.engine.errors import OptionError
from ecgan.engine.tensorrt.driver import Gpu
from ecgan.engine.tensorrt.flavour import RTX, TENSORRT, Flavour
from ecgan.engine.tensorrt.versions import (
    choose_targets,
    load_timing_cache,
    save_timing_cache,
    set_targets,
    without_turing,
)

MEMBERS = {"NONE": 0, "CURRENT": 1, "SM75": 75, "SM80": 80, "SM86": 86, "SM120": 120}
FULL = Flavour(
    TENSORRT,
    "11.4",
    SimpleNamespace(HardwareCompatibilityLevel=SimpleNamespace(AMPERE_PLUS="plus")),
)
FOR_RTX = Flavour(
    RTX, "1.7", SimpleNamespace(ComputeCapability=SimpleNamespace(__members__=MEMBERS))
)
AMPERE = Gpu(0, "a", (8, 6), (13, 0))
HOPPER = Gpu(0, "h", (9, 0), (13, 0))


@pytest.mark.parametrize(
    ("flavour", "target", "gpu", "expected"),
    [
        (FOR_RTX, None, None, ["sm75", "sm80", "sm86", "sm120"]),
        (FOR_RTX, None, AMPERE, ["sm86"]),
        (FOR_RTX, "current", HOPPER, ["sm90"]),
        (FOR_RTX, "portable", AMPERE, ["sm75", "sm80", "sm86", "sm120"]),
        (FOR_RTX, "sm120,sm80,sm120", None, ["sm120", "sm80"]),
        (FULL, None, HOPPER, ["sm90"]),
        (FULL, "portable", HOPPER, ["ampere+"]),
        (FULL, "sm90", HOPPER, ["sm90"]),
    ],
)
def test_targets(
    flavour: Flavour, target: str | None, gpu: Gpu | None, expected: list[str]
) -> None:
    assert choose_targets(flavour, target, gpu) == expected


@pytest.mark.parametrize("target", ["sm86", "sm90,sm86"])
def test_full_tensorrt_builds_for_no_other_gpu(target: str) -> None:
    with pytest.raises(OptionError, match=f"not for '{target}'") as caught:
        choose_targets(FULL, target, HOPPER)
    assert "--flavour rtx" in str(caught.value.hint)


class Config:
    """Takes down what is set; knows timings that begin with ``known``."""

    known = b"mine"

    def __init__(self) -> None:
        self.capabilities: dict[int, int] = {}
        self.cache = b""

    def set_compute_capability(self, capability: int, index: int) -> bool:
        self.capabilities[index] = capability
        return True

    def create_timing_cache(self, content: bytes) -> bytes | None:
        return None if content == b"broken" else content

    def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if cache and not cache.startswith(self.known):
            return False
        self.cache = cache
        return True

    def get_timing_cache(self) -> Any:
        return SimpleNamespace(serialize=lambda: self.cache + b" and more")


def test_rtx_gets_each_target() -> None:
    config = Config()
    set_targets(FOR_RTX, config, ["sm120", "sm80"])
    assert config.num_compute_capabilities == 2  # type: ignore[attr-defined]
    assert config.capabilities == {0: 120, 1: 80}


def test_rtx_judges_a_gpu_that_it_does_not_name() -> None:
    config = Config()
    set_targets(FOR_RTX, config, ["sm90"])
    assert config.capabilities == {0: MEMBERS["CURRENT"]}


def test_full_tensorrt_gets_a_compatibility_level_only_to_be_portable() -> None:
    config = Config()
    set_targets(FULL, config, ["sm90"])
    assert not hasattr(config, "hardware_compatibility_level")
    set_targets(FULL, config, ["ampere+"])
    assert config.hardware_compatibility_level == "plus"  # type: ignore[attr-defined]
    assert config.capabilities == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, b""), (b"mine 1", b"mine 1"), (b"foreign", b""), (b"broken", b"")],
)
def test_timings(
    content: bytes | None,
    expected: bytes,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those of another GPU or version cost a warning and the time they would have saved."""
    path, config = tmp_path / "timings", Config()
    if content is not None:
        path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        load_timing_cache(FULL, config, path)
    assert config.cache == expected
    assert ("begun anew" in caplog.text) is (content in (b"foreign", b"broken"))
    save_timing_cache(config, path)
    assert path.read_bytes() == expected + b" and more"


def test_no_timings_wanted() -> None:
    config = Config()
    load_timing_cache(FULL, config, None)
    save_timing_cache(config, None)
    assert config.cache == b""


@pytest.mark.parametrize(
    ("flavour", "numbers", "stays"),
    [(FOR_RTX, "float32", False), (FOR_RTX, "float16", True), (FULL, "float32", True)],
)
def test_turing(
    flavour: Flavour, numbers: str, stays: bool, caplog: pytest.LogCaptureFixture
) -> None:
    layers = {"MATRIX_MULTIPLY": {numbers: 1}}
    targets = without_turing(flavour, ["sm75", "sm80"], layers, Path("a.onnx"))
    assert ("sm75" in targets) is stays
    assert ("'a.onnx' is not built for sm75" in caplog.text) is not stays
