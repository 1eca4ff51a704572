"""`ecgan benchmark`: the same work on every runtime, with what it gave held against torch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from ecgan.engine.errors import OptionError, ParityError

from .. import console, options
from ..options import option

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from ecgan.benchmarks.runtimes.report import Table
    from ecgan.benchmarks.runtimes.result import WorkResult
    from ecgan.benchmarks.runtimes.suite import Settings

WHAT = "What to measure"
HOW = "How often"
QUICK_ROUNDS, QUICK_FRAMES, QUICK_ROWS_LEFT_OUT = 5, 20, ("torch-compile",)

_log = logging.getLogger("ecgan.benchmark")


def command(
    networks: Annotated[
        Literal["all", "paper", "model"],
        option(
            "--networks",
            "paper: the published generator with random weights; model: those of --model.",
            WHAT,
        ),
    ] = "all",
    model: options.Model = None,
    row: Annotated[
        list[str] | None,
        option(
            "--row NAME",
            "Only this row beside torch, such as onnxruntime or tensorrt-fp16; may be repeated.",
            WHAT,
            default="all",
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        option(
            "--batch N", "Faces a run; may be repeated.", WHAT, default="1, 4 and 16", min=1, max=16
        ),
    ] = None,
    video: Annotated[
        Path | None,
        option(
            "--video FILE",
            "Take the faces from this video of a masked face, and also measure it from file to file.",
            WHAT,
        ),
    ] = None,
    threads: options.Threads = None,
    rounds: Annotated[
        int | None,
        option("--rounds N", "Timed runs of each row, taken in turn.", HOW, default="30", min=1),
    ] = None,
    warmup: Annotated[
        int,
        option("--warmup N", "Runs before them.", HOW, min=0),
    ] = 3,
    limit: Annotated[
        float,
        option(
            "--limit SECONDS", "Begin no further round of a batch size after so long.", HOW, min=1
        ),
    ] = 60.0,
    quick: Annotated[
        bool,
        option(
            "--quick",
            "A first impression: 5 rounds of one face, 20 frames of a video, nothing that has to be compiled.",
            HOW,
        ),
    ] = False,
    output: Annotated[
        Path | None,
        option(
            "--output -o FOLDER",
            "Write benchmark.json, benchmark.md and benchmark.png there.",
            options.OUTPUT,
        ),
    ] = None,
    as_json: options.Json = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure how fast the networks run here: torch, ONNX Runtime, OpenVINO, TensorRT.

    Each row runs in a process of its own. What it gives is compared with torch in float32, and a row
    with another answer gets no time. A row that cannot run here says why.
    """
    from ecgan.benchmarks.machine import machine
    from ecgan.benchmarks.runtimes import report
    from ecgan.benchmarks.runtimes.rows import ROWS
    from ecgan.benchmarks.runtimes.suite import PAPER, WORKS, Settings
    from ecgan.engine.backends.checks import thread_count

    if quick and rounds is not None:
        raise OptionError("--rounds has no effect with --quick")
    rows = tuple(row or ())
    if quick and not rows:
        rows = tuple(each.name for each in ROWS if each.name not in QUICK_ROWS_LEFT_OUT)
    settings = Settings(
        models=model,
        works={"all": WORKS, "paper": (PAPER,), "model": ("model",)}[networks],
        rows=rows,
        batches=tuple(sorted(set(batch or ((1,) if quick else (1, 4, 16))))),
        rounds=QUICK_ROUNDS if quick else (rounds or 30),
        warmup=warmup,
        threads=thread_count(threads),
        limit_s=limit,
        video=video,
        frames=QUICK_FRAMES if quick else None,
        passes=1 if quick else 3,
    )
    here = machine()
    if not console.is_quiet():
        console.note(report.machine_words(here))
        console.note(report.settings_words(_named(settings)))
    results = _measure(settings)
    document = _document(here, settings, results)
    if not console.is_quiet():
        for table in report.tables(results):
            _show(table)
    if output is not None:
        for path in report.write(output, document, results):
            if not as_json:
                console.result(str(path))
    if as_json:
        console.json_result(document)
    _check(results)


def _measure(settings: Settings) -> list[WorkResult]:
    from ecgan.benchmarks.runtimes.suite import measure

    from ..interrupts import GracefulStop

    console.show_course()
    with GracefulStop() as stop:

        def say(text: str) -> None:
            stop.check()
            _log.info("%s", text)

        return measure(settings, say)


def _named(settings: Settings) -> dict[str, Any]:
    """The settings as a reader of the result needs them: no path of this machine."""
    named = asdict(settings)
    named["models"] = "shipped" if settings.models is None else settings.models.name
    named["video"] = None if settings.video is None else settings.video.name
    named["rows"] = list(settings.rows) or "all"
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in named.items()
    }


def _document(
    here: dict[str, Any], settings: Settings, results: Sequence[WorkResult]
) -> dict[str, Any]:
    from importlib.metadata import version

    return {
        "ecgan": version("ecgan"),
        "machine": here,
        "settings": _named(settings),
        "works": [result.to_json() for result in results],
    }


def _show(table: Table) -> None:
    console.stderr().print(_rich(table))
    for note in table.notes:
        console.note(note)


def _rich(table: Table) -> RichTable:
    from rich.table import Table as RichTable

    shown = RichTable(
        title=table.title, title_justify="left", box=None, pad_edge=False, header_style="bold"
    )
    for index, heading in enumerate(table.headings):
        shown.add_column(heading, justify="left" if index < 2 else "right", no_wrap=index == 0)
    for cells in table.rows:
        shown.add_row(*cells)
    return shown


def _check(results: Sequence[WorkResult]) -> None:
    """A wrong answer of a runtime is an error of the run, told last.

    Raises:
        ParityError: A row does not give what torch gives, or it broke.
    """
    wrong = [
        f"{row.name} of {result.name}"
        for result in results
        for row in result.rows
        if row.status == "wrong"
    ]
    if wrong:
        raise ParityError(f"wrong answers: {', '.join(wrong)}")
