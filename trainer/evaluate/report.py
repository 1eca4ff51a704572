"""Everything that an evaluation found, as plain values and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .expressions import Confusion, Strength
from .figures import DISTANCE, IDENTITY, TITLES
from .floors import FLOORS
from .measure import TRUE_MASK, row_name

Row = dict[str, float]
SOURCE_FIGURES = ("psnr", "ssim", "sharp256", DISTANCE, IDENTITY)
"""What is shown by source."""


@dataclass(frozen=True)
class ModelReport:
    """One contender.

    Attributes:
        label: What it is called in the tables.
        about: What really ran, and the hashes of its files.
        unclaimed: Pictures on which its segmenter claimed no mask: it stays on in the found-mask row.
        iou: Mean IoU of its segmenter's mask before any post-processing.
        own_expression: Whether it was asked for the true face's expression, as it cannot do "auto".
        confusion: Of asked expressions; None where none was asked.
        strength: Of asked intensities; None where only one was asked.
    """

    label: str
    about: dict[str, str]
    unclaimed: list[str]
    iou: float
    own_expression: bool
    confusion: Confusion | None = None
    strength: Strength | None = None

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return vars(self) | {
            "confusion": None if self.confusion is None else self.confusion.as_json(),
            "strength": None if self.strength is None else self.strength.as_json(),
        }


@dataclass(frozen=True)
class JudgeReport:
    """The evaluation classifier itself, on true faces with a label.

    Attributes:
        name: From the manifest.
        sha256: Of its file.
        confusion: True class, read class; None where no face has a label.
        sources: Source -> (faces, accuracy).
    """

    name: str
    sha256: str
    confusion: Confusion | None
    sources: dict[str, tuple[int, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return vars(self) | {
            "confusion": None if self.confusion is None else self.confusion.as_json(),
            "sources": {
                name: {"faces": faces, "accuracy": accuracy}
                for name, (faces, accuracy) in self.sources.items()
            },
        }


@dataclass(frozen=True)
class Report:
    """An evaluation.

    Attributes:
        data: What was evaluated on.
        split: Which of it.
        cases: Pictures with a drawn mask.
        missed: Those on which no face was found: failures, in no mean.
        rows: Row -> figure -> mean: contenders with true and found mask, then the floors.
        sources: Row -> source -> figure -> mean, with ``count``.
        models: The contenders.
        judge: The evaluation classifier; None where there is none.
        frechet: Network -> row -> distance.
        frechet_count: Pictures on either side of those.
        distance: What ``distance`` was measured with; "" where it was not.
        notes: What a reader has to know: what was left out and why.
    """

    data: str
    split: str
    cases: int
    missed: list[str]
    rows: dict[str, Row]
    sources: dict[str, dict[str, Row]]
    models: list[ModelReport]
    judge: JudgeReport | None
    frechet: dict[str, dict[str, float]]
    frechet_count: int
    distance: str
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return vars(self) | {
            "better_by": self.better_by(),
            "models": [model.as_json() for model in self.models],
            "judge": None if self.judge is None else self.judge.as_json(),
        }

    def better_by(self) -> dict[str, dict[str, dict[str, float]]]:
        """Contender -> floor -> figure -> how far its row with the true mask is above the floor's."""
        return {
            model.label: {
                floor: {name: ours[name] - self.rows[floor][name] for name in ("psnr", "ssim")}
                for floor in FLOORS
                if floor in self.rows
            }
            for model in self.models
            if (ours := self.rows.get(row_name(model.label, TRUE_MASK)))
        }

    def of_sources(self, row: str) -> dict[str, Row]:
        """Source with its number of faces -> figures of a row."""
        found = self.sources.get(row, {})
        return {f"{source} ({figures['count']:.0f})": figures for source, figures in found.items()}

    def lines(self) -> Iterator[str]:
        """The figures as text."""
        yield f"{self.data}, {self.split}: {self.cases} pictures, {len(self.missed)} not found"
        yield from table(self.rows, TITLES)
        yield from self._model_lines()
        yield from self._judge_lines()
        for network, row in self.frechet.items():
            yield f"Frechet distance on {network}, {self.frechet_count} pictures"
            yield from (f"  {name:{_width(row)}} {value:9.3f}" for name, value in row.items())
        for model in self.models:
            name = row_name(model.label, TRUE_MASK)
            yield f"by source: {name}"
            yield from table(self.of_sources(name), {f: TITLES[f] for f in SOURCE_FIGURES})
        yield from (f"not found: {file}" for file in self.missed)
        yield from (f"note: {note}" for note in self.notes)

    def _model_lines(self) -> Iterator[str]:
        for floor_of, floors in self.better_by().items():
            for floor, gain in floors.items():
                yield f"{floor_of} above {floor}: {gain['psnr']:+.2f} dB, SSIM {gain['ssim']:+.3f}"
        for model in self.models:
            yield f"{model.label}: IoU of the mask {model.iou:.4f}, {len(model.unclaimed)} not claimed"
            yield from (f"not claimed: {file}" for file in model.unclaimed)
            if model.confusion is not None:
                yield f"{model.label}: {_words(model.confusion)}"
            if model.strength is not None:
                pairs = zip(model.strength.intensities, model.strength.mean, strict=True)
                steps = ", ".join(f"{x:g}: {p:.3f}" for x, p in pairs)
                rises = "rises" if model.strength.rises else "does not rise"
                yield f"{model.label}: probability of the asked expression at {steps}: {rises}"

    def _judge_lines(self) -> Iterator[str]:
        if self.judge is not None and self.judge.confusion is not None:
            yield f"classifier '{self.judge.name}' on true faces: {_words(self.judge.confusion)}"
            for source, (faces, accuracy) in self.judge.sources.items():
                yield f"  {source:12} {accuracy:6.1%} of {faces}"


def table(rows: Mapping[str, Row], titles: Mapping[str, str]) -> Iterator[str]:
    """Rows as text, with the figures that they have."""
    have: Sequence[str] = [name for name in titles if any(name in row for row in rows.values())]
    if not have:
        return
    width = _width(rows)
    yield " ".join([" " * width, *(f"{titles[name]:>11}" for name in have)])
    for name, row in rows.items():
        yield " ".join([f"{name:{width}}", *(f"{row[figure]:11.3f}" for figure in have)])


def _words(confusion: Confusion) -> str:
    worst = confusion.worst
    shares = ", ".join(f"{name} {share:.0%}" for name, share in confusion.recall.items())
    return (
        f"{confusion.balanced:.1%} over the expressions, worst {worst} "
        f"{confusion.recall[worst]:.1%} ({shares})"
    )


def _width(rows: Mapping[str, Any]) -> int:
    return max(map(len, rows), default=0)
