"""Steadiness by hand, and the whole measure on a real face in a made clip."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from ecgan.benchmarks import flicker
from ecgan.benchmarks.flicker import (
    Steadiness,
    WatchedUnmasker,
    main,
    masked_frames,
    measure,
)
from ecgan.engine.align import warp_face

GAIN = 0.9


def test_steadiness_counts_what_both_regions_hold() -> None:
    sums = Steadiness()
    picture = np.full((256, 256, 3), 100, np.uint8)
    left, upper = np.zeros((2, 256, 256), np.float32)
    left[:, :128] = upper[:128] = 1
    sums.add(picture, left)
    assert (sums.mean, sums.pairs) == (0, 0)
    brighter = picture.copy()
    brighter[:128, :64] += 20  # half of what both regions hold
    brighter[128:] = 0
    sums.add(brighter, upper)
    assert sums.mean == pytest.approx(10)
    sums.restart()
    sums.add(picture, left)
    assert sums.pairs == 1


def test_the_pulse_is_deaf_to_texture() -> None:
    rng = np.random.default_rng(0)
    everywhere = np.ones((256, 256), np.float32)
    texture, pulse = Steadiness(), Steadiness(8.0)
    for level in (100, 104):
        noisy = (level + rng.integers(-20, 21, (256, 256, 3))).astype(np.uint8)
        for each in (texture, pulse):
            each.add(noisy, everywhere)
    assert texture.mean > 10
    assert pulse.mean == pytest.approx(4, abs=0.7)


@pytest.fixture
def clip(bare_photo: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Six frames of a resting face whose light changes with every frame."""
    darker = np.rint(bare_photo * GAIN).astype(np.uint8)
    return [(darker if i % 2 else bare_photo, i / 25) for i in range(6)]


def test_the_mask_is_drawn_on_the_face_and_nowhere_else(clip, model_folder: Path) -> None:
    with WatchedUnmasker(models=model_folder, threads=1) as unmasker:
        drawn = [each for each in masked_frames(clip, unmasker.detector) if each is not None]
    assert len(drawn) == len(clip)
    for each in drawn:
        assert np.array_equal(each.image[each.mask == 0], each.truth[each.mask == 0])
        share = cv2.warpAffine(each.mask, each.frame_to_crop, (256, 256)).mean()
        assert 0.12 < share < 0.25
    # the same mask each time: what changes is the light on it
    first, second = (warp_face(each.image, each.frame_to_crop) for each in drawn[:2])
    inside = cv2.warpAffine(drawn[0].mask, drawn[0].frame_to_crop, (256, 256)) > 0.99
    assert np.abs(first * GAIN - second)[inside].mean() < 4


def test_a_still_paint_follows_changing_light(clip, model_folder: Path) -> None:
    with WatchedUnmasker(models=model_folder, threads=1) as unmasker:
        report = measure(clip, unmasker)
    assert report.frames == report.changed == len(clip)
    # all colours change by a tenth of some 100 to 200
    assert 6 < report.truth < 25
    # the tiny generator paints one colour; at the soft rim it mixes with the changing light
    assert report.paint < 0.02 * report.truth
    # and the result is lit like the skin around it all the same
    assert 0.8 < report.ratio < 1.3
    assert 0.8 < report.pulse_ratio < 1.3
    assert f"= {report.ratio:.2f}" in report.line()


def test_a_frame_without_a_face_is_passed_over(model_folder: Path) -> None:
    empty = [(np.full((120, 160, 3), 90, np.uint8), i / 25) for i in range(2)]
    with WatchedUnmasker(models=model_folder, threads=1) as unmasker:
        report = measure(empty, unmasker)
    assert (report.frames, report.truth) == (0, 0)


def test_figures_are_printed(clip, model_folder: Path, monkeypatch, capsys) -> None:
    asked = []

    def read(path: Path):
        asked.append(path.name)
        return iter(clip[:2])

    monkeypatch.setattr(flicker, "read_frames", read)
    arguments = ["data", "--models", str(model_folder), "--threads", "1"]
    assert main(arguments) == 0
    assert asked == [f"{name}.mp4" for name in flicker.CLIPS]
    assert "2 of 2 frames painted" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    clips = json.loads(capsys.readouterr().out)["clips"]
    assert all(0 <= clips[name]["ratio"] < 1.5 for name in flicker.CLIPS)
