"""The evaluation classifier itself: how often it reads the expression that a true face is labelled with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ecgan.engine.types import CROP_SIZE, U8

from ..data import FaceSet
from ..data.samples import draw_sample
from .expressions import Confusion
from .judge import Judge
from .report import JudgeReport

READ_AT_ONCE = 64


def judge_accuracy(judge: Judge, faces: FaceSet) -> JudgeReport:
    """Read labelled faces.

    Args:
        judge: The classifier.
        faces: All with a label; may be empty.
    """
    if not len(faces):
        return JudgeReport(judge.name, judge.sha256, None)
    labels = np.array([record.label for record in faces])
    probability = np.concatenate([judge.read(part).probability for part in _pictures(faces)])
    right = probability.argmax(1) == labels
    names = np.array([record.source for record in faces])
    return JudgeReport(
        judge.name,
        judge.sha256,
        Confusion.of(labels.tolist(), probability),
        {
            str(source): (int((names == source).sum()), float(right[names == source].mean()))
            for source in np.unique(names)
        },
    )


def _pictures(faces: FaceSet) -> Iterator[U8]:
    """Aligned faces in stacks of moderate size."""
    for start in range(0, len(faces), READ_AT_ONCE):
        rows = range(start, min(start + READ_AT_ONCE, len(faces)))
        rng = np.random.default_rng(0)  # nothing is drawn without jitter
        yield np.stack([draw_sample(faces, i, rng, CROP_SIZE, jitter=0).image for i in rows])
