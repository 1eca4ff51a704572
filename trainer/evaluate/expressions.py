"""How often an asked expression is read off the result, and the judge's own accuracy on true faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import F32

Counts = list[list[int]]
"""7 rows of 7 numbers: true or asked class, then the class that was read."""


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix.

    Attributes:
        counts: Row: asked (or true), column: read, in the order of ``EXPRESSIONS``.
    """

    counts: Counts

    @classmethod
    def of(cls, asked: Sequence[int], probability: F32) -> Confusion:
        """From N asked (or true) classes and (N, 7) probabilities."""
        table = multiclass_confusion_matrix(
            torch.from_numpy(np.asarray(probability, np.float32)),
            torch.tensor(list(asked), dtype=torch.long),
            num_classes=len(EXPRESSIONS),
        )
        return cls(table.tolist())

    @property
    def recall(self) -> dict[str, float]:
        """Expression -> share that was read as such; without those nobody asked for."""
        return {
            name: row[i] / sum(row)
            for i, (name, row) in enumerate(zip(EXPRESSIONS, self.counts, strict=True))
            if sum(row)
        }

    @property
    def accuracy(self) -> float:
        """Share of all that was read as asked."""
        right = sum(self.counts[i][i] for i in range(len(EXPRESSIONS)))
        return right / max(1, sum(map(sum, self.counts)))

    @property
    def balanced(self) -> float:
        """Mean over the expressions of the share that was read as such."""
        return float(np.mean(list(self.recall.values())))

    @property
    def worst(self) -> str:
        """The expression that is read least."""
        return min(self.recall, key=self.recall.__getitem__)

    def as_json(self) -> dict[str, object]:
        """Everything as plain values."""
        return {
            "mean": self.balanced,
            "accuracy": self.accuracy,
            "worst": self.worst,
            "worst_recall": self.recall[self.worst],
            "recall": self.recall,
            "order": list(EXPRESSIONS),
            "counts": self.counts,
        }


@dataclass(frozen=True)
class Strength:
    """What asking more strongly changes.

    Attributes:
        intensities: What was asked for, rising.
        probability: Expression -> mean probability of it at each intensity.
    """

    intensities: tuple[float, ...]
    probability: dict[str, list[float]]

    @property
    def mean(self) -> list[float]:
        """Over the expressions, at each intensity."""
        return np.mean(list(self.probability.values()), axis=0).tolist()

    @property
    def rises(self) -> bool:
        """Whether the mean rises at every step."""
        return all(b > a for a, b in pairwise(self.mean))

    def as_json(self) -> dict[str, object]:
        """Everything as plain values."""
        return {
            "intensities": list(self.intensities),
            "mean": self.mean,
            "rises": self.rises,
            "probability": self.probability,
        }


def confusion_at(read: Sequence[F32], level: int) -> Confusion:
    """Over faces, at one intensity.

    Args:
        read: (intensities, 7 asked, 7 read) of each face.
        level: Which intensity.
    """
    asked = [number for _ in read for number in range(len(EXPRESSIONS))]
    return Confusion.of(asked, np.concatenate([table[level] for table in read]))


def strength_of(read: Sequence[F32], intensities: tuple[float, ...]) -> Strength:
    """Over faces; arguments as ``confusion_at``."""
    mean = np.mean([np.diagonal(table, axis1=1, axis2=2) for table in read], axis=0)
    return Strength(
        intensities, {name: mean[:, i].astype(float).tolist() for i, name in enumerate(EXPRESSIONS)}
    )
