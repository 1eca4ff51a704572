"""How near a face without its drawn mask comes to the true face, beside floors by the same code.

``python -m ecgan.benchmarks.reconstruction DATA`` is ``ecgan evaluate DATA`` without expressions, and
measures besides how well the segmenter finds masks in colours that training knows, and masks with
shadows, noise and things in front of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from ecgan.trainer.data.splits import SPLITS
from ecgan.trainer.evaluate import EvaluateOptions, Evaluation
from ecgan.trainer.evaluate.cases import Case, draw_masked
from ecgan.trainer.synth import Covering


def overlaps(evaluation: Evaluation) -> dict[str, float]:
    """Kind of drawn mask -> mean IoU of the first contender's mask, before any post-processing."""
    contender = evaluation.contenders[0]
    found: dict[str, list[float]] = {}
    for number, measured in enumerate(evaluation.done):
        if not measured.found:
            continue
        case = evaluation.cases[number]
        face = max(case.faces, key=lambda face: face.height)
        for kind, worn in _kinds(case, evaluation.cases.row(number)).items():
            found.setdefault(kind, []).append(contender.raw_iou(worn, face))
    return {kind: float(np.mean(values)) for kind, values in found.items()}


def _kinds(case: Case, row: int) -> dict[str, Covering]:
    return {
        "held-out colours": case.worn,
        "training colours": draw_masked(case, row, "train"),
        "held-out colours, degraded": draw_masked(case, row, degrade=True),
    }


def main(arguments: list[str] | None = None) -> int:
    """Print the figures of the networks that ship, or of a model folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="folder of the data sets, with faces/ inside")
    parser.add_argument("--split", choices=SPLITS, default="val")
    parser.add_argument("--models", type=Path, action="append", default=[])
    parser.add_argument("--limit", type=int, default=None, help="faces at most")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)
    wanted = EvaluateOptions(
        split=options.split, limit=options.limit, threads=options.threads, expressions=False
    )
    with Evaluation(options.data, options.models, wanted) as evaluation:
        report = evaluation.report()
        iou = overlaps(evaluation)
    if options.json:
        text = json.dumps(report.as_json() | {"iou": iou}, indent=2)
    else:
        lines = [f"IoU of the mask, {kind}: {overlap:.4f}" for kind, overlap in iou.items()]
        text = "\n".join([*report.lines(), *lines])
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
