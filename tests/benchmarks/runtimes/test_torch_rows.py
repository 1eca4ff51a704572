"""The rows of torch; those for a card on stand-ins that record what is asked of it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ecgan.benchmarks.runtimes import torch_rows
from ecgan.benchmarks.runtimes.rows import Model
from ecgan.engine.errors import BackendUnavailable
from ecgan.trainer.torch_graph import load_graph

from ...engine.backends.conftest import generator_feeds


@pytest.fixture
def model(model_folder: Path) -> Model:
    return Model("tiny", "generator", {"fp32": model_folder / "generator.onnx"})


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A card whose memory is the CPU's; events tick by 2 ms."""
    log: list[str] = []
    ticks = iter(range(0, 1000, 2))

    class Event:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            self.at = next(ticks)

        def synchronize(self) -> None:
            log.append("synchronize")

        def elapsed_time(self, other: Event) -> float:
            return float(other.at - self.at)

    class Graph:
        def replay(self) -> None:
            log.append("replay")

    class Stream:
        def wait_stream(self, other: Any) -> None:
            log.append("wait")

    @contextmanager
    def entered(*_: Any):
        log.append("enter")
        yield

    for name, value in {
        "Event": Event,
        "CUDAGraph": Graph,
        "Stream": Stream,
        "current_stream": Stream,
        "stream": entered,
        "graph": entered,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch_rows, "CUDA", "cpu")
    return log


def test_a_card_tells_upload_compute_and_download(model: Model, card: list[str]) -> None:
    backend = torch_rows.CudaBackend(load_graph(model.file("fp32")), graph=False)
    feeds = generator_feeds(2)
    (found,) = backend.run(feeds).values()
    (expected,) = torch_rows.open_eager(model, 1).run(feeds).values()
    np.testing.assert_array_equal(found, expected)
    assert backend.parts_ms == {"upload": 2.0, "compute": 2.0, "download": 2.0}
    assert card == ["synchronize"]


def test_one_graph_a_batch_size_is_captured_and_then_replayed(
    model: Model, card: list[str]
) -> None:
    backend = torch_rows.CudaBackend(load_graph(model.file("fp32")), graph=True)
    feeds = generator_feeds(2)
    for _ in range(3):
        backend.run(feeds)
    backend.run(generator_feeds(1))
    assert card.count("replay") == 4
    assert len(backend._captured) == 2
    assert card.count("enter") == 4  # a side stream and a capture, for each of two batch sizes


def test_without_a_card_the_reason_is_said(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendUnavailable, match="torch finds no NVIDIA GPU"):
        torch_rows.open_cuda(model, 1)


def test_the_compiled_row_has_its_weights_in_channels_last(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def compiled(module: torch.nn.Module, *, dynamic: bool) -> torch.nn.Module:
        seen["dynamic"] = dynamic
        return module

    monkeypatch.setattr(torch, "compile", compiled)
    feeds = generator_feeds(1)
    (found,) = torch_rows.open_compiled(model, 1).run(feeds).values()
    (expected,) = torch_rows.open_eager(model, 1).run(feeds).values()
    np.testing.assert_array_equal(found, expected)
    assert seen == {"dynamic": False}
