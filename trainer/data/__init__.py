"""Labelled and unlabelled faces, and the endless stream of training samples made from them."""

from .faces import FaceRecord, FaceSet, load_faces, load_folder
from .samples import Sample, SampleStream

__all__ = ["FaceRecord", "FaceSet", "Sample", "SampleStream", "load_faces", "load_folder"]
