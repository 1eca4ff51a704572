"""A report as one HTML file that opens offline: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape

import cv2
import numpy as np

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import U8

from ..data.files import as_jpeg, as_png
from .expressions import Confusion
from .figures import TITLES
from .measure import TRUE_MASK, row_name
from .pictures import Shown, draw_confusion
from .report import SOURCE_FIGURES, ModelReport, Report, Row

SIDE = 160
"""Of a face, in pixels."""
QUALITY = 85
"""Of its JPEG."""
BEST_HIGH = {"psnr", "ssim", "psnr_whole", "ssim_whole"}
BEST_LOW = {"distance", "distance_whole", "identity"}
"""Other figures are best at 1."""

STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1500px; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
p.lead { opacity: .75; margin-top: 0 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #8884; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left } thead th { background: #8881 }
td.best { background: #1a7f3733; font-weight: 600 }
ul.notes li { margin: .2rem 0 } details { margin: .6rem 0 } summary { cursor: pointer }
.faces { display: flex; gap: 6px; overflow-x: auto; padding-bottom: .6rem }
figure { margin: 0; flex: none; width: 160px } figure img { width: 160px; height: 160px; display: block }
figcaption { font-size: .72rem; line-height: 1.25; opacity: .8; padding-top: 2px }
h3 { font-size: .9rem; font-weight: 600; margin: 1.1rem 0 .3rem }
img.matrix { background: #fff; max-width: 100% }
"""


def render(report: Report, typical: Sequence[Shown], worst: Sequence[Shown]) -> str:
    """The page.

    Args:
        report: All figures.
        typical: Faces evenly spread over the data.
        worst: Faces on which the first contender is furthest from the truth.
    """
    parts = [
        *_head(report),
        *_figures(report),
        *_expressions(report),
        *_frechet(report),
        *_sources(report),
        *_faces("Faces, evenly spread over the data", typical),
        *_faces("Faces furthest from the truth", worst),
        *_lists(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>ecgan evaluate</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _head(report: Report) -> Iterator[str]:
    yield "<h1>Faces without their masks, against the truth</h1>"
    yield (
        f'<p class="lead">{escape(report.data)}, split {escape(report.split)}: {report.cases} pictures '
        f"with a drawn mask, {len(report.missed)} on which no face was found</p>"
    )
    rows = [
        [
            m.label,
            m.about["generator_sha256"][:12],
            m.about["segmenter"],
            m.about["device"],
            m.about["licence"],
        ]
        for m in report.models
    ]
    yield _table(["model", "sha256", "segmenter", "device", "terms"], rows)
    if report.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
        yield f'<ul class="notes">{notes}</ul>'


def _figures(report: Report) -> Iterator[str]:
    yield "<h2>Figures</h2>"
    distance = f" Distance: {escape(report.distance)}." if report.distance else ""
    yield (
        "<p>Means over the faces that were found. PSNR and SSIM over the masked region, "
        "<i>whole</i> over the whole face. Sharpness, seam and blend are relative to the truth: 1 is "
        f"equal.{distance} Identity: distance of descriptors, 0.6 is the customary bound.</p>"
    )
    yield _figure_table(report.rows)
    rows = [
        [f"{m.label}", f"{m.iou:.4f}", f"{len(m.unclaimed)} of {report.cases - len(report.missed)}"]
        for m in report.models
    ]
    yield "<p></p>" + _table(["model", "IoU of the found mask", "masks not claimed"], rows)


def _expressions(report: Report) -> Iterator[str]:
    asked = [model for model in report.models if model.confusion is not None]
    judge = report.judge
    if not asked and (judge is None or judge.confusion is None):
        return
    yield "<h2>Expressions</h2>"
    for model in asked:
        yield from _asked(model)
    if judge is not None and judge.confusion is not None:
        yield f"<h3>The classifier itself, {escape(judge.name)}, on true faces with a label</h3>"
        yield _recall({judge.name: judge.confusion})
        yield _matrix(judge.confusion, "true")
        rows = [[name, str(n), f"{share:.1%}"] for name, (n, share) in judge.sources.items()]
        yield _table(["source", "faces", "right"], rows)


def _asked(model: ModelReport) -> Iterator[str]:
    if model.confusion is None:
        return
    yield f"<h3>{escape(model.label)}: what was asked for, and what the classifier reads</h3>"
    yield _recall({model.label: model.confusion})
    yield _matrix(model.confusion, "asked")
    if model.strength is not None:
        rises = "rises" if model.strength.rises else "does not rise at each step"
        yield f"<p>Mean probability of the asked expression by intensity; the mean {rises}.</p>"
        head = ["expression", *(f"{x:g}" for x in model.strength.intensities)]
        rows = [[n, *(f"{p:.3f}" for p in v)] for n, v in model.strength.probability.items()]
        yield _table(head, [*rows, ["mean", *(f"{p:.3f}" for p in model.strength.mean)]])


def _recall(confusions: Mapping[str, Confusion]) -> str:
    rows = [
        [label, f"{c.balanced:.1%}", f"{c.worst} {c.recall[c.worst]:.1%}"]
        + [f"{c.recall[name]:.1%}" if name in c.recall else "" for name in EXPRESSIONS]
        for label, c in confusions.items()
    ]
    return _table(["", "mean", "worst", *EXPRESSIONS], rows)


def _matrix(confusion: Confusion, rows: str) -> str:
    return f'<p><img class="matrix" alt="confusion matrix" src="{_data("png", as_png(draw_confusion(confusion, rows)))}"></p>'


def _frechet(report: Report) -> Iterator[str]:
    if not report.frechet:
        return
    yield f"<h2>Frechet distance, {report.frechet_count} pictures against their truths</h2>"
    names = list(next(iter(report.frechet.values())))
    rows = [[n, *(f"{by_row[n]:.3f}" for by_row in report.frechet.values())] for n in names]
    yield _table(["", *report.frechet], rows)


def _sources(report: Report) -> Iterator[str]:
    yield "<h2>By source</h2>"
    for model in report.models:
        name = row_name(model.label, TRUE_MASK)
        yield f"<h3>{escape(name)}</h3>"
        yield _figure_table(report.of_sources(name), SOURCE_FIGURES, mark=False)


def _faces(title: str, faces: Sequence[Shown]) -> Iterator[str]:
    if not faces:
        return
    yield f"<h2>{escape(title)}</h2>"
    for face in faces:
        yield f"<h3>{escape(face.title)}</h3>"
        cells = "".join(
            f'<figure><img alt="{escape(name)}" src="{_small(picture)}">'
            f"<figcaption>{escape(name)}</figcaption></figure>"
            for name, picture in face.pictures.items()
        )
        yield f'<div class="faces">{cells}</div>'


def _lists(report: Report) -> Iterator[str]:
    lists = {"No face found under the mask": report.missed}
    lists |= {f"No mask claimed by {m.label}": m.unclaimed for m in report.models}
    for title, files in lists.items():
        if files:
            items = "".join(f"<li>{escape(file)}</li>" for file in files)
            yield f"<details><summary>{escape(title)}: {len(files)}</summary><ul>{items}</ul></details>"


def _figure_table(
    rows: Mapping[str, Row], figures: Sequence[str] = tuple(TITLES), *, mark: bool = True
) -> str:
    have = [name for name in figures if any(name in row for row in rows.values())]
    best = {name: _best(name, [row[name] for row in rows.values()]) for name in have if mark}
    body = "".join(
        f"<tr><td>{escape(label)}</td>"
        + "".join(
            f'<td class="{"best" if row[name] == best.get(name) else ""}">{row[name]:.3f}</td>'
            for name in have
        )
        + "</tr>"
        for label, row in rows.items()
    )
    return _framed(["", *(TITLES[name] for name in have)], body)


def _best(name: str, values: Sequence[float]) -> float:
    if name in BEST_HIGH:
        return max(values)
    return min(values) if name in BEST_LOW else min(values, key=lambda value: abs(value - 1))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return _framed(head, body)


def _framed(head: Sequence[str], body: str) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def _small(picture: U8) -> str:
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return _data("jpeg", as_jpeg(np.asarray(small), QUALITY))


def _data(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
