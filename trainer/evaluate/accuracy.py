"""The evaluation classifier itself: how often it reads the expression that a true face is labelled with."""

from __future__ import annotations

import numpy as np

from ecgan.engine.types import CROP_SIZE

from ..data import FaceSet
from ..data.stacks import stacks
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
    pictures = stacks(faces, CROP_SIZE, READ_AT_ONCE)
    probability = np.concatenate([judge.read(part).probability for part in pictures])
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
