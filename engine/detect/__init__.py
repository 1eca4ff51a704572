"""Face detectors. A new one is one file here and one line below."""

from __future__ import annotations

from ..registry import Registry
from .base import Detector

DETECTORS = Registry(
    "detector",
    {
        "retinaface": "ecgan.engine.detect.retinaface:RetinaFace",
        "insightface": "ecgan.engine.detect.scrfd:InsightFace",
    },
)

__all__ = ["DETECTORS", "Detector"]
