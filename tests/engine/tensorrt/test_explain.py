"""What TensorRT says when something fails, provoked on the installed one, and what a user reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from ecgan.engine.errors import (
    BackendUnavailable,
    BuildFailed,
    EcganError,
    InputError,
    ModelMismatch,
    ModelMissing,
    OptionError,
    OutOfMemory,
)
from ecgan.engine.tensorrt.driver import find_gpu
from ecgan.engine.tensorrt.explain import ROWS, explain
from ecgan.engine.tensorrt.flavour import Flavour
from ecgan.engine.tensorrt.log import listening, shared_log
from ecgan.engine.tensorrt.network import parse_errors

from .conftest import FLOAT, UINT8, convolutions, graph

Provoke = Callable[[Flavour], list[str] | None]
"""Makes TensorRT fail; returns what its parser says apart from the log."""


def has_gpu() -> bool:
    try:
        find_gpu()
    except BackendUnavailable:
        return False
    return True


without_gpu = pytest.mark.skipif(has_gpu(), reason="a GPU is here, so this does not fail")


# --- provoking TensorRT ------------------------------------------------------------------------


class Bench:
    """A parsed model and what is needed to build it, each step left to the test."""

    def __init__(self, rtx: Flavour, content: bytes | None) -> None:
        self.trt = rtx.module
        self.builder = self.trt.Builder(shared_log(rtx))
        self.network = self.builder.create_network(0)
        self.parser = self.trt.OnnxParser(self.network, shared_log(rtx))
        self.parsed = content is not None and self.parser.parse(content)
        self.config = self.builder.create_builder_config()

    @property
    def parse_errors(self) -> list[str]:
        return parse_errors(self.parser)

    def profile(self, smallest: int, best: int, largest: int) -> int:
        profile = self.builder.create_optimization_profile()
        shapes = [(batch, 16, 16, 3) for batch in (smallest, best, largest)]
        profile.set_shape("crop", *shapes)
        return int(self.config.add_optimization_profile(profile))

    def targets(self, *names: str, count: int | None = None) -> None:
        self.config.num_compute_capabilities = len(names) if count is None else count
        for index, name in enumerate(names):
            self.config.set_compute_capability(getattr(self.trt.ComputeCapability, name), index)

    def build(self) -> Any:
        return self.builder.build_serialized_network(self.network, self.config)


def ready(rtx: Flavour) -> Bench:
    bench = Bench(rtx, convolutions())
    bench.profile(1, 2, 4)
    return bench


def plan_of(rtx: Flavour) -> bytes:
    bench = ready(rtx)
    bench.targets("SM86")
    return bytes(bench.build())


def build_for_the_gpu_here(rtx: Flavour) -> None:
    bench = ready(rtx)
    bench.targets("CURRENT")
    assert bench.build() is None


def load(change: Callable[[bytes], bytes]) -> Provoke:
    def provoke(rtx: Flavour) -> None:
        plan = change(plan_of(rtx))
        assert rtx.module.Runtime(shared_log(rtx)).deserialize_cuda_engine(plan) is None

    return provoke


def ask_validity(rtx: Flavour) -> None:
    rtx.module.Runtime(shared_log(rtx)).get_engine_validity(plan_of(rtx))


def build_without_profile(rtx: Flavour) -> None:
    bench = Bench(rtx, convolutions())
    bench.targets("SM86")
    assert bench.build() is None


def mix_up_batches(rtx: Flavour) -> None:
    assert Bench(rtx, convolutions()).profile(4, 2, 1) == -1


def build_nothing(rtx: Flavour) -> None:
    bench = Bench(rtx, None)
    bench.targets("SM86")
    assert bench.build() is None


def name_no_target(rtx: Flavour) -> None:
    ready(rtx).targets("NONE")


def name_too_many_targets(rtx: Flavour) -> None:
    ready(rtx).targets("SM86", "SM89", count=1)


def name_too_few_targets(rtx: Flavour) -> None:
    bench = ready(rtx)
    bench.targets("SM86", count=2)
    assert bench.build() is None


def ask_for_version_compatibility(rtx: Flavour) -> None:
    bench = ready(rtx)
    bench.targets("SM86")
    bench.config.set_flag(rtx.module.BuilderFlag.VERSION_COMPATIBLE)
    assert bench.build() is None


def ask_for_windows(rtx: Flavour) -> None:
    ready(rtx).config.runtime_platform = rtx.module.RuntimePlatform.WINDOWS_AMD64


def ask_for_fp32_products_on_turing(rtx: Flavour) -> None:
    node = helper.make_node("MatMul", ["crop", "w"], ["y"])
    wide = graph(
        [node],
        source=("crop", FLOAT, ["N", 512]),
        result=("y", FLOAT, ["N", 512]),
        constants={"w": np.ones((512, 512), np.float32)},
    )
    bench = Bench(rtx, wide)
    profile = bench.builder.create_optimization_profile()
    profile.set_shape("crop", (1, 512), (2, 512), (4, 512))
    bench.config.add_optimization_profile(profile)
    bench.targets("SM75")
    assert bench.build() is None


def parse(content: bytes) -> Provoke:
    def provoke(rtx: Flavour) -> list[str]:
        bench = Bench(rtx, content)
        assert not bench.parsed
        return bench.parse_errors

    return provoke


def parse_missing_file(rtx: Flavour) -> list[str]:
    bench = Bench(rtx, None)
    assert not bench.parser.parse_from_file("absent.onnx")
    return bench.parse_errors


def single(operator: str, domain: str = "", **attributes: object) -> bytes:
    """A model of one operator on a float picture."""
    node = helper.make_node(operator, ["crop", "", "s"], ["y"], domain=domain, **attributes)
    shape: list[int | str] = ["N", 3, 8, 8]
    return graph(
        [node],
        source=("crop", FLOAT, shape),
        result=("y", FLOAT, shape),
        constants={"s": np.array([1, 1, 0.5, 0.5], np.float32)},
    )


BYTES_MOVED = graph(
    [
        helper.make_node("Transpose", ["crop"], ["moved"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["moved"], ["y"], to=FLOAT),
    ],
    source=("crop", UINT8, ["N", 8, 8, 3]),
    result=("y", FLOAT, ["N", 3, 8, 8]),
)
BYTES_INSIDE = graph(
    [
        helper.make_node("Cast", ["crop"], ["levels"], to=FLOAT),
        helper.make_node("Cast", ["levels"], ["bytes"], to=UINT8),
        helper.make_node("Transpose", ["bytes"], ["y"], perm=[0, 3, 1, 2]),
    ],
    source=("crop", UINT8, ["N", 8, 8, 3]),
    result=("y", UINT8, ["N", 3, 8, 8]),
)

PROVOKED = [
    pytest.param(build_for_the_gpu_here, BackendUnavailable, "driver", marks=without_gpu),
    pytest.param(load(lambda plan: plan), BackendUnavailable, "driver", marks=without_gpu),
    pytest.param(ask_validity, BackendUnavailable, "driver", marks=without_gpu),
    (load(lambda plan: b"\x01" * len(plan)), ModelMismatch, "not an engine"),
    (load(lambda plan: b"short"), ModelMismatch, "too short"),
    (load(lambda plan: plan[:-100]), ModelMismatch, "cut off"),
    (load(lambda plan: b""), ModelMismatch, "is empty"),
    (build_without_profile, BuildFailed, "sizes that are free"),
    (mix_up_batches, OptionError, "batches are not in order"),
    (build_nothing, InputError, "has no output"),
    (name_no_target, OptionError, "a target is empty"),
    (name_too_many_targets, OptionError, "more targets"),
    (name_too_few_targets, OptionError, "fewer targets"),
    (ask_for_version_compatibility, BackendUnavailable, "other versions"),
    (ask_for_windows, OptionError, "operating system"),
    (ask_for_fp32_products_on_turing, OptionError, "sm75"),
    (parse(b"nonsense"), InputError, "not an ONNX file"),
    (parse_missing_file, ModelMissing, "is missing"),
    (parse(BYTES_MOVED), InputError, "uint8 inside"),
    (parse(BYTES_INSIDE), InputError, "uint8 inside"),
    (parse(single("Invented", "mine")), InputError, "does not have"),
    (parse(single("Resize", mode="linear", antialias=1)), InputError, "in a way"),
]


def what_is_said(rtx: Flavour, provoke: Provoke) -> list[str]:
    with listening() as said:
        first = provoke(rtx) or []
    return first + said.errors


@pytest.mark.parametrize(("provoke", "error", "words"), PROVOKED)
def test_provoked(rtx: Flavour, provoke: Provoke, error: type[EcganError], words: str) -> None:
    problem = explain(what_is_said(rtx, provoke), "a.file")
    assert type(problem) is error
    assert words in problem.message
    assert "'a.file'" in problem.message
    assert problem.hint


# --- what cannot be provoked here, as it was met or reported ------------------------------------

REPORTED = [
    (
        "IRuntime::deserializeCudaEngine: Error Code 1: Cuda Runtime (In ScopedCudaStream ... cudaError"
        " 35: CUDA driver version is insufficient for CUDA runtime version)",
        BackendUnavailable,
        "no NVIDIA driver",
    ),
    (
        "createInferRuntime: Error Code 6: API Usage Error (CUDA initialization failure with error: 35"
        " In checkCudaInstallation ...)",
        BackendUnavailable,
        "no NVIDIA driver",
    ),
    ("pybind11::init(): factory function returned nullptr", BackendUnavailable, "no NVIDIA driver"),
    (
        "Myelin (In x: graph_jit.cpp:278: CHECK(status == CUDA_SUCCESS) failed ...)",
        BackendUnavailable,
        "refitted",
    ),
    (
        "Error reading CUDA GPU properties: ... Ensure that the GPU driver is installed",
        BackendUnavailable,
        "properties",
    ),
    ("setHardwareCompatibilityLevel() is unsupported in TensorRT-RTX.", OptionError, "RTX"),
    (
        "The engine plan file is generated on an incompatible device, expecting compute 7.5 got"
        " compute 6.1, please rebuild",
        ModelMismatch,
        "another GPU",
    ),
    (
        "The engine cannot run on this GPU, which has compute capability 9.0",
        ModelMismatch,
        "does not support the GPU",
    ),
    (
        "Serialization assertion stdVersionRead == serializationVersion failed.Version tag does not"
        " match. Note: Current Version: 213, Serialized Engine Version: 205",
        ModelMismatch,
        "another version",
    ),
    ("Network must have at least one output.", InputError, "no output"),
    (
        "Error Code 2: OutOfMemory (no further information)",
        OutOfMemory,
        "memory ran out",
    ),
    (
        "Error Code 1: Cuda Runtime (cudaError 2: out of memory)",
        OutOfMemory,
        "memory ran out",
    ),
    (
        "Error Code 7: BuildCanceled (Build canceled by user during progress monitor)",
        BuildFailed,
        "was stopped",
    ),
    (
        "Timing cache was generated by a different version or on another device",
        BuildFailed,
        "timing cache",
    ),
]


@pytest.mark.parametrize(("line", "error", "words"), REPORTED)
def test_reported(line: str, error: type[EcganError], words: str) -> None:
    problem = explain([line], Path("a.file"))
    assert type(problem) is error
    assert words in problem.message


def test_every_row_is_held_by_a_case(rtx: Flavour) -> None:
    lines = [line for line, *_ in REPORTED]
    for case in PROVOKED:
        if type(case) is tuple:  # the others need that no GPU is here, and are reported too
            lines += what_is_said(rtx, case[0])
    unmet = [row.pattern for row in ROWS if not any(re.search(row.pattern, line) for line in lines)]
    assert not unmet


def test_unknown_failure_carries_the_first_line_without_places_in_foreign_source() -> None:
    problem = explain(
        ["IBuilder::x: Error Code 9: Skew (It went askew. In f at /_src/a.cpp:12)", "second"], "m"
    )
    assert type(problem) is BuildFailed
    assert (
        problem.message == "'m': TensorRT failed: IBuilder::x: Error Code 9: Skew (It went askew.)"
    )


def test_silence_is_said() -> None:
    assert "nothing was said" in explain([], "m").message


def test_the_place_in_the_graph_is_named(rtx: Flavour) -> None:
    bench = Bench(rtx, BYTES_INSIDE)
    assert "(node 1, Cast)" in explain(bench.parse_errors, "m").message


def test_echoes_of_an_error_are_left_out(rtx: Flavour) -> None:
    with listening() as said:
        load(lambda plan: b"")(rtx)
    assert len(said.errors) == 1


def test_listeners_hear_only_their_own_time(rtx: Flavour) -> None:
    with listening() as outer:
        with listening() as inner:
            mix_up_batches(rtx)
        heard = len(inner.errors)
        mix_up_batches(rtx)
    assert heard == len(inner.errors)
    assert len(outer.errors) == 2 * heard
