"""What a batch did: a table for people, a document for machines, a line a result for pipes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ecgan.engine.errors import EcganError
from ecgan.engine.jobs.inputs import VIDEO
from ecgan.engine.jobs.report import FileReport

from . import console

COUNTS = ("faces", "masked", "changed")
WRITTEN = "written"


def show(reports: Sequence[FileReport], engine: Mapping[str, Any], *, preview: bool) -> None:
    """Print on stderr what ran, the table, notes, and a warning if nothing changed."""
    if engine:
        console.note(
            "{generator} in {precision} by {backend} on {device}, faces by {detector}".format_map(
                engine
            )
        )
    alone_and_failed = len(reports) == 1 and reports[0].status == "failed"
    if not console.is_quiet() and not alone_and_failed:
        console.stderr().print(_table(reports))
    for report in reports:
        _show_notes(report, several=len(reports) > 1)
    done = any(report.changed or report.status in ("skipped", "failed") for report in reports)
    if not (done or preview):
        console.warning(f"nothing was changed: {_why_nothing(reports)}")


def _table(reports: Sequence[FileReport]) -> Table:
    has_video = any(report.kind == VIDEO for report in reports)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", overflow="fold")
    for heading in ("faces", "with mask", "changed"):
        table.add_column(heading, justify="right")
    table.add_column("left alone")
    if has_video:
        table.add_column("frames changed", justify="right")
    table.add_column("result")
    table.add_column("time", justify="right")
    for report in reports:
        frames = f"{report.frames_changed} of {report.frames}" if report.kind == VIDEO else ""
        _add_row(table, has_video, Text(str(report.input)), report.status, report, frames)
    if len(reports) > 1:
        _add_row(table, has_video, Text("total"), _statuses(reports), totals(reports), "")
    return table


def _add_row(
    table: Table,
    has_video: bool,
    name: Text,
    status: str,
    numbers: FileReport,
    frames: str,
) -> None:
    cells: list[Text | str] = [name, *(str(getattr(numbers, count)) for count in COUNTS)]
    cells.append(_reasons(numbers))
    if has_video:
        cells.append(frames)
    table.add_row(*cells, status, f"{numbers.seconds:.1f} s")


def totals(reports: Sequence[FileReport]) -> FileReport:
    """The sums over all files."""
    total = FileReport(Path(), "total")
    for report in reports:
        total.faces += report.faces
        total.masked += report.masked
        total.changed += report.changed
        total.enlarged += report.enlarged
        total.seconds += report.seconds
        for reason, count in report.reasons.items():
            total.reasons[reason] = total.reasons.get(reason, 0) + count
    return total


def _statuses(reports: Sequence[FileReport]) -> str:
    counts = Counter(report.status for report in reports)
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def _reasons(report: FileReport) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in report.reasons.items())


def _show_notes(report: FileReport, *, several: bool) -> None:
    name = f"'{report.input}'"
    if report.error and several:
        message = report.error if str(report.input) in report.error else f"{name}: {report.error}"
        console.error(EcganError(message, report.hint))
    for note in report.notes:
        console.note(f"{name}: {note}")
    if report.enlarged:
        console.note(
            f"{name}: {report.enlarged} of its faces over 512 px: painted at 256 px and enlarged, with"
            " grain and sharpness matched"
        )
    if console.is_verbose() and report.stages:
        times = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in report.stages.items())
        console.note(f"{name}: {times}")


def _why_nothing(reports: Sequence[FileReport]) -> str:
    total = totals(reports)
    if not total.faces:
        return "no face was found"
    faces = "1 face" if total.faces == 1 else f"{total.faces} faces"
    return f"{faces} found, left alone: {_reasons(total)}"


def print_results(reports: Sequence[FileReport]) -> None:
    """Print what was written on stdout: path, tab, size."""
    for report in reports:
        if report.status != WRITTEN:
            continue
        for path in (report.output, report.mask_output):
            if path is not None:
                console.result(f"{path}\t{_size(path)}")


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def document(
    reports: Sequence[FileReport], engine: Mapping[str, Any], exit_code: int
) -> dict[str, Any]:
    """The JSON document of a run; ``engine`` is what really ran, empty where nothing had to."""
    total = totals(reports)
    return {
        "ecgan": version("ecgan"),
        "engine": dict(engine),
        "exit_code": exit_code,
        "totals": {
            "files": len(reports),
            "statuses": dict(Counter(report.status for report in reports)),
            "faces": total.faces,
            "masked": total.masked,
            "changed": total.changed,
            "reasons": total.reasons,
            "seconds": round(total.seconds, 3),
        },
        "files": [report.to_dict() for report in reports],
    }
