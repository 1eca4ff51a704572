"""What an evaluation leaves in its folder: the page, the figures for machines, the matrices."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ecgan.engine.media.output import write_atomic

from ..data.files import write_png
from .cases import evenly
from .html import render
from .measure import TRUE_MASK, row_name
from .pictures import draw_confusion
from .report import Report
from .run import Evaluation

PAGE_NAME, FIGURES_NAME = "report.html", "figures.json"


def write_report(evaluation: Evaluation, report: Report, folder: Path, *, faces: int) -> Path:
    """Write ``report.html``, ``figures.json`` and a PNG of each confusion matrix.

    Args:
        evaluation: After its ``report``.
        report: What that gave.
        folder: Target.
        faces: Faces to show evenly spread; half as many of the worst are shown besides.

    Returns:
        The page.

    Raises:
        OutputError: The folder cannot be written.
    """
    found = [i for i, one in enumerate(evaluation.done) if one.found]
    typical = [found[i] for i in evenly(len(found), faces)]
    first = row_name(report.models[0].label, TRUE_MASK)
    others = sorted(
        set(found) - set(typical), key=lambda i: evaluation.done[i].figures[first]["psnr"]
    )
    page = render(report, evaluation.shown(typical), evaluation.shown(others[: faces // 2]))
    write_atomic(folder / FIGURES_NAME, json.dumps(report.as_json(), indent=2).encode())
    for model in report.models:
        if model.confusion is not None:
            picture = draw_confusion(model.confusion, "asked")
            write_png(folder / f"confusion-{_plain(model.label)}.png", picture)
    if report.judge is not None and report.judge.confusion is not None:
        picture = draw_confusion(report.judge.confusion, "true")
        write_png(folder / "confusion-classifier.png", picture)
    write_atomic(folder / PAGE_NAME, page.encode())
    return folder / PAGE_NAME


def _plain(label: str) -> str:
    return re.sub(r"[^\w.-]+", "-", label).strip("-")
