"""Torch as a runtime of model files: the reference that the others are held against."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ecgan.engine.backends import BACKENDS
from ecgan.engine.backends.base import Array, TensorSpec
from ecgan.engine.backends.checks import check_feeds, cuda_index, thread_count
from ecgan.engine.errors import BackendUnavailable, EcganError, OutOfMemory, one_line

if TYPE_CHECKING:
    from .torch_graph import TorchModel


def register() -> None:
    """Make the backend known to the engine, which itself never names torch."""
    BACKENDS.add("torch", "ecgan.trainer.torch_backend:TorchBackend")


class TorchBackend:
    """A model file run by torch, node by node. See ``Backend`` for the contract.

    ``run`` may be called from several threads at once. The number of threads to compute with is
    torch's own: it holds for the whole process.
    """

    name = "torch"

    def __init__(self, model: TorchModel, device: str) -> None:
        self.device = device
        self.inputs: Mapping[str, TensorSpec] = model.inputs
        self.outputs: Mapping[str, TensorSpec] = model.outputs
        self._module: Any = model.module.to(device)

    @classmethod
    def open(cls, path: Path, *, device: str = "auto", threads: int | None = None) -> Self:
        """As ``Backend.open``; "auto" is a card where torch has one, else the CPU.

        A file with a node that is not known here is refused too.
        """
        index, count = cuda_index(device), thread_count(threads)
        try:
            import torch

            from .torch_graph import load_graph
        except ImportError as error:
            raise BackendUnavailable(
                f"backend 'torch' cannot be used: {one_line(error)}",
                hint="pip install 'ecgan[train]'",
            ) from error
        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if index is not None and index >= cards:
            raise BackendUnavailable(
                f"device '{device}' cannot be used by torch here",
                hint="install a torch that is built for CUDA, or take --device cpu",
            )
        torch.set_num_threads(count)
        where = "cpu" if device == "cpu" or not cards else f"cuda:{index or 0}"
        return cls(load_graph(path), where)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """As ``Backend.run``."""
        import torch

        module = self._module
        if module is None:
            raise EcganError("the model is closed")
        check_feeds(self.inputs, feeds)
        try:
            with torch.inference_mode():
                given = [torch.from_numpy(feeds[name]).to(self.device) for name in self.inputs]
                found = [value.cpu().numpy() for value in module(*given)]
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise OutOfMemory(
                f"torch ran out of memory on {self.device}",
                hint="close other programs, or use --device cpu",
            ) from error
        except RuntimeError as error:
            raise EcganError(f"torch failed on {self.device}: {one_line(error)}") from error
        return dict(zip(self.outputs, found, strict=True))

    def close(self) -> None:
        """As ``Backend.close``."""
        self._module = None
