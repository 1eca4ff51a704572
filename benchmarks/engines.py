"""What building engines takes: seconds and peak memory of `ecgan build-engine`, model by model.

``python -m ecgan.benchmarks.engines`` builds the segmenter and the generators that ship, and the
paper's generator with random weights (they change neither), each in a process of its own, and each
in the precisions that it has. ``--target`` names GPUs; without it, all that TensorRT knows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecgan.engine.models import GENERATOR, SEGMENTER, load_manifest, model_folder
from ecgan.engine.types import CROP_SIZE

from .machine import machine_line

PAPER = "ecgan"


@dataclass(frozen=True)
class EngineBuild:
    """One engine that was built.

    Attributes:
        onnx: File name of the model.
        precision: What it computes in.
        flavour: What built it, with its version.
        targets: GPUs it is for.
        build_s: Seconds that reading the model and building took.
        peak_mib: Largest resident memory of the process in MiB.
        plan_mb: Size of the engine in millions of bytes.
    """

    onnx: str
    precision: str
    flavour: str
    targets: list[str]
    build_s: float
    peak_mib: float
    plan_mb: float


def measure_build(onnx: Path, target: str) -> EngineBuild:
    """Build an engine with the program, in a process of its own, and throw it away.

    Raises:
        subprocess.CalledProcessError: It failed; what it said is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ecgan_cli.main", "build-engine", str(onnx)]
        options = ["--target", target, "--output", folder, "--json", "--quiet"]
        done = subprocess.run([*command, *options], stdout=subprocess.PIPE, check=True)
    [engine] = json.loads(done.stdout)["engines"]
    return EngineBuild(
        onnx.name,
        engine["precision"],
        f"{engine['flavour']} {engine['version']}",
        engine["targets"],
        engine["build_s"],
        engine["peak_memory_mib"],
        engine["plan_bytes"] / 1e6,
    )


def shipped_files() -> list[Path]:
    """All files of the segmenters and generators that ship."""
    folder = model_folder()
    rows = [row for row in load_manifest(folder).models if row.kind in (SEGMENTER, GENERATOR)]
    return [folder / name for row in rows for name in (row.file, *row.precisions.values())]


def export_paper(folder: Path) -> list[Path]:
    """Write both files of the paper's generator, untrained."""
    import torch

    from ecgan.trainer.export import RANGES, SYMMETRIC, export_onnx
    from ecgan.trainer.networks.ecgan import Ecgan

    torch.manual_seed(0)
    crops = np.random.default_rng(0).integers(0, 256, (2, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    made = export_onnx(Ecgan().eval(), folder, PAPER, crops, scale=RANGES[SYMMETRIC])
    return [file.path for file in (made.full, made.half) if file is not None]


def main(arguments: list[str] | None = None) -> int:
    """Print one line a model, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="*", help="ONNX files; none for those above")
    parser.add_argument("--target", default="portable")
    options = parser.parse_args(arguments)
    sys.stdout.write(f"{machine_line()}\n")
    with tempfile.TemporaryDirectory() as folder:
        files = options.models or [*shipped_files(), *export_paper(Path(folder))]
        builds = [_told(measure_build(file, options.target)) for file in files]
    total = sum(build.build_s for build in builds)
    sys.stdout.write(f"together {total:.1f} s, peak {max(b.peak_mib for b in builds):.0f} MiB\n")
    return 0


def _told(build: EngineBuild) -> EngineBuild:
    sys.stdout.write(
        f"{build.onnx}: {build.precision}, {build.build_s:.1f} s, peak {build.peak_mib:.0f} MiB, "
        f"{build.plan_mb:.1f} MB for {' '.join(build.targets)} by {build.flavour}\n"
    )
    sys.stdout.flush()
    return build


if __name__ == "__main__":
    sys.exit(main())
