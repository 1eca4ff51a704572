"""One case through every contender: its pictures, then their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import F32, U8

from ..metrics import Border
from .cases import Case
from .contenders import Contender
from .features import Distance, Features
from .figures import DISTANCE, DISTANCE_WHOLE, IDENTITY, picture_figures
from .floors import fill_all
from .judge import Judge

TRUE_MASK, FOUND_MASK = "true mask", "found mask"
INTENSITIES = (0.5, 1.0, 1.5)
TRUTH = "truth"


def row_name(label: str, mask: str) -> str:
    """What a contender's row is called."""
    return f"{label}, {mask}"


@dataclass(frozen=True)
class Tools:
    """Everything that a case goes through.

    Attributes:
        contenders: What is compared.
        average: Mean face for the floor of that name; None where there is none.
        judge: The evaluation classifier; None where there is none.
        distance: Feature distance to the truth; None where there is none.
        identity: Descriptors of who a face is; None where there are none.
        features: Name -> features for Frechet distances.
        intensities: Strengths at which each expression is asked for; none to ask for no expression.
    """

    contenders: Sequence[Contender]
    average: F32 | None = None
    judge: Judge | None = None
    distance: Distance | None = None
    identity: Features | None = None
    features: dict[str, Features] = field(default_factory=dict)
    intensities: tuple[float, ...] = ()


@dataclass(frozen=True)
class Pictures:
    """What became of a case.

    Attributes:
        rows: Row -> (256, 256, 3) uint8 RGB: each contender with the true and with the found mask,
            then the floors. Without a painted face it is empty.
        asked: Contender -> (intensities, 7, 256, 256, 3) uint8 RGB, of those that know expressions.
        unclaimed: Contenders whose segmenter claimed no mask: it stays on in their picture.
        iou: Contender -> IoU of its segmenter's mask.
    """

    rows: dict[str, U8] = field(default_factory=dict)
    asked: dict[str, U8] = field(default_factory=dict)
    unclaimed: list[str] = field(default_factory=list)
    iou: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """The figures of a case, small enough to keep.

    Attributes:
        file: Name of the picture.
        source: Data source.
        label: Index into ``EXPRESSIONS``, or -1.
        figures: Row -> figure -> value; empty where no face was found.
        unclaimed: As in ``Pictures``.
        iou: As in ``Pictures``.
        read: Contender -> (intensities, 7 asked, 7 read) float32 probabilities.
        features: Network -> row, or "truth" -> (D,) float32.
        broken: Whether the picture cannot be decoded.
    """

    file: str
    source: str
    label: int
    broken: bool = False
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    unclaimed: list[str] = field(default_factory=list)
    iou: dict[str, float] = field(default_factory=dict)
    read: dict[str, F32] = field(default_factory=dict)
    features: dict[str, dict[str, F32]] = field(default_factory=dict)

    @property
    def found(self) -> bool:
        """Whether a face was found under the mask."""
        return bool(self.figures)

    def plain(self) -> dict[str, Any]:
        """All but the features as plain values, for JSON."""
        values = {key: value for key, value in vars(self).items() if key != "features"}
        return values | {"read": {name: table.tolist() for name, table in self.read.items()}}

    @classmethod
    def from_plain(cls, values: dict[str, Any], features: dict[str, dict[str, F32]]) -> Measured:
        """What ``plain`` gave, with the features."""
        read = {name: np.array(table, np.float32) for name, table in values["read"].items()}
        return cls(**(values | {"read": read, "features": features}))


def paint(case: Case, tools: Tools) -> Pictures:
    """The finished pictures of a case."""
    masked, mask = case.worn.image, case.worn.mask
    under = [contender.under(masked, case.faces, mask) for contender in tools.contenders]
    if not all(under) or not case.region.any():
        return Pictures()
    pictures = Pictures()
    for contender, crops in zip(tools.contenders, under, strict=True):
        own = _own_weights(contender, case, tools)
        levels = tools.intensities if contender.generator.expressions else ()
        asked = [x * np.eye(len(EXPRESSIONS), dtype=np.float32) for x in levels]
        results = contender.paint_each(masked, crops, np.concatenate([own, *asked]))
        found = contender.found(masked, case.faces)
        if not found:
            pictures.unclaimed.append(contender.label)
        pictures.rows[row_name(contender.label, TRUE_MASK)] = results[0]
        pictures.rows[row_name(contender.label, FOUND_MASK)] = contender.paint_each(
            masked, found, own
        )[0]
        if asked:
            pictures.asked[contender.label] = np.stack(results[1:]).reshape(
                len(asked), len(EXPRESSIONS), *masked.shape
            )
        main = max(crops, key=lambda crop: crop.face.height)
        pictures.iou[contender.label] = contender.raw_iou(case.worn, main.face)
    pictures.rows.update(fill_all(masked, mask > 0, tools.average))
    return pictures


def _own_weights(contender: Contender, case: Case, tools: Tools) -> F32:
    """(1, 7): ``auto``; of a network that cannot do that, the expression that the true face shows."""
    weights = np.zeros((1, len(EXPRESSIONS)), np.float32)
    if contender.generator.auto:
        return weights
    shown = case.label
    if shown < 0 and tools.judge is not None:
        shown = int(tools.judge.read(case.truth[None]).probability[0].argmax())
    weights[0, shown] = 1.0  # -1, the last, is neutral
    return weights


def measure(case: Case, tools: Tools) -> Measured:
    """The figures of a case."""
    pictures = paint(case, tools)
    if not pictures.rows:
        return Measured(case.file, case.source, case.label)
    border = Border.of(case.region)
    figures = {
        name: picture_figures(picture, case.truth, case.region, border)
        for name, picture in pictures.rows.items()
    }
    stacked = np.stack(list(pictures.rows.values()))
    _add_distance(figures, stacked, case, tools)
    features = {}
    with_truth = np.concatenate([case.truth[None], stacked])
    for name, network in tools.features.items():
        features[name] = dict(zip([TRUTH, *figures], network(with_truth), strict=True))
    read = {}
    if tools.judge is not None:
        for label, asked in pictures.asked.items():
            flat = asked.reshape(-1, *case.truth.shape)
            read[label] = tools.judge.read(flat).probability.reshape(*asked.shape[:2], -1)
    return Measured(
        file=case.file,
        source=case.source,
        label=case.label,
        figures=figures,
        unclaimed=pictures.unclaimed,
        iou=pictures.iou,
        read=read,
        features=features,
    )


def _add_distance(
    figures: dict[str, dict[str, float]], stacked: U8, case: Case, tools: Tools
) -> None:
    if tools.distance is not None:
        inside, whole = tools.distance.to_truth(stacked, case.truth, case.region)
        for row, a, b in zip(figures.values(), inside, whole, strict=True):
            row |= {DISTANCE: float(a), DISTANCE_WHOLE: float(b)}
    if tools.identity is not None:
        truth, *others = tools.identity(np.concatenate([case.truth[None], stacked]))
        for row, vector in zip(figures.values(), others, strict=True):
            row[IDENTITY] = float(np.linalg.norm(vector - truth))
