"""Every name of TensorRT that our code uses exists in TensorRT 10, 11 and RTX, with the same call.

RTX is the installed one. The others cannot be installed without NVIDIA's index, so what their true
bindings offer is recorded in ``tests/data/tensorrt`` by ``record_bindings.py``, which says how.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from ecgan.engine.tensorrt.flavour import Flavour

from .record_bindings import CLASSES, describe

ROOT = Path(__file__).resolve().parents[3]
RECORDS = sorted((ROOT / "tests" / "data" / "tensorrt").glob("bindings-*.json"))
SOURCES = [
    path
    for path in sorted((ROOT / "engine" / "tensorrt").glob("*.py"))
    if not path.name.startswith("fake_")
]

RTX_ONLY = {
    "ComputeCapability",
    "num_compute_capabilities",
    "set_compute_capability",
    "get_engine_validity",
    "create_runtime_cache",
    "set_runtime_cache",
    "get_runtime_cache",
    "cuda_graph_strategy",
    "CudaGraphStrategy",
    "dynamic_shapes_kernel_specialization_strategy",
    "DynamicShapesKernelSpecializationStrategy",
    "is_stream_capturable",
}
"""What only RTX has; our code has to ask for the flavour before it uses one of these."""

OTHERS = {"precision", "itemsize"}
"""Attributes of our classes and of NumPy's that some TensorRT has by the same name."""

Bindings = dict[str, dict[str, str]]


def used_names() -> set[str]:
    """Attributes that the package reads or sets, TensorRT's among them."""
    found = {
        node.attr
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    return found - OTHERS


def recorded(path: Path) -> Bindings:
    classes: Bindings = json.loads(path.read_text(encoding="utf-8"))["classes"]
    return classes


def arguments(signature: str) -> list[str]:
    """Names of a call's arguments; empty where the call is overloaded and has many."""
    return re.findall(r"(\w+): ", signature)


@pytest.fixture(scope="module")
def installed(rtx: Flavour) -> Bindings:
    return describe(rtx.module)


def test_two_versions_are_recorded() -> None:
    assert [path.stem for path in RECORDS] == ["bindings-10.16.1.11", "bindings-11.4.0.106"]


def test_the_names_that_matter_are_found() -> None:
    """The search would pass with nothing in hand."""
    needed = {"build_serialized_network", "add_optimization_profile", "OnnxParser", "set_shape"}
    assert needed <= used_names()


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_what_rtx_has_and_we_use_is_there(record: Path, installed: Bindings) -> None:
    other = recorded(record)
    names = used_names() - RTX_ONLY
    missing = [
        f"{kind}.{name}"
        for kind in ["", *CLASSES]
        for name in sorted(names & installed[kind].keys() - other[kind].keys())
    ]
    assert not missing


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_what_it_has_and_we_use_is_in_rtx(record: Path, installed: Bindings) -> None:
    other = recorded(record)
    names = used_names()
    gone = [
        f"{kind}.{name}"
        for kind in ["", *CLASSES]
        for name in sorted(names & other[kind].keys() - installed[kind].keys())
    ]
    assert not gone


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_calls_take_the_same_arguments(record: Path, installed: Bindings) -> None:
    other = recorded(record)
    names = used_names()
    different = []
    for kind in CLASSES:
        for name in sorted(names & installed[kind].keys() & other[kind].keys()):
            here, there = arguments(installed[kind][name]), arguments(other[kind][name])
            if here and there and here != there:
                different.append((kind, name, here, there))
    assert not different


@pytest.mark.parametrize("name", sorted(RTX_ONLY))
def test_what_is_listed_as_rtx_s_alone_is(name: str, installed: Bindings) -> None:
    others = [recorded(record) for record in RECORDS]
    assert not any(name in members for other in others for members in other.values())
    assert any(name in members for members in installed.values())
