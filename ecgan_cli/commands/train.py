"""`ecgan train`: a network from a folder of faces."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ecgan.engine.errors import OptionError

from .. import console, options
from ..interrupts import GracefulStop
from ..options import option

if TYPE_CHECKING:
    from ecgan.trainer.dry_run import DryRun

PLAN = "The plan"
WHERE = "Where it runs"
LOOK = "Look first"

GRACE_S = 20.0
"""How long Ctrl-C waits for the end of a step, after which the run is saved."""


def command(
    network: Annotated[
        str | None,
        typer.Argument(
            metavar="NETWORK",
            help="ecgan-fast, segmenter, ecgan (the paper's), ecgan-baseline or expression-judge.",
            show_default="the preset's",
        ),
    ] = None,
    run_dir: Annotated[
        Path | None,
        option(
            "--run-dir FOLDER", "Gets checkpoints, figures and pictures; a run found there goes on."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        option(
            "--preset NAME",
            "fast, its stages recon, coarse, labelled, exact, fine, or tiny (ecgan-fast); drawn, photos or tiny (segmenter); judge or tiny (expression-judge); paper or tiny (the others).",
            PLAN,
            default="the first",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        option(
            "--config FILE",
            "TOML file whose keys win over the preset's; a table named like a stage is for that one alone.",
            PLAN,
        ),
    ] = None,
    data: Annotated[
        str | None,
        option(
            "--data DATA",
            "Folder of ecgan prepare, or several as A,B=0.5 with how often each comes.",
            PLAN,
        ),
    ] = None,
    teachers: Annotated[
        str | None,
        option("--teachers FOLDER", "Feature networks for the losses; '' to do without.", PLAN),
    ] = None,
    photos: Annotated[
        str | None,
        option(
            "--photos FOLDER",
            "Photos of people who wear masks: samples of the segmenter, shapes of holes for ecgan-fast.",
            PLAN,
        ),
    ] = None,
    start: Annotated[
        str | None,
        option(
            "--start CHECKPOINT",
            "Begin with these weights: a checkpoint, or the folder of another run.",
            PLAN,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        option("--samples N", "Length of the run, or of each of its stages.", PLAN, min=1),
    ] = None,
    batch: Annotated[
        int | None,
        option("--batch N", "Samples a step, over all processes.", PLAN, min=1),
    ] = None,
    seed: Annotated[
        int | None,
        option("--seed N", "The same seed trains the same weights.", PLAN, min=0),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None,
        option("--device", "auto takes a GPU where there is one.", WHERE),
    ] = None,
    devices: Annotated[
        int | None,
        option(
            "--devices N", "GPUs, or processes on the CPU, that share each batch.", WHERE, min=1
        ),
    ] = None,
    nodes: Annotated[
        int | None,
        option("--nodes N", "Machines; Slurm and torchrun are understood.", WHERE, min=1),
    ] = None,
    precision: Annotated[
        Literal["bf16", "fp32"] | None,
        option("--precision", "bf16 where that does no harm, or fp32 everywhere.", WHERE),
    ] = None,
    threads: Annotated[
        int | None,
        option("--threads N", "CPU threads of the arithmetic; 0 leaves it to torch.", WHERE, min=0),
    ] = None,
    workers: Annotated[
        int | None,
        option(
            "--workers N", "Processes that draw samples, for a GPU; 0 for a thread.", WHERE, min=0
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        option(
            "--dry-run -n",
            "Print parameters, GFLOP, memory and speed by a few real steps; keep nothing.",
            LOOK,
        ),
    ] = False,
    print_config: Annotated[
        bool,
        option("--print-config", "Print all values as TOML that --config takes, and end.", LOOK),
    ] = False,
    as_json: Annotated[
        bool,
        option("--json", "With --dry-run: print JSON.", LOOK, callback=console.json_option),
    ] = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a network; stopped and started again, it goes on where it was.

    NETWORK may be left out: --preset paper trains the paper's, every other preset ecgan-fast.
    """
    given: dict[str, Any] = {
        "data": data,
        "teachers": teachers,
        "photos": photos,
        "start": start,
        "samples": samples,
        "batch": batch,
        "seed": seed,
        "device": device,
        "devices": devices,
        "nodes": nodes,
        "precision": precision,
        "threads": threads,
        "workers": workers,
    }
    if as_json and not dry_run:
        raise OptionError("--json has no effect without --dry-run")
    from ecgan.trainer import runs

    overrides = {key: value for key, value in given.items() if value is not None}
    plan = runs.make_plan(network, preset, config, overrides)
    if print_config:
        console.result(plan.as_toml().rstrip("\n"))
        return
    console.show_course()
    if dry_run:
        _show(runs.dry_run(plan, run_dir), as_json)
        return
    if run_dir is None:
        raise OptionError("--run-dir is missing", hint="name a folder, as in --run-dir runs/first")
    from ..training_progress import TrainingProgress

    with GracefulStop(GRACE_S) as stop, TrainingProgress(stop.check) as progress:
        runs.train(plan, run_dir, progress)


def _show(found: list[DryRun], as_json: bool) -> None:
    if as_json:
        console.json_result([dataclasses.asdict(one) for one in found])
        return
    for one in found:
        for label, text in _lines(one):
            console.result(f"{label:<12}{text}")


def _lines(one: DryRun) -> list[tuple[str, str]]:
    share = one.real_per_s / one.fixed_per_s
    hours = one.samples / one.real_per_s / 3600
    memory = f"{one.memory_mib} MiB at most" if one.memory_mib else "unknown"
    return [
        ("network", f"{one.name}, on {one.device}"),
        (
            "parameters",
            f"{one.parameters / 1e6:.2f} M, {one.all_parameters / 1e6:.2f} M with all that learns",
        ),
        ("forward", f"{one.gflop:.1f} GFLOP for one face of {one.side}x{one.side} px"),
        ("memory", f"{memory}, batch {one.batch}"),
        (
            "speed",
            f"{one.real_per_s:.2f} samples/s; {one.fixed_per_s:.2f} with a fixed batch ({share:.2f})",
        ),
        ("drawing", f"{one.draw_ms:.1f} ms a sample on one core"),
        ("whole run", f"{one.samples:,} samples, about {hours:.1f} h"),
    ]
