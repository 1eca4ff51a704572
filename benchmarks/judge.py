"""How often the evaluation classifier reads the expression that a bare face is labelled with, by source.

``python -m ecgan.benchmarks.judge DATA`` takes every labelled face of the test split of a data folder,
``ecgan evaluate DATA`` only those of its own table of labels.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from ecgan.engine.errors import DatasetError, EcganError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.trainer.data import load_data
from ecgan.trainer.evaluate.accuracy import judge_accuracy
from ecgan.trainer.evaluate.judge import open_judge
from ecgan.trainer.evaluate.report import JudgeReport

SPLIT = "test"


def measure(data: str, classifier: Path | None, split: str = SPLIT) -> JudgeReport:
    """The classifier's own accuracy.

    Args:
        data: As ``load_data`` takes it.
        classifier: Model folder; None for the models that ship.
        split: Whose labelled faces are read.

    Raises:
        DatasetError: No face of the split has a label.
        ModelMissing: There is no classifier.
    """
    judge = open_judge(classifier)
    faces = load_data(data).where(lambda row: row.split == split and row.label >= 0)
    if not len(faces):
        raise DatasetError(f"no face of split '{split}' in '{data}' has a label")
    return judge_accuracy(judge, faces)


def main(arguments: list[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="folder of the data sets")
    parser.add_argument("--classifier", type=Path, default=None, help="model folder")
    parser.add_argument("--split", choices=("train", "val", "test"), default=SPLIT)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        found = measure(options.data, options.classifier, options.split)
    except EcganError as error:
        parser.error(f"{error}" + (f"; {error.hint}" if error.hint else ""))
    text = json.dumps(found.as_json(), indent=2) if options.json else "\n".join(_lines(found))
    sys.stdout.write(text + "\n")
    return 0


def _lines(found: JudgeReport) -> Iterator[str]:
    confusion = found.confusion
    if confusion is None:  # no face has a label: measure() has refused that
        return
    total = sum(map(sum, confusion.counts))
    yield (
        f"{found.name}: {total} faces, {confusion.accuracy:.1%} right; "
        f"mean over the expressions {confusion.balanced:.1%}"
    )
    for name, (faces, accuracy) in found.sources.items():
        yield f"  {name:12} {faces:5} faces  {accuracy:6.1%}"
    yield "rows: labelled, columns: read, in the order " + ", ".join(EXPRESSIONS)
    for name, row in zip(EXPRESSIONS, confusion.counts, strict=True):
        recall = f"{confusion.recall[name]:6.1%}" if name in confusion.recall else "      "
        yield f"  {name:12} {recall} " + " ".join(f"{count:4}" for count in row)


if __name__ == "__main__":
    sys.exit(main())
