"""`ecgan build-engine`: model files become TensorRT engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ecgan.engine.errors import EcganError

from .. import console, options
from ..options import option

if TYPE_CHECKING:
    from rich.table import Table

    from ecgan.engine.tensorrt.build import BuildOptions, Opener
    from ecgan.engine.tensorrt.sidecar import Sidecar
    from ecgan.engine.tensorrt.sources import Source

BATCHES = "Batches"


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Networks that ship, by name; .onnx files; or folders of ecgan export.",
            show_default="the segmenter and the generators that ship",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        option(
            "--output -o PATH",
            "A file for one model, else a folder. Each engine gets a .json beside it.",
            options.OUTPUT,
            default="NAME.engine where ecgan unmask finds it",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        option("--overwrite", "Replace engines that exist.", options.OUTPUT),
    ] = False,
    precision: Annotated[
        Literal["fp32", "fp16"] | None,
        option(
            "--precision",
            "Numbers the networks compute with; a file that computes in others is refused.",
            default="fp32; of a file, its own",
        ),
    ] = None,
    target: Annotated[
        str | None,
        option(
            "--target GPUS",
            "current: the GPU here; portable: all that can be; or compute capabilities, as in sm86,sm89.",
            default="current, without a GPU portable",
        ),
    ] = None,
    flavour: Annotated[
        Literal["auto", "tensorrt", "rtx"],
        option(
            "--flavour", "tensorrt builds on and for a GPU; rtx, TensorRT for RTX, without one too."
        ),
    ] = "auto",
    min_batch: Annotated[
        int,
        option("--min-batch N", "Fewest faces at once.", BATCHES),
    ] = 1,
    opt_batch: Annotated[
        int | None,
        option(
            "--opt-batch N",
            "Faces at once that it is fastest for.",
            BATCHES,
            default="4, or the nearest that is allowed",
        ),
    ] = None,
    max_batch: Annotated[
        int,
        option(
            "--max-batch N", "Most faces at once; more takes more of the GPU's memory.", BATCHES
        ),
    ] = 16,
    workspace: Annotated[
        int,
        option(
            "--workspace MIB",
            "Most GPU memory that a layer may take for scratch.",
            options.RUNTIME,
            min=1,
        ),
    ] = 1024,
    timing_cache: Annotated[
        Path | None,
        option(
            "--timing-cache FILE",
            "Kernel timings to begin with and to add to, for a quicker build; tensorrt only.",
            options.RUNTIME,
        ),
    ] = None,
    as_json: options.Json = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Build TensorRT engines for NVIDIA GPUs from model files.

    Precision is in the model file: an fp16 engine needs a file that computes in fp16.
    """
    from ecgan.engine.tensorrt.build import BuildOptions
    from ecgan.engine.tensorrt.cache import engine_folder
    from ecgan.engine.tensorrt.sources import find_sources, plan_engines

    wanted = BuildOptions(
        flavour=flavour,
        target=target,
        min_batch=min_batch,
        opt_batch=opt_batch,
        max_batch=max_batch,
        workspace_mib=workspace,
        timing_cache=timing_cache,
    )
    built: dict[Path, Sidecar] = {}
    failure: EcganError | None = None
    try:
        sources = find_sources(models or [], precision)
        planned = plan_engines(sources, output, kept=engine_folder(), overwrite=overwrite)
        _build(planned, wanted, built)
    except EcganError as error:
        failure = error
    if built and not console.is_quiet():
        console.stderr().print(_table(built))
    if as_json:
        console.json_result(_document(built, failure))
    else:
        for path in built:
            console.result(str(path))
    if failure is not None:
        raise failure


def _build(
    planned: Mapping[Path, Source], wanted: BuildOptions, built: dict[Path, Sidecar]
) -> None:
    """Build one engine after the other, adding each to ``built`` when it is on the disk."""
    from ecgan.engine.tensorrt.build import build_engine

    from ..build_bar import BuildBar
    from ..interrupts import GracefulStop, warning_if_stopped

    opener = _opener(wanted.builder)
    with (
        warning_if_stopped("no half engine was left"),
        GracefulStop() as stop,
        BuildBar(stop.check) as bar,
    ):
        for path, source in planned.items():
            asked = replace(wanted, precision=source.precision)
            progress = bar.begin(path.name)
            built[path] = build_engine(source.path, path, asked, progress, opener=opener)


def _opener(flavour: str) -> Opener | None:
    """What holds an engine against its model before it is kept; None where no GPU answers."""
    from ecgan.engine.tensorrt.driver import answering_gpu
    from ecgan.engine.tensorrt.platform import find_platform

    return None if answering_gpu() is None else find_platform(flavour=flavour).trial


def _table(built: Mapping[Path, Sidecar]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("engine", "built by", "for", "precision", "faces", "agrees", "size", "time"):
        table.add_column(heading, overflow="fold")
    for path, sidecar in built.items():
        table.add_row(
            path.name,
            f"{sidecar.flavour} {sidecar.version}",
            " ".join(sidecar.targets),
            sidecar.precision,
            f"{sidecar.min_batch} to {sidecar.max_batch}",
            f"{sidecar.parity['psnr']:.1f} dB" if sidecar.parity else "not run",
            f"{sidecar.plan_bytes / 1e6:.1f} MB",
            f"{sidecar.build_s:.1f} s",
        )
    return table


def _document(built: Mapping[Path, Sidecar], failure: EcganError | None) -> dict[str, Any]:
    """The JSON document of a run: each engine's sidecar with its path, and what they took."""
    from importlib.metadata import version

    sidecars = built.values()
    return {
        "ecgan": version("ecgan"),
        **console.outcome(failure),
        "build_s": round(sum(sidecar.build_s for sidecar in sidecars), 3),
        "peak_memory_mib": max((sidecar.peak_memory_mib for sidecar in sidecars), default=0.0),
        "engines": [{"path": str(path), **sidecar.to_json()} for path, sidecar in built.items()],
    }
