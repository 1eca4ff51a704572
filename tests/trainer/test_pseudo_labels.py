"""Soft expressions of faces that nobody labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ecgan.trainer.data import load_folder
from ecgan.trainer.pseudo_labels import TEMPERATURE, read_expressions


class ByBrightness(nn.Module):
    """The brighter the face, the surer of the first expression."""

    def forward(self, image: Tensor) -> Tensor:
        logits = torch.zeros(len(image), 7)
        logits[:, 0] = image.mean((1, 2, 3))
        return logits


class Broken(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        raise RuntimeError("must not be asked")


def test_labels_are_tempered_probabilities_read_once(faces_folder: Path, tmp_path: Path) -> None:
    faces = load_folder(faces_folder)
    cache = tmp_path / "run" / "expressions.npz"
    found = read_expressions(faces, ByBrightness(), cache)
    assert found.keys() == {record.key for record in faces}
    rows = np.stack(list(found.values()))
    assert (rows.shape, rows.dtype) == ((len(faces), 7), np.float32)
    np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-5)
    mean = faces.image(5).mean() / 127.5 - 1
    share = np.exp(mean / TEMPERATURE) / (np.exp(mean / TEMPERATURE) + 6)
    # half the size, and bfloat16 knows three digits
    np.testing.assert_allclose(found[faces[5].key][0], share, atol=2e-3)
    again = read_expressions(faces, Broken(), cache)
    assert again.keys() == found.keys()
    assert all((again[name] == row).all() for name, row in found.items())


def test_faces_that_were_not_read_before_are_read(faces_folder: Path, tmp_path: Path) -> None:
    faces = load_folder(faces_folder)
    cache = tmp_path / "expressions.npz"
    few = read_expressions(faces.select("val"), ByBrightness(), cache)
    assert len(few) < len(faces)
    assert len(read_expressions(faces, ByBrightness(), cache)) == len(faces)
