"""The shipped networks on ONNX Runtime against the paper's generator in torch, one face.

python -m ecgan.benchmarks.latency [--models FOLDER] [--rounds N] [--threads N]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from ecgan.engine.backends import BACKENDS, Backend
from ecgan.engine.errors import EcganError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.models import GENERATOR, SEGMENTER, load_manifest, model_folder, verified_path
from ecgan.engine.types import CROP_SIZE
from ecgan.trainer.networks import NETWORKS

from .harness import Timing, interleave, speedup
from .machine import machine_line

PAPER = "paper's generator, torch eager"
SHIPPED = "segmenter + generator, ONNX Runtime"


def paper_generator(threads: int) -> Callable[[], object]:
    """A call of the paper's generator on one 256x256 face, in evaluation mode.

    Its weights are torch's initial ones: the time of dense arithmetic does not depend on them.

    Args:
        threads: Threads of torch, for the whole process.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = NETWORKS["ecgan"]().eval()
    picture = torch.rand(1, 6, CROP_SIZE, CROP_SIZE) * 2 - 1
    label = torch.tensor([3])

    def call() -> object:
        with torch.no_grad():
            return network(picture, label)

    return call


def shipped_networks(segmenter: Backend, generator: Backend) -> Callable[[], object]:
    """A call of segmenter and generator on one face, bytes in and bytes out.

    Args:
        segmenter: Opened model with input ``crop`` and output ``mask``.
        generator: Opened model with inputs ``crop``, ``mask`` and ``expression``.
    """
    rng = np.random.default_rng(0)
    crop = rng.integers(0, 256, (1, CROP_SIZE, CROP_SIZE, 3), dtype=np.uint8)
    expression = np.eye(len(EXPRESSIONS), dtype=np.float32)[3:4]

    def call() -> object:
        mask = segmenter.run({"crop": crop})["mask"]
        return generator.run({"crop": crop, "mask": mask, "expression": expression})

    return call


def measure(models: Path, *, rounds: int, threads: int) -> tuple[Timing, Timing]:
    """Time the paper's generator and the shipped networks in the same rounds.

    Args:
        models: Folder with a manifest, a segmenter and a generator.
        rounds: Timed calls of each.
        threads: Threads of each runtime.

    Returns:
        The paper's timing and ours.

    Raises:
        ModelMissing: The folder lacks a model.
        ModelMismatch: A model's bytes are not those of the manifest.
    """
    with ExitStack() as stack:
        opened = []
        for kind in (SEGMENTER, GENERATOR):
            path = verified_path(models, load_manifest(models).of_kind(kind))
            backend = BACKENDS["onnxruntime"].open(path, device="cpu", threads=threads)
            stack.callback(backend.close)
            opened.append(backend)
        variants = {PAPER: paper_generator(threads), SHIPPED: shipped_networks(*opened)}
        paper, shipped = interleave(variants, rounds=rounds)
    return paper, shipped


def table(paper: Timing, shipped: Timing, threads: int) -> str:
    """The result as text, with the machine it was measured on.

    On a busy machine look at the ratio of the fastest rounds: what disturbs torch's two threads
    slows it by more than it slows ONNX Runtime.
    """
    lines = [
        f"one face, {CROP_SIZE}x{CROP_SIZE}, {threads} threads, {len(paper.times_ms)} rounds",
        f"{'':38}{'median ms':>11}{'p90 ms':>9}{'fastest ms':>12}{'speed-up':>10}{'of fastest':>12}",
    ]
    for timing in (paper, shipped):
        figures = f"{timing.median_ms:11.1f}{timing.p90_ms:9.1f}{timing.fastest_ms:12.1f}"
        ratios = f"{speedup(paper, timing):10.2f}{paper.fastest_ms / timing.fastest_ms:12.2f}"
        lines.append(f"{timing.name:38}{figures}{ratios}")
    return "\n".join([*lines, machine_line()])


def _count(text: str) -> int:
    """A command line value that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is below 1")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m ecgan.benchmarks.latency", description=__doc__)
    parser.add_argument("--models", type=Path, default=model_folder(), help="folder of a manifest")
    parser.add_argument("--rounds", type=_count, default=15)
    parser.add_argument("--threads", type=_count, default=2)
    options = parser.parse_args(argv)
    try:
        timings = measure(options.models, rounds=options.rounds, threads=options.threads)
    except EcganError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stdout.write(table(*timings, options.threads) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
