"""Drawn masks: repeatable, exact labels, sensible areas, at every size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.errors import OptionError
from ecgan.engine.types import F32, U8
from ecgan.trainer.synth import MASK_STYLES, POSES, distract, mask_shape, shield, wear_mask
from ecgan.trainer.synth.geometry import FaceFrame

STYLES = list(MASK_STYLES)


def landmarks_at(size: int) -> F32:
    return TEMPLATE_FFHQ_256 * np.float32(size / 256)


def plain_face(size: int) -> U8:
    """A skin-coloured ellipse on grey with some texture."""
    face = np.full((size, size, 3), 120, np.uint8)
    centre, axes = (size // 2, int(0.58 * size)), (int(0.28 * size), int(0.4 * size))
    cv2.ellipse(face, centre, axes, 0, 0, 360, (205, 160, 135), -1, cv2.LINE_AA)
    grain = np.random.default_rng(0).normal(0, 6, face.shape)
    return np.clip(face + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [64, 256])
def test_same_seed_gives_same_pixels(style: str, size: int) -> None:
    face, pts = plain_face(size), landmarks_at(size)
    first = wear_mask(face, pts, np.random.default_rng(7), style)
    again = wear_mask(face, pts, np.random.default_rng(7), style)
    other = wear_mask(face, pts, np.random.default_rng(8), style)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert (first.image != other.image).any()


@pytest.mark.parametrize("palette", ["train", "held-out"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [64, 160, 256])
def test_mask_is_what_was_painted(style: str, size: int, palette: str) -> None:
    face, pts = plain_face(size), landmarks_at(size)
    before = face.copy()
    for seed in range(8):
        worn = wear_mask(
            face, pts, np.random.default_rng(seed), style, palette=palette, degrade=False
        )
        assert worn.image.shape == (size, size, 3)
        assert worn.image.dtype == np.uint8
        assert worn.mask.shape == (size, size)
        assert worn.mask.dtype == np.float32
        assert worn.mask.min() >= 0.0
        assert worn.mask.max() <= 1.0
        bare = worn.mask == 0
        np.testing.assert_array_equal(worn.image[bare], face[bare])
        # cloth hides the skin's grain: nearly every covered pixel differs
        covered = worn.mask > 0.9
        assert (worn.image[covered] != face[covered]).any(-1).mean() > 0.95
    np.testing.assert_array_equal(face, before)


def test_degraded_picture_keeps_the_mask_label() -> None:
    face, pts = plain_face(256), landmarks_at(256)
    worn = wear_mask(face, pts, np.random.default_rng(3), degrade=True)
    far = cv2.dilate((worn.mask > 0).astype(np.uint8), np.ones((41, 41))) == 0
    change = np.abs(worn.image[far].astype(float) - face[far]).mean()
    assert change < 15.0  # noise and blur only


def test_shape_alone_agrees_with_the_worn_mask() -> None:
    face, pts = plain_face(256), landmarks_at(256)
    shapes, worn = [], []
    for seed in range(120):
        shapes.append(mask_shape(pts, 256, np.random.default_rng(seed)).mean())
        rng = np.random.default_rng(seed)
        worn.append(wear_mask(face, pts, rng, degrade=False).mask.mean())
    np.testing.assert_allclose(shapes, worn, atol=0.004)


def test_area_is_that_of_real_masks() -> None:
    shares = [
        mask_shape(TEMPLATE_FFHQ_256, 256, np.random.default_rng(s)).mean() for s in range(400)
    ]
    inside = [0.12 <= share <= 0.27 for share in shares]
    assert np.mean(inside) > 0.9
    assert 0.16 < np.mean(shares) < 0.21
    assert min(shares) < 0.12  # worn low: the tail is there


def test_mask_covers_mouth_and_leaves_eyes() -> None:
    mouth, eyes = [], []
    for seed in range(200):
        mask = mask_shape(TEMPLATE_FFHQ_256, 256, np.random.default_rng(seed))
        mouth.append(mask[184, 127] > 0.5)
        eyes.append(max(mask[120, 96], mask[120, 160]) > 0.5)
    assert np.mean(mouth) > 0.95
    assert np.mean(eyes) < 0.02


def test_mask_turns_with_the_head() -> None:
    turned = TEMPLATE_FFHQ_256.copy()
    turned[2, 0] += 22  # nose towards the picture's right
    columns = np.arange(256)
    shift = []
    for seed in range(60):
        front = mask_shape(TEMPLATE_FFHQ_256, 256, np.random.default_rng(seed)).sum(0)
        side = mask_shape(turned, 256, np.random.default_rng(seed)).sum(0)
        shift.append((side @ columns) / side.sum() - (front @ columns) / front.sum())
    assert np.mean(shift) < -5  # more of the near cheek, at the left, is seen


@pytest.mark.parametrize("style", STYLES)
def test_shape_scales_with_the_picture(style: str) -> None:
    big = mask_shape(landmarks_at(256), 256, np.random.default_rng(5), style)
    small = mask_shape(landmarks_at(64), 64, np.random.default_rng(5), style)
    shrunk = cv2.resize(big, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk - small).mean() < 0.02


def test_broken_landmarks_do_not_crash() -> None:
    rng = np.random.default_rng(0)
    face = plain_face(256)
    for _ in range(60):
        pts = (TEMPLATE_FFHQ_256 + rng.normal(0, 12, (5, 2))).astype(np.float32)
        worn = wear_mask(face, pts, rng)
        assert np.isfinite(worn.mask).all()


@pytest.mark.parametrize("style", STYLES)
def test_every_cut_and_pose_can_be_asked_for(style: str) -> None:
    face, pts = plain_face(256), landmarks_at(256)
    kinds = MASK_STYLES[style].KINDS
    assert sum(kinds.values()) == pytest.approx(1)
    for kind in kinds:
        middle = {}
        for pose in POSES:
            masks = [
                wear_mask(face, pts, np.random.default_rng(s), style, kind=kind, pose=pose).mask
                for s in range(6)
            ]
            middle[pose] = np.mean([np.median(np.nonzero(mask > 0.5)[0]) for mask in masks])
        assert middle["well"] < middle["nose free"] < middle["at the chin"]


def test_shares_of_poses_sum_to_one() -> None:
    assert sum(POSES.values()) == pytest.approx(1)


def test_unknown_kinds_and_poses_name_the_choices() -> None:
    face, pts, rng = plain_face(64), landmarks_at(64), np.random.default_rng(0)
    with pytest.raises(OptionError, match="unknown kind 'cup' of 'cloth'; choose from sewn"):
        wear_mask(face, pts, rng, "cloth", kind="cup")
    with pytest.raises(OptionError, match="unknown pose 'low'; choose from nose free"):
        wear_mask(face, pts, rng, pose="low")


def test_a_shield_changes_the_picture_and_is_seen_through() -> None:
    face, frame = plain_face(256), FaceFrame.of(landmarks_at(256))
    for seed in range(12):
        canvas = face.astype(np.float32)
        shield.draw(canvas, frame, np.random.default_rng(seed))
        change = np.abs(canvas - face).mean(2)
        assert change.max() > 5
        # below the band most of the face keeps its own contrast
        assert np.median(change[150:220, 90:170]) < 60


def test_unknown_style_names_the_choices() -> None:
    with pytest.raises(OptionError, match="unknown mask style 'surgicl'; choose from surgical"):
        mask_shape(TEMPLATE_FFHQ_256, 256, np.random.default_rng(0), "surgicl")


def test_distract_changes_pixels_repeatably() -> None:
    face, pts = plain_face(256), landmarks_at(256)
    changed = 0
    for seed in range(20):
        first = distract(face, pts, np.random.default_rng(seed))
        np.testing.assert_array_equal(first, distract(face, pts, np.random.default_rng(seed)))
        assert first.shape == face.shape
        assert first.dtype == np.uint8
        changed += bool((first != face).any())
    assert changed > 15


def test_palettes_share_no_hue() -> None:
    from ecgan.trainer.synth.colors import HELD_OUT_HUES, any_color

    rng = np.random.default_rng(0)
    for palette, held in (("train", False), ("held-out", True)):
        for _ in range(200):
            color = any_color(rng, palette, (0.5, 0.9), (0.5, 0.9))
            hue = cv2.cvtColor(color[None, None], cv2.COLOR_RGB2HSV)[0, 0, 0] / 360
            inside = any(low - 0.01 <= hue <= high + 0.01 for low, high in HELD_OUT_HUES)
            well_inside = any(low + 0.01 <= hue <= high - 0.01 for low, high in HELD_OUT_HUES)
            assert inside if held else not well_inside
