"""What the judge is shown: faces changed in what must not matter, cut out whatever their source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ecgan.trainer import judge_samples
from ecgan.trainer.data import FaceSet, load_folder
from ecgan.trainer.data.samples import draw_sample
from ecgan.trainer.export.contract import ClassifierContract
from ecgan.trainer.judge_samples import SIDE, JudgeSamples, plain_window, window_of
from ecgan.trainer.networks.expression_judge import SHAPE


@pytest.fixture(scope="module")
def faces(faces_folder: Path) -> FaceSet:
    return load_folder(faces_folder)


def drawn(faces: FaceSet, count: int = 40) -> np.ndarray:
    samples = JudgeSamples(faces, np.ones(len(faces)), {})
    return np.stack([samples.draw(3, np.random.default_rng(n))["window"] for n in range(count)])


def test_a_sample_is_its_seed_and_no_two_are_alike(faces: FaceSet) -> None:
    windows = drawn(faces, 6)
    assert windows.shape == (6, *SHAPE, 3)
    assert np.array_equal(windows, drawn(faces, 6))
    assert len({window.tobytes() for window in windows}) == 6


def test_of_some_whole_faces_only_an_outline_is_left(
    faces: FaceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ERASED", "DEGRADED"):
        monkeypatch.setattr(judge_samples, name, 0.0)
    # drawn faces have a bright background; a corner of the window is outside every face
    black = (drawn(faces)[:, :2, :2].max((1, 2, 3)) == 0).mean()
    # 0.6 of those cut out become black; four standard deviations of a share of 40
    assert abs(black - 0.6 * judge_samples.OUTLINED) < 0.27
    assert black > 0


def test_a_face_that_comes_cut_out_gets_other_surroundings_and_stays_itself(faces: FaceSet) -> None:
    samples = JudgeSamples(faces, np.ones(len(faces)), {})
    sample = draw_sample(faces, 3, np.random.default_rng(0), SIDE, jitter=0)
    inside = np.zeros((SIDE, SIDE), np.float32)
    inside[20:50, 20:44] = 1
    cut_out = replace(sample, valid=inside, image=(sample.image * inside[..., None]).astype("u1"))
    found = [samples._surrounded(cut_out, True, np.random.default_rng(n)) for n in range(40)]
    middle = np.s_[26:44, 26:38]
    for image in found:  # a level may be lost where two pictures are mixed
        gap = image[middle].astype(int) - sample.image[middle]
        assert np.abs(gap).max() <= 1
    plain = [image for image in found if np.ptp(image[0, 0]) == 0]  # other faces' have a colour
    black = [image for image in plain if image[0, 0].max() == 0]
    assert 0 < len(black) < len(plain) < len(found)


def test_what_is_learnt_from_is_what_the_file_sees(faces: FaceSet) -> None:
    """The plain window of a face, and the contract's way to it from the crop."""
    crop = draw_sample(faces, 3, np.random.default_rng(0), 256, jitter=0).image

    class Showing(torch.nn.Module):
        def forward(self, window: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.zeros(len(window), 7), window.flatten(1)

    _, both = ClassifierContract(Showing())(torch.from_numpy(crop[None]))
    plain = plain_window(faces, 3).astype(np.float32) / 127.5 - 1
    wanted = (plain + plain[:, ::-1]) / 2  # a face and its mirror image
    seen = both.reshape(3, *SHAPE).permute(1, 2, 0).numpy()
    # the decoder halves a JPEG in its own way
    assert np.abs(seen - wanted).mean() < 1.5 / 127.5
    assert np.abs(seen - wanted[::-1]).mean() > 5 / 127.5


def test_the_window_lies_in_the_middle() -> None:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[11, 12] = 255
    window = window_of(image)
    assert window.shape == (*SHAPE, 3)
    assert window[0, 0].max() == 255
