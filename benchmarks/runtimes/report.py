"""A comparison as tables of text, as Markdown, and as one document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgan.engine.media.output import atomic_file

from .chart import draw_chart
from .result import UNABLE, Cell, RowResult, WorkResult
from .stages import STAGES

_SPEED = (
    "runs on",
    "batch",
    "p50 ms",
    "p90",
    "p99",
    "faces/s",
    "x torch",
    "x paper",
    "dB",
    "MiB",
    "first ms",
    "load s",
)


@dataclass(frozen=True)
class Table:
    """Text in rows.

    Attributes:
        title: Above it.
        headings: One a column; the first column is text, the others numbers.
        rows: As many cells as headings.
        notes: Below it, one line each.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def tables(results: Sequence[WorkResult]) -> list[Table]:
    """What is shown: speed and agreement of each work, then its way from file to file."""
    found = [_speed(result) for result in results]
    return found + [_video(result) for result in results if any(row.video for row in result.rows)]


def markdown(parts: Sequence[Table]) -> str:
    """The tables for a README."""
    lines: list[str] = []
    for part in parts:
        lines += [f"**{part.title}**", "", _line(part.headings)]
        lines.append(_line(["---", *("---:" for _ in part.headings[1:])]))
        lines += [_line(row) for row in part.rows]
        lines += ["", *(f"- {note}" for note in part.notes), ""]
    return "\n".join(lines).rstrip() + "\n"


def write(folder: Path, document: Mapping[str, Any], results: Sequence[WorkResult]) -> list[Path]:
    """Write ``benchmark.json``, ``benchmark.md`` and ``benchmark.png``.

    Args:
        folder: Made where it is missing; what an earlier run left there is replaced.
        document: As ``--json`` prints it.
        results: Of which the tables and the chart are made.

    Returns:
        The files.

    Raises:
        OutputError: The folder cannot be written.
    """
    texts = {
        "benchmark.json": json.dumps(document, indent=2, ensure_ascii=False) + "\n",
        "benchmark.md": _heading(document) + markdown(tables(results)),
    }
    written = []
    for name, text in texts.items():
        with atomic_file(folder / name) as part:
            part.write_text(text, encoding="utf-8")
        written.append(folder / name)
    with atomic_file(folder / "benchmark.png") as part:
        draw_chart(results, machine_words(document["machine"])).save(part, "PNG")
    return [*written, folder / "benchmark.png"]


def machine_words(machine: Mapping[str, Any]) -> str:
    """The machine on one line."""
    gpu = machine["gpu"]
    card = "no NVIDIA GPU" if gpu is None else f"{gpu['name']} ({gpu['driver']})"
    versions = [f"{name} {version}" for name, version in machine["versions"].items()]
    parts = [machine["cpu"], f"{machine['cores']} cores", card, machine["system"]]
    return ", ".join([*parts, f"Python {machine['python']}", *versions])


def settings_words(settings: Mapping[str, Any]) -> str:
    """What was asked for, on one line."""
    told = {
        name: " ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in settings.items()
        if value is not None
    }
    return ", ".join(f"{name} {value}" for name, value in told.items())


def _heading(document: Mapping[str, Any]) -> str:
    told = settings_words(document["settings"])
    return f"{machine_words(document['machine'])}\n\n{told}\n\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _unable(rows: Sequence[RowResult]) -> list[str]:
    """Why rows cannot run, one line for all that lack the same."""
    labels: dict[tuple[str, str | None, str], list[str]] = {}
    for row in rows:
        labels.setdefault((row.reason or "", row.hint, row.device), []).append(row.label)
    return [
        f"{', '.join(names)} on {device} cannot run: {reason}" + (f"; {hint}" if hint else "")
        for (reason, hint, device), names in labels.items()
    ]


def _speed(result: WorkResult) -> Table:
    rows = []
    notes = _unable([row for row in result.rows if row.status == UNABLE])
    for row in result.rows:
        if row.status == UNABLE:
            continue
        rows += [_cells(row, cell) for cell in row.cells]
        notes += [
            f"{row.label}, batch {cell.batch}, does not count: {cell.failure}"
            for cell in row.cells
            if cell.failure
        ]
    return Table(
        f"{result.what}, one run; dB: agreement of what is painted with torch",
        (result.name, *_SPEED),
        rows,
        notes,
    )


def _cells(row: RowResult, cell: Cell) -> list[str]:
    start = [row.label, row.device, str(cell.batch)]
    end = [
        _agrees(cell),
        f"{cell.peak_mib:.0f}" if cell.peak_mib else "",
        f"{row.first_ms[cell.batch]:.0f}" if cell.batch in row.first_ms else "",
        f"{row.cold_s:.1f}",
    ]
    if cell.timing is None:
        return [*start, "wrong", "", "", "", "", "", *end]
    times = [f"{cell.timing.percentile_ms(percent):.1f}" for percent in (50, 90, 99)]
    rate = f"{1000 * cell.batch / cell.timing.percentile_ms(50):.1f}"
    return [*start, *times, rate, _ratio(cell.speedup), _ratio(cell.paper_speedup), *end]


def _agrees(cell: Cell) -> str:
    if cell.agreement is None:
        return "-"
    return "exact" if cell.agreement.worst == 0 else f"{cell.agreement.psnr:.1f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _video(result: WorkResult) -> Table:
    rows, notes = [], []
    for row in result.rows:
        video = row.video
        if video is None:
            continue
        if video.failure is not None:
            notes.append(f"{row.label} on {row.device}: {video.failure}")
            continue
        stages = [f"{video.stages_ms[name]:.1f}" for name in STAGES]
        rows.append([row.label, row.device, f"{video.fps:.1f}", *stages, f"{video.peak_mib:.0f}"])
    title = f"{result.what}, from file to file, ms a frame"
    return Table(title, (result.name, "runs on", "frames/s", *STAGES, "MiB"), rows, notes)
