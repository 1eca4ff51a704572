"""TensorRT: engines on an NVIDIA GPU, built on first use and kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from ..errors import BackendUnavailable, ModelMismatch
from ..tensorrt.platform import Platform, find_platform
from .base import Array, TensorSpec
from .checks import cuda_index, thread_count
from .pending import Feed

if TYPE_CHECKING:
    from ..tensorrt.runner import Runner, Ticket


class TensorRtBackend:
    """A model as a TensorRT engine. See ``Backend`` for the contract.

    ``run`` and ``submit`` may be called from several threads at once. All models on one GPU share a
    stream: what one left in the GPU's memory is not sent there again for the next.
    """

    name = "tensorrt"

    def __init__(self, runner: Runner, device: str) -> None:
        self.device = device
        self.inputs: Mapping[str, TensorSpec] = runner.inputs
        self.outputs: Mapping[str, TensorSpec] = runner.outputs
        self._runner = runner

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        graphs: bool = True,
        library: str | None = None,
    ) -> Self:
        """As ``Backend.open``: finds the engine of a model file, or builds it, and loads it.

        On a GPU alone: "auto" is the first, "cpu" is an error, and threads are of no use.

        Args:
            graphs: Whether to record CUDA graphs.
            library: What talks to the driver: "cuda-python" or "pycuda"; None for pycuda in a
                program that holds a context of it.

        Raises:
            OptionError: ``library`` is unknown.
            EcganError: The engine cannot be built, or does not run here.
        """
        index = cuda_index(device)
        thread_count(threads)
        if device == "cpu":
            raise BackendUnavailable(
                "device 'cpu' cannot be used by tensorrt", hint="--backend onnxruntime"
            )
        platform: Platform = find_platform(index or 0, library)
        return cls(platform.open(path, graphs=graphs), f"cuda:{index or 0}")

    @property
    def parts_ms(self) -> dict[str, float]:
        """Milliseconds that "upload", "compute" and "download" of the last result took."""
        return self._runner.parts_ms()

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """As ``Backend.run``."""
        return self.submit(feeds).result()

    def submit(self, feeds: Mapping[str, Feed]) -> Parts:
        """Begin to compute.

        Args:
            feeds: Input name -> array, or a list of its rows: rows that are read-only arrays of
                their own and were on the GPU a short time ago are not sent there again.

        Returns:
            What waits for the outputs.

        Raises:
            As ``run`` does.
        """
        count = check_rows(self.inputs, feeds)
        limit = self._runner.max_batch
        tickets = [
            self._runner.submit(
                {name: feed[begin : begin + limit] for name, feed in feeds.items()},
                min(limit, count - begin),
            )
            for begin in range(0, count, limit)
        ]
        return Parts(tickets)

    def close(self) -> None:
        """As ``Backend.close``."""
        self._runner.close()


class Parts:
    """Batches on their way that were one to the caller.

    Args:
        tickets: At least one.
    """

    def __init__(self, tickets: list[Ticket]) -> None:
        self._tickets = tickets

    def result(self) -> dict[str, Array]:
        """Wait for all: output name -> array; raises what failed."""
        parts = [ticket.result() for ticket in self._tickets]
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def run_networks(
    segmenter: TensorRtBackend, generator: TensorRtBackend, feeds: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Segmenter and generator one after the other, with nothing in between leaving the GPU.

    The generator paints under the segmenter's mask as it is. ``ecgan unmask`` works on the mask in
    between, on the CPU; this is for who does not.

    Args:
        segmenter: The opened segmenter.
        generator: The opened generator, on the same GPU.
        feeds: "crop" (N, 256, 256, 3) uint8 and "expression" (N, 7) float32; N at most what both
            engines take.

    Returns:
        The outputs of both.

    Raises:
        ModelMismatch: The feeds do not fit, or the two do not fit together.
        EcganError: As ``TensorRtBackend.run`` does.
    """
    from ..tensorrt.runner import run_chain

    (mask,) = segmenter.outputs
    wanted = {**segmenter.inputs, "expression": generator.inputs["expression"]}
    count = check_rows(wanted, feeds)
    links = {"crop": "crop", "mask": mask}
    first, second = run_chain(segmenter._runner, generator._runner, feeds, links, count)
    return first.result(), second.result()


def check_rows(inputs: Mapping[str, TensorSpec], feeds: Mapping[str, Feed]) -> int:
    """Hold feeds against a model's inputs.

    Returns:
        How many rows each of them has.

    Raises:
        ModelMismatch: A name, a type, a shape or a number of rows differs.
    """
    if feeds.keys() != inputs.keys():
        raise ModelMismatch(f"the model takes {sorted(inputs)}, got {sorted(feeds)}")
    counts = {len(feed) for feed in feeds.values()}
    if len(counts) != 1 or 0 in counts:
        raise ModelMismatch(f"inputs have {sorted(counts)} rows, expected the same for all")
    for name, spec in inputs.items():
        feed = feeds[name]
        for row in [feed[0]] if isinstance(feed, np.ndarray) else feed:
            if row.dtype != spec.dtype or row.shape != spec.shape[1:]:
                raise ModelMismatch(
                    f"input '{name}' is {spec.dtype} {spec.shape}, "
                    f"got rows of {row.dtype} {row.shape}"
                )
    return counts.pop()
