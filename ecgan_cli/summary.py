"""What a batch did: a table for people, a document for machines, a line a result for pipes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from ecgan.engine.errors import EcganError
from ecgan.engine.jobs.inputs import VIDEO
from ecgan.engine.jobs.report import FileReport, FileStatus

from . import console


def show(reports: Sequence[FileReport], engine: Mapping[str, Any], *, preview: bool) -> None:
    """Print on stderr what ran, the table, notes, and a warning if nothing changed.

    Nothing for a single file that failed: its error, which comes next, says all.
    """
    if len(reports) == 1 and reports[0].status is FileStatus.FAILED:
        return
    if engine and not preview:
        console.note(
            "{generator} in {precision} by {backend} on {device}, faces by {detector} on {detector_device}".format_map(
                engine
            )
        )
    if not console.is_quiet():
        console.stderr().print(_table(reports, preview=preview))
    for report in reports:
        _show_notes(report, several=len(reports) > 1)
    statuses = Counter(report.status for report in reports)
    if statuses[FileStatus.SKIPPED]:
        console.note("skipped is what was there already; --overwrite makes it anew")
    changed = statuses[FileStatus.SKIPPED] or any(report.changed for report in reports)
    if statuses[FileStatus.LEFT_ALONE] and not changed:
        console.warning(f"nothing was changed: {_why_nothing(reports)}")


def _table(reports: Sequence[FileReport], *, preview: bool) -> Table:
    has_video = any(report.kind == VIDEO for report in reports)
    columns = list(_NUMBERING if preview else _COLUMNS)
    if not has_video and not preview:
        columns.remove(_FRAMES)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", overflow="fold")
    for heading, justify, _ in columns:
        table.add_column(heading, justify=justify)
    table.add_column("result")
    table.add_column("time", justify="right")

    def add(name: str, status: str, numbers: FileReport) -> None:
        # what was skipped or failed was not looked at, which is not 0
        told = status not in (FileStatus.SKIPPED, FileStatus.FAILED)
        cells = [tell(numbers) if told else "" for *_, tell in columns]
        table.add_row(Text(name), *cells, status, f"{numbers.seconds:.1f} s")

    for report in reports:
        add(str(report.input), report.status, report)
    if len(reports) > 1:
        add("total", _statuses(reports), totals(reports))
    return table


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


def _frames(report: FileReport) -> str:
    return f"{report.frames_changed} of {report.frames}" if report.kind == VIDEO else ""


Column = tuple[str, Literal["left", "right"], Callable[[FileReport], str]]
_FACES: Column = ("faces", "right", lambda report: str(report.faces))
_FRAMES: Column = ("frames changed", "right", _frames)
_COLUMNS: tuple[Column, ...] = (
    _FACES,
    ("with mask", "right", lambda report: str(report.masked)),
    ("changed", "right", lambda report: str(report.changed)),
    ("left alone", "left", _reasons),
    _FRAMES,
)
_NUMBERING: tuple[Column, ...] = (_FACES,)
"""All that a preview counts."""


def _show_notes(report: FileReport, *, several: bool) -> None:
    name = f"'{report.input}'"
    if report.error and several:
        message = report.error if str(report.input) in report.error else f"{name}: {report.error}"
        console.error(EcganError(message, report.hint))
    for note in report.notes:
        console.note(f"{name}: {note}")
    if report.enlarged:
        faces = "1 face" if report.enlarged == 1 else f"{report.enlarged} faces"
        console.note(
            f"{name}: {faces} over 512 px, painted at 256 px and enlarged, with grain and sharpness "
            "matched"
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
        if report.status is not FileStatus.WRITTEN:
            continue
        for path in (report.output, report.mask_output):
            if path is not None:
                console.result(f"{path}\t{_size(path)}")


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def document(
    reports: Sequence[FileReport], engine: Mapping[str, Any], failure: EcganError | None
) -> dict[str, Any]:
    """The JSON document of a run; ``engine`` is what really ran, empty where nothing had to."""
    total = totals(reports)
    return {
        "ecgan": version("ecgan"),
        "engine": dict(engine),
        **console.outcome(failure),
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
