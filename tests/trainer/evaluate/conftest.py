"""Drawn faces, a detector that knows them, and a classifier that reads the tiny generator's mouths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.models import Manifest
from ecgan.engine.models.manifest import MANIFEST_NAME
from ecgan.engine.types import CROP_SIZE, Face
from ecgan.trainer.evaluate import EvaluateOptions, Evaluation
from ecgan.trainer.evaluate.contenders import Contender

from ...conftest import MOUTH, TINY_MOUTH, model_entry

SHARPNESS = 4e-3
"""How fast the stand-in's probability falls with the squared distance of a mouth's colour."""


class OnTemplate:
    """Finds a face on the template; none where the picture's top left pixel is blue enough."""

    name, device = "on-template", "cpu"

    def __init__(self, blind_above: float = 256) -> None:
        self.blind_above = blind_above

    def detect(self, frame, *, quick=False, small=False):
        if frame[0, 0, 2] > self.blind_above:
            return []
        box = np.array([55, 60, 200, 240], np.float32)
        return [Face(box, 0.9, TEMPLATE_FFHQ_256.copy())]


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> OnTemplate:
    """What every contender of a test finds faces with."""
    stand_in = OnTemplate()
    monkeypatch.setattr(Contender, "detector", property(lambda self: stand_in))
    return stand_in


@pytest.fixture
def evaluating(
    detector: OnTemplate, faces_folder: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """Opens an evaluation of the tiny networks on the drawn faces; closed after the test.

    No classifier ships with it, whatever the package has.
    """
    opened = []
    monkeypatch.setattr("ecgan.trainer.evaluate.judge.model_folder", lambda: model_folder)

    def make(*, models=(), data=None, options=None, **rest) -> Evaluation:
        evaluation = Evaluation(
            str(data or faces_folder),
            [*(models or [model_folder])],
            options or EvaluateOptions(threads=1),
            **rest,
        )
        opened.append(evaluation)
        return evaluation

    yield make
    for evaluation in opened:
        evaluation.__exit__()


def save_tiny_classifier(path: Path) -> None:
    """Write a classifier: the nearest of ``TINY_MOUTH`` to how the mouth differs from the cheeks."""
    where = np.where(MOUTH > 0.9, 1.0, 0.0)
    cheeks = np.zeros_like(where)
    cheeks[170:200, 92:98] = cheeks[170:200, 158:164] = 1
    weights = (where / where.sum() - cheeks / cheeks.sum()).astype(np.float32)
    mean = float(MOUTH[MOUTH > 0.9].mean() - MOUTH[cheeks > 0].mean())
    mouths = TINY_MOUTH * mean
    nodes = [
        helper.make_node("Cast", ["crop"], ["rgb"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["rgb", "where"], ["part"]),
        helper.make_node("ReduceSum", ["part", "axes"], ["features"], keepdims=0),
        helper.make_node("MatMul", ["features", "mouths"], ["nearness"]),
        helper.make_node("Add", ["nearness", "length"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
    ]
    constants = [
        numpy_helper.from_array(weights[None, :, :, None], "where"),
        numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
        numpy_helper.from_array((2 * SHARPNESS * mouths.T).astype(np.float32), "mouths"),
        numpy_helper.from_array(
            (-SHARPNESS * (mouths**2).sum(1))[None].astype(np.float32), "length"
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("crop", TensorProto.UINT8, ["N", CROP_SIZE, CROP_SIZE, 3])],
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N", 7]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 3]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


@pytest.fixture(scope="session")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose manifest names the stand-in classifier, and nothing else."""
    folder = tmp_path_factory.mktemp("classifier")
    save_tiny_classifier(folder / "expression-eval.onnx")
    entry = model_entry(folder / "expression-eval.onnx", "classifier", "tiny-judge")
    (folder / MANIFEST_NAME).write_text(Manifest([entry]).to_json(), encoding="utf-8")
    return folder
