"""The judge of expressions as a model file that `ecgan evaluate` takes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from ecgan.engine.errors import ParityError
from ecgan.engine.models import CLASSIFIER, load_manifest
from ecgan.engine.types import U8
from ecgan.trainer.checkpoint import save_checkpoint
from ecgan.trainer.evaluate.judge import open_judge
from ecgan.trainer.export import classifier, export_checkpoint
from ecgan.trainer.export.contract import ClassifierContract
from ecgan.trainer.export.crops import random_crops
from ecgan.trainer.networks.expression_judge import BOTTOM, LEFT, RIGHT, TOP, ExpressionJudge
from ecgan.trainer.recipes.judge import JudgeConfig

WIDTHS, FEATURES = (4, 8, 8, 16), 300
"""So many features that the last layer is stored in half."""


@pytest.fixture(scope="module")
def network() -> ExpressionJudge:
    """Statistics and weights that make its answers differ."""
    torch.manual_seed(0)
    network = ExpressionJudge(WIDTHS, FEATURES)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.8, 1.6)
            nn.init.normal_(part.bias, 0, 0.2)
    with torch.no_grad():
        network.to_logits.weight.mul_(20)
        for _ in range(30):  # the norms get the statistics of pictures
            network.train()(torch.rand(8, 3, 53, 40) * 2 - 1)
    return network.eval()


@pytest.fixture(scope="module")
def folder(network: ExpressionJudge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("judge")
    config = JudgeConfig(data="none", widths=WIDTHS, features=FEATURES)
    state = {"network": "expression-judge", "ema": network.state_dict(), "seen": 64}
    save_checkpoint(root / "judge.pt", state | {"config": dataclasses.asdict(config)})
    export_checkpoint(root / "judge.pt", root / "models", licence="mine")
    return root / "models"


@pytest.mark.slow
def test_a_checkpoint_becomes_a_classifier_that_evaluate_opens(
    folder: Path, network: ExpressionJudge
) -> None:
    entry = load_manifest(folder).of_kind(CLASSIFIER)
    assert (entry.name, entry.file) == ("expression-judge", "expression-judge.onnx")
    assert (entry.licence, entry.samples_seen, entry.precisions) == ("mine", 64, {})
    assert entry.figures["stored_bits"] == 16
    assert entry.figures["export_worst_probability"] <= classifier.MAX_PROBABILITY
    assert entry.gflop > 0
    crops = np.concatenate([random_crops()] * 5)  # more than a batch
    found = open_judge(folder, threads=1).read(crops)
    assert found.features.shape == (20, FEATURES)
    np.testing.assert_allclose(found.probability.sum(1), 1, rtol=1e-5)
    with torch.no_grad():
        wanted, _ = ClassifierContract(network)(torch.from_numpy(crops[:4]))
    np.testing.assert_allclose(
        found.probability[:4], wanted.numpy(), atol=2e-3, rtol=0
    )  # float16 has three digits
    assert wanted.std(0).max() > 0.02  # or that would say nothing


def test_a_mirror_image_reads_the_same_and_what_is_outside_the_window_nothing(
    network: ExpressionJudge,
) -> None:
    crops = torch.from_numpy(random_crops())
    around = crops.clone()
    around[:, :TOP] = around[:, BOTTOM:] = 7
    around[:, :, :LEFT] = around[:, :, RIGHT:] = 7
    with torch.no_grad():
        probability, features = ClassifierContract(network)(crops)
        for same in (crops.flip(2), around):
            other, seen = ClassifierContract(network)(same)
            torch.testing.assert_close(other, probability, atol=1e-4, rtol=1e-3)
            torch.testing.assert_close(seen, features, atol=1e-3, rtol=1e-3)
        upside_down, _ = ClassifierContract(network)(crops.flip(1))
    assert (upside_down - probability).abs().max() > 0.01


def test_a_file_that_differs_is_refused_and_leaves_nothing(
    network: ExpressionJudge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(path: Path, crops: U8) -> classifier.Found:
        assert path.is_file()
        return classifier.Found(np.full((len(crops), 7), 2, np.float32), np.ones((1, 1)))

    monkeypatch.setattr(classifier, "build_model", lambda *_: onnx.ModelProto())
    monkeypatch.setattr(classifier, "by_onnxruntime", off)
    with pytest.raises(ParityError, match=r"differs from torch by [12]\.\d+, 0\.001 allowed"):
        classifier.export_classifier(network, tmp_path, "judge", random_crops())
    assert not list(tmp_path.iterdir())
