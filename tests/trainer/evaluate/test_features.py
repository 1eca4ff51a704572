"""Feature networks by name: what they give, and why one is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ecgan.engine.errors import ModelMissing, OptionError
from ecgan.engine.types import U8
from ecgan.trainer.evaluate.features import (
    Distance,
    open_distance,
    open_features,
    open_identity,
    to_tensor,
)
from ecgan.trainer.evaluate.judge import open_judge
from ecgan.trainer.losses.perceptual import Vgg19Features
from ecgan.trainer.networks.perceptual import Perceptual


@pytest.fixture
def pictures() -> U8:
    return np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)


def test_levels_become_what_networks_take() -> None:
    picture = np.array([0, 127, 255], np.uint8).reshape(1, 1, 1, 3)
    assert to_tensor(picture).flatten().tolist() == pytest.approx([-1, -1 / 255, 1], abs=1e-6)


def test_features_of_the_classifier_are_its_own(pictures: U8, classifier_folder: Path) -> None:
    judge = open_judge(classifier_folder, threads=1)
    found = open_features("classifier", judge, None)(pictures)
    assert np.array_equal(found, judge.read(pictures).features)


def test_vgg19_gives_the_mean_of_its_last_map(pictures: U8, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Vgg19Features()
    torch.save(network.state_dict(), tmp_path / "vgg.pth")
    found = open_features(f"vgg19={tmp_path / 'vgg.pth'}", None, None)(pictures[:1])
    with torch.no_grad():
        wanted = network(to_tensor(pictures[:1]))[-1].mean((2, 3)).numpy()
    assert found.shape == (1, 512)
    assert np.abs(found - wanted).max() < 1e-5


@pytest.mark.parametrize("text", ["clasifier", "inception", "vgg19=", "classifier=x.pth"])
def test_unknown_features_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="unknown features"):
        open_features(text, None, None)


def test_features_that_are_not_there_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="there is no classifier"):
        open_features("classifier", None, None)
    with pytest.raises(ModelMissing, match=r"no 'face_recognition\.npz'"):
        open_features("identity", None, tmp_path)
    with pytest.raises(ModelMissing, match=r"gone\.pth"):
        open_features(f"inception={tmp_path / 'gone.pth'}", None, None)


def test_distance_is_zero_to_itself_and_looks_at_the_region(pictures: U8) -> None:
    torch.manual_seed(0)
    distance = Distance("mobilenet-v2", Perceptual().eval())
    truth, other = pictures[0], pictures[0].copy()
    other[:, 200:] = pictures[1, :, 200:]
    left, right = np.zeros((2, 256, 256), np.float32)
    left[:, :100], right[:, 220:] = 1, 1
    same, whole = distance.to_truth(np.stack([truth, other]), truth, right)
    assert same[0] == pytest.approx(0, abs=1e-6)
    assert same[1] > whole[1] > 0
    away, _ = distance.to_truth(other[None], truth, left)
    assert away[0] < 0.05 * same[1]


def test_distances_are_found_by_name(tmp_path: Path) -> None:
    assert open_distance(None, None) is None
    assert open_distance(None, tmp_path) is None
    assert open_identity(tmp_path) is None
    for text in ("lpips", "lpips=x", "vgg19=x", "lpips-alex="):
        with pytest.raises(OptionError, match="is not NAME=PATH"):
            open_distance(text, None)
    with pytest.raises(ModelMissing, match=r"a\.pth"):
        open_distance(f"lpips-alex={tmp_path / 'a.pth'}", None)
