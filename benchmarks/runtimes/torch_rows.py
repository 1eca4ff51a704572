"""The rows that torch runs: as is, compiled, and on a card with or without a captured graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ecgan.engine.backends.base import Array
from ecgan.engine.backends.checks import check_feeds
from ecgan.engine.contract import INPUTS, OUTPUTS
from ecgan.engine.errors import BackendUnavailable
from ecgan.engine.models import GENERATOR
from ecgan.trainer.export.contract import RANGES, SYMMETRIC, with_contract
from ecgan.trainer.networks import NETWORKS
from ecgan.trainer.networks.blocks import channels_last
from ecgan.trainer.torch_backend import TorchBackend
from ecgan.trainer.torch_graph import TorchModel, load_graph

from .rows import Model

CUDA = "cuda:0"
GRAPH_WARMUP = 3
"""Runs before a capture: libraries choose their kernels and allocate in them."""


def initial_network() -> nn.Module:
    """The paper's generator as torch initialises it with seed 0, in evaluation mode.

    The time of dense arithmetic does not depend on the weights.
    """
    torch.manual_seed(0)
    network: nn.Module = NETWORKS["ecgan"]().eval()
    return network


def _network(model: Model, precision: str = "fp32") -> TorchModel:
    """The paper's network as its authors run it, unfolded; any other from its file."""
    if not model.initial or precision != "fp32":
        return load_graph(model.file(precision))
    module = _InTuple(with_contract(initial_network(), RANGES[SYMMETRIC]))
    return TorchModel(module, INPUTS[GENERATOR], {"painted": OUTPUTS[GENERATOR]})


class _InTuple(nn.Module):
    """Gives its one output in a tuple, as a model file's module does."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *given: Tensor) -> tuple[Tensor]:
        return (self.module(*given),)


def open_eager(model: Model, threads: int) -> TorchBackend:
    """The PyTorch path."""
    torch.set_num_threads(threads)
    return TorchBackend(_network(model), "cpu")


def open_compiled(model: Model, threads: int) -> TorchBackend:
    """Weights in channels_last, compiled for each batch size on its first run."""
    torch.set_num_threads(threads)
    network = _network(model)
    compiled: Any = torch.compile(channels_last(network.module), dynamic=False)
    return TorchBackend(replace(network, module=compiled), "cpu")


def open_cuda(model: Model, threads: int) -> CudaBackend:
    """The PyTorch path on a card, in true float32."""
    torch.backends.cudnn.allow_tf32 = False
    return CudaBackend(_for_card(model, "fp32"), graph=False)


def open_cuda_graph(model: Model, threads: int) -> CudaBackend:
    """The float16 file on a card, replayed from one captured graph a batch size."""
    return CudaBackend(_for_card(model, "fp16"), graph=True)


def _for_card(model: Model, precision: str) -> TorchModel:
    if not torch.cuda.is_available():
        raise BackendUnavailable(
            "torch finds no NVIDIA GPU", hint="install a torch that is built for CUDA"
        )
    network = _network(model, precision)
    channels_last(network.module)
    return network


class CudaBackend(TorchBackend):
    """A module on a card that says how long upload, compute and download took.

    Args:
        model: What to run.
        graph: Whether to capture the computation, one graph a batch size.
    """

    def __init__(self, model: TorchModel, *, graph: bool) -> None:
        super().__init__(model, CUDA)
        self.parts_ms: dict[str, float] = {}
        self._graph = graph
        self._captured: dict[int, tuple[torch.cuda.CUDAGraph, list[Tensor], list[Tensor]]] = {}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs; ``parts_ms`` then holds what each part took."""
        check_feeds(self.inputs, feeds)
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(4)]
        with torch.inference_mode():
            marks[0].record()
            given = [torch.from_numpy(feeds[name]).to(self.device) for name in self.inputs]
            marks[1].record()
            computed = self._compute(given)
            marks[2].record()
            found = [value.cpu().numpy() for value in computed]
            marks[3].record()
        marks[3].synchronize()
        names = ("upload", "compute", "download")
        self.parts_ms = {name: marks[i].elapsed_time(marks[i + 1]) for i, name in enumerate(names)}
        return dict(zip(self.outputs, found, strict=True))

    def _compute(self, given: list[Tensor]) -> list[Tensor]:
        if not self._graph:
            return list(self._module(*given))
        batch = len(given[0])
        if batch not in self._captured:
            self._captured[batch] = self._capture(given)
        graph, inputs, outputs = self._captured[batch]
        for held, new in zip(inputs, given, strict=True):
            held.copy_(new)
        graph.replay()
        return outputs

    def _capture(
        self, given: list[Tensor]
    ) -> tuple[torch.cuda.CUDAGraph, list[Tensor], list[Tensor]]:
        inputs = [value.clone() for value in given]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(GRAPH_WARMUP):
                self._module(*inputs)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = list(self._module(*inputs))
        return graph, inputs, outputs
