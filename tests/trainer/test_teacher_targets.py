"""What teachers make of faces: read once, each teacher with the same say, the main directions first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ecgan.engine.errors import ModelMissing
from ecgan.trainer import teacher_targets
from ecgan.trainer.data import load_folder
from ecgan.trainer.networks.face_expression import FaceExpression
from ecgan.trainer.networks.face_recognition import FaceRecognition
from ecgan.trainer.teacher_targets import DIRECTIONS, TEMPERATURE, read_targets


class ByBrightness:
    """The brighter a face, the surer of the first expression; sees brightness and noise."""

    def __init__(self, _folder: Path) -> None: ...

    def look(self, picture: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        bright = picture.mean((1, 2, 3))
        logits = torch.zeros(len(picture), 7)
        logits[:, 0] = bright
        noise = torch.randn(len(picture), 9, generator=torch.Generator().manual_seed(1))
        return logits, {"one": bright[:, None].expand(-1, 500), "two": noise}


def test_targets_are_tempered_and_read_once(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher_targets, "Teachers", ByBrightness)
    faces, cache = load_folder(faces_folder), tmp_path / "run" / "targets.npz"
    found = read_targets(faces, tmp_path, cache)
    assert found.keys() == {record.key for record in faces}
    mean = faces.image(5).mean() / 127.5 - 1
    share = np.exp(mean / TEMPERATURE) / (np.exp(mean / TEMPERATURE) + 6)
    expression, seen = found[faces[5].key]
    np.testing.assert_allclose(expression[0], share, atol=2e-3)  # half the size
    assert seen.shape == (DIRECTIONS,)

    monkeypatch.setattr(teacher_targets, "Teachers", None)  # must not be asked again
    again = read_targets(faces, tmp_path, cache)
    assert all(np.array_equal(again[key].seen, row.seen) for key, row in found.items())


def test_the_first_direction_is_what_a_teacher_sees_most_of(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher_targets, "Teachers", ByBrightness)
    faces = load_folder(faces_folder)
    found = read_targets(faces, tmp_path, tmp_path / "targets.npz")
    seen = np.stack([found[record.key].seen for record in faces])
    bright = [faces.image(row).mean() for row in range(len(faces))]
    assert abs(np.corrcoef(seen[:, 0], bright)[0, 1]) > 0.95
    seen = seen[:, :10]  # brightness, and nine of noise
    np.testing.assert_allclose(seen.mean(0), 0, atol=5e-3)
    deviations = seen.std(0)
    assert (np.diff(deviations) < 0).all()
    np.testing.assert_allclose(deviations, deviations[0] * np.arange(1, 11) ** -0.5, rtol=0.05)


def test_the_networks_look_at_a_face_in_nine_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(teacher_targets, "load_face_expression", lambda _: FaceExpression().eval())
    monkeypatch.setattr(
        teacher_targets, "load_face_recognition", lambda _: FaceRecognition().eval()
    )
    teachers = teacher_targets.Teachers(Path())
    picture = torch.rand(2, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        logits, seen = teachers.look(picture)
        assert torch.allclose(logits, teachers.expression(picture), atol=1e-5)
    assert {name: tuple(value.shape) for name, value in seen.items()} == {
        "expression": (2, 9 * 256),
        "recognition": (2, 9 * 128),
    }


def test_teachers_that_are_not_there_are_named(faces_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"face_expression\.npz' does not exist"):
        read_targets(load_folder(faces_folder), tmp_path, tmp_path / "targets.npz")
