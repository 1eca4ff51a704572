"""The networks that ship, and how they are found and verified."""

from .manifest import Manifest, ModelEntry, load_manifest
from .store import CLASSIFIER, DETECTOR, GENERATOR, SEGMENTER, model_folder, verified_path

__all__ = [
    "CLASSIFIER",
    "DETECTOR",
    "GENERATOR",
    "SEGMENTER",
    "Manifest",
    "ModelEntry",
    "load_manifest",
    "model_folder",
    "verified_path",
]
