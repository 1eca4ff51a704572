"""Labelled and unlabelled faces, and the endless stream of training samples made from them."""

from .faces import FaceRecord, FaceSet
from .mixture import load_data, parse_spec
from .samples import Sample
from .stream import SampleStream
from .tables import load_faces, load_folder

__all__ = [
    "FaceRecord",
    "FaceSet",
    "Sample",
    "SampleStream",
    "load_data",
    "load_faces",
    "load_folder",
    "parse_spec",
]
