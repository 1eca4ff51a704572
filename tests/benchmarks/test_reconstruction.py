"""The benchmark's command on drawn faces and tiny networks; the figures are evaluation's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecgan.benchmarks.reconstruction import main, overlaps
from ecgan.trainer.evaluate import EvaluateOptions
from ecgan.trainer.evaluate.floors import FLOORS

from ..trainer.evaluate.conftest import detector, evaluating

__all__ = ["detector", "evaluating"]


def test_iou_of_three_kinds_of_masks(evaluating) -> None:
    evaluation = evaluating(options=EvaluateOptions(limit=3, threads=1, expressions=False))
    report = evaluation.report()
    found = overlaps(evaluation)
    assert list(found) == ["held-out colours", "training colours", "held-out colours, degraded"]
    assert found["held-out colours"] == pytest.approx(report.models[0].iou)
    assert all(0 <= value <= 1 for value in found.values())


def test_figures_are_printed(detector, faces_folder: Path, model_folder: Path, capsys) -> None:
    arguments = [str(faces_folder), "--models", str(model_folder), "--threads", "1"]
    assert main([*arguments, "--limit", "2"]) == 0
    told = capsys.readouterr().out
    assert "tiny-generator, true mask" in told
    assert "2 pictures, 0 not found" in told
    assert "IoU of the mask, training colours" in told
    assert main([*arguments, "--limit", "3", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["cases"] == 3
    assert set(figures["better_by"]["tiny-generator"]) == set(FLOORS)
