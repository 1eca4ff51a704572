"""insightface without insightface: a module that answers as it does."""

import sys
import types
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest


class StandIn:
    """Answers as insightface's FaceAnalysis does, and keeps what it was asked."""

    made: ClassVar["list[StandIn]"] = []
    card_is_broken: ClassVar[bool] = False

    def __init__(self, name, root="~/.insightface", allowed_modules=None, **options):
        print("Applied providers")  # noqa: T201 - the real one chats on stdout
        if not list(Path(name).glob("det_*.onnx")):
            raise AssertionError
        if Path(name, "det_10g.onnx").read_bytes() == b"broken":
            raise RuntimeError("INVALID_PROTOBUF:\n no graph")
        self.name, self.allowed, self.options = name, allowed_modules, options
        providers = [one if isinstance(one, str) else one[0] for one in options["providers"]]
        if StandIn.card_is_broken:
            providers = ["CPUExecutionProvider"]
        session = types.SimpleNamespace(get_providers=lambda: providers)
        self.det_model = types.SimpleNamespace(session=session)
        StandIn.made.append(self)

    def prepare(self, ctx_id=0, det_thresh=0.5, det_size=None):
        self.prepared = (ctx_id, det_thresh, det_size)

    def get(self, image, max_num=0):
        print("chatter")  # noqa: T201
        self.image = image
        faces = []
        for score in (0.6, 0.9):
            points = np.arange(10, dtype=np.float64).reshape(5, 2)
            box = np.array([-5.0, 2.0, 400.0, 30.0])
            faces.append(types.SimpleNamespace(bbox=box, kps=points, det_score=np.float32(score)))
        return faces


@pytest.fixture
def package(monkeypatch):
    app = types.ModuleType("insightface.app")
    app.FaceAnalysis = StandIn
    root = types.ModuleType("insightface")
    root.app = app
    monkeypatch.setitem(sys.modules, "insightface", root)
    monkeypatch.setitem(sys.modules, "insightface.app", app)
    monkeypatch.setattr(StandIn, "made", [])


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "my pack"
    folder.mkdir()
    (folder / "det_10g.onnx").write_bytes(b"network")
    return folder
