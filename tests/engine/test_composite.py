"""The paint's way into the picture: nothing outside changes, and no seam stays."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ecgan.engine.align import invert, warp_face
from ecgan.engine.composite import BORDER_PX, apply_patches, blend, make_patch, paint_mask
from ecgan.engine.types import F32, U8, Face, FaceCrop, Patch

MASK_CORNERS = [
    (127, 140), (180, 150), (185, 200), (160, 232), (127, 240), (95, 232), (70, 200), (75, 150),
]  # fmt: skip
NOWHERE = Face(np.zeros(4, np.float32), 1.0, np.zeros((5, 2), np.float32))


def _mask() -> F32:
    mask = np.zeros((256, 256), np.float32)
    cv2.fillPoly(mask, [np.array(MASK_CORNERS)], (1.0,))
    return mask


def _matrix(side: float, degrees: float, x: float, y: float) -> F32:
    """frame_to_crop of a crop of this side, turned, with its middle at (x, y)."""
    turn, scale = np.deg2rad(degrees), 256 / side
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = np.array([127.5, 127.5]) - linear @ [x, y]
    return np.column_stack([linear, shift]).astype(np.float32)


def _cut(frame: U8, matrix: F32, mask: F32 | None = None) -> FaceCrop:
    return FaceCrop(NOWHERE, matrix, warp_face(frame, matrix), _mask() if mask is None else mask)


def _noise_frame(seed: int, height: int = 240, width: int = 320) -> U8:
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2))


def _random_matrices(count: int) -> list[F32]:
    rng = np.random.default_rng(5)
    return [
        _matrix(rng.uniform(40, 500), rng.uniform(-60, 60), *rng.uniform((-20, -20), (340, 260)))
        for _ in range(count)
    ]


def _picture(crop: U8, side: int) -> tuple[U8, F32]:
    """An aligned face in a frame where its crop has this side, turned by 7 degrees."""
    size = int(1.3 * side) + 20
    matrix = _matrix(side, 7, size / 2, size / 2)
    if side < 256:
        crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), 0.5 * 256 / side))
    frame = cv2.warpAffine(
        crop, invert(matrix), (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(frame, np.uint8), matrix


def _on_frame(patch: Patch, shape: tuple[int, ...]) -> F32:
    alpha = np.zeros(shape[:2], np.float32)
    height, width = patch.alpha.shape
    alpha[patch.y : patch.y + height, patch.x : patch.x + width] = patch.alpha
    return alpha


# --- where it changes ------------------------------------------------------------------------


def test_patches_lie_in_the_frame_and_their_weights_in_0_to_1() -> None:
    frame = _noise_frame(0)
    sizes = []
    for matrix in _random_matrices(60):
        patch = make_patch(frame, _cut(frame, matrix), np.full((256, 256, 3), 90, np.uint8))
        height, width = patch.alpha.shape
        assert patch.rgb.shape == (height, width, 3)
        assert 0 <= patch.x <= 320 - width
        assert 0 <= patch.y <= 240 - height
        assert patch.rgb.dtype == patch.alpha.dtype == np.float32
        if height:
            assert 0 <= patch.alpha.min() <= patch.alpha.max() <= 1
            assert 0 <= patch.rgb.min() <= patch.rgb.max() <= 255
        sizes.append(height * width)
    assert max(sizes) > 100 * min(sizes)  # the matrices do differ, some lie at the frame's edge


def test_outside_the_weights_not_a_bit_changes() -> None:
    for seed, matrix in enumerate(_random_matrices(30)):
        frame = _noise_frame(seed)
        before = frame.copy()
        patch = make_patch(frame, _cut(frame, matrix), np.full((256, 256, 3), 90, np.uint8))
        result = apply_patches(frame, [patch])
        np.testing.assert_array_equal(frame, before)
        untouched = _on_frame(patch, frame.shape) == 0
        np.testing.assert_array_equal(result[untouched], frame[untouched])


def test_the_worn_mask_is_gone_at_every_size() -> None:
    """Under the mask and one pixel beyond nothing of its colour is left, whatever the pose."""
    for side in (60, 128, 256, 700):
        frame = np.full((int(side * 1.2), int(side * 1.2), 3), 120, np.uint8)
        matrix = _matrix(side, 20, side * 0.6, side * 0.6)
        size = (frame.shape[1], frame.shape[0])
        worn = cv2.warpAffine(_mask(), invert(matrix), size)
        worn = np.asarray(cv2.dilate(worn, np.ones((3, 3))))
        frame[worn > 0] = (0, 255, 0)
        crop = _cut(frame, matrix)
        hidden = paint_mask(crop.mask, crop.side_px)[..., None] > 0
        painted = np.where(hidden, np.uint8(120), crop.crop)
        result = apply_patches(frame, [make_patch(frame, crop, painted)])
        # 0.5 of rounding, and the colour correction may not be fooled by the green rim.
        assert np.abs(result[worn > 0].astype(int) - 120).max() <= 2, side


def test_weights_lie_on_generated_paint_only() -> None:
    """Where alpha > 0 in the crop the generator painted, and full weight covers the mask."""
    frame = _noise_frame(1, 600, 600)
    for side in (130, 256, 400, 900):
        matrix = _matrix(side, 0, 300, 300)
        crop = _cut(frame, matrix)
        hidden = paint_mask(crop.mask, crop.side_px)
        alpha = _on_frame(make_patch(frame, crop, crop.crop), frame.shape)
        in_crop = cv2.warpAffine(alpha, matrix, (256, 256), flags=cv2.INTER_LINEAR)
        assert set(np.unique(hidden)) == {0.0, 1.0}
        assert in_crop[hidden == 0].max() <= 0.01
        assert in_crop[(crop.mask == 1) & (in_crop > 0)].min() > 0.99


def test_an_empty_mask_or_one_outside_the_frame_gives_an_empty_patch() -> None:
    frame = _noise_frame(2)
    nothing = _cut(frame, _matrix(200, 0, 160, 120), np.zeros((256, 256), np.float32))
    outside = _cut(frame, _matrix(100, 0, 2000, 120))
    for crop in (nothing, outside):
        patch = make_patch(frame, crop, crop.crop)
        assert patch.alpha.size == 0
        np.testing.assert_array_equal(apply_patches(frame, [patch]), frame)


def test_patches_do_not_grow_with_the_frame() -> None:
    small, large = _noise_frame(3, 300, 300), _noise_frame(3, 1500, 1500)
    sizes = [
        make_patch(
            frame, _cut(frame, _matrix(180, 10, 150, 150)), np.zeros((256, 256, 3), np.uint8)
        )
        for frame in (small, large)
    ]
    assert sizes[0].alpha.shape == sizes[1].alpha.shape


# --- what it looks like ----------------------------------------------------------------------


@pytest.mark.parametrize("side", [128, 256, 700])
def test_true_paint_comes_back_as_the_truth(bare_crops: list[tuple[U8, F32]], side: int) -> None:
    differences = []
    for picture, _ in bare_crops[:6]:
        frame, matrix = _picture(picture, side)
        crop = _cut(frame, matrix)
        patch = make_patch(frame, crop, crop.crop)
        inside = _on_frame(patch, frame.shape) > 0.5
        result = apply_patches(frame, [patch])
        differences.append(np.abs(result[inside].astype(float) - frame[inside]).mean())
    assert np.mean(differences) < 1.5


@pytest.mark.parametrize("side", [128, 256, 700])
def test_a_colour_cast_of_the_paint_goes(bare_crops: list[tuple[U8, F32]], side: int) -> None:
    cast = np.array([12, -8, 5])
    left = []
    for picture, _ in bare_crops[:6]:
        frame, matrix = _picture(picture, side)
        crop = _cut(frame, matrix)
        hidden = paint_mask(crop.mask, crop.side_px)[..., None] > 0
        tinted = np.where(hidden, np.clip(crop.crop + cast, 0, 255), crop.crop).astype(np.uint8)
        plain, mended = (make_patch(frame, crop, paint) for paint in (crop.crop, tinted))
        left.append((mended.rgb - plain.rgb)[plain.alpha == 1].mean(axis=0) / cast)
    # More than 70 % must go; what stays comes from channels that were cut at 0 or 255.
    assert np.abs(left).max() < 0.3
    assert np.abs(np.mean(left, axis=0)).max() < 0.15


def test_the_correction_cannot_run_away() -> None:
    frame = np.full((300, 300, 3), 250, np.uint8)
    crop = _cut(frame, _matrix(250, 0, 150, 150))
    patch = make_patch(frame, crop, np.zeros((256, 256, 3), np.uint8))
    assert patch.rgb[patch.alpha == 1].max() <= 33


def _grain(picture: U8 | F32, where: np.ndarray) -> float:
    luma = np.asarray(picture, np.float32).mean(axis=2)
    return float((luma - cv2.GaussianBlur(luma, (0, 0), 0.8))[where].std())


@pytest.mark.parametrize("side", [256, 700])
def test_smooth_paint_gets_the_grain_of_the_picture(side: int) -> None:
    rng = np.random.default_rng(4)
    size = int(side * 1.1)
    grain = rng.normal(0, 5, (size, size, 1))
    frame = np.clip(np.rint(150 + grain), 0, 255).astype(np.uint8).repeat(3, axis=2)
    crop = _cut(frame, _matrix(side, 15, size / 2, size / 2))
    patch = make_patch(frame, crop, np.full((256, 256, 3), 150, np.uint8))
    inside = _on_frame(patch, frame.shape) == 1
    result = apply_patches(frame, [patch])
    assert _grain(result, inside) == pytest.approx(_grain(frame, inside), rel=0.2)


def test_a_clean_picture_gets_no_grain() -> None:
    frame = np.full((300, 300, 3), 150, np.uint8)
    crop = _cut(frame, _matrix(280, 0, 150, 150))
    result = apply_patches(frame, [make_patch(frame, crop, np.full((256, 256, 3), 150, np.uint8))])
    np.testing.assert_array_equal(result, frame)


def test_the_same_face_gives_the_same_bytes_and_grain_moves_with_it() -> None:
    rng = np.random.default_rng(4)
    frame = np.clip(rng.normal(150, 6, (400, 400, 1)), 0, 255).astype(np.uint8).repeat(3, axis=2)
    moved = np.roll(frame, (9, 14), (0, 1))
    painted = np.full((256, 256, 3), 150, np.uint8)
    first, again = (
        make_patch(frame, _cut(frame, _matrix(300, 0, 190, 190)), painted) for _ in range(2)
    )
    shifted = make_patch(moved, _cut(moved, _matrix(300, 0, 204, 199)), painted)
    assert first.rgb.tobytes() == again.rgb.tobytes()
    assert (shifted.x - first.x, shifted.y - first.y) == (14, 9)
    assert _grain(first.rgb, first.alpha == 1) > 2
    # Not a new pattern in every frame: 0.5 for what the sampling of matrices in float32 moves.
    assert np.abs(shifted.rgb - first.rgb).mean() < 0.5


def test_enlarged_paint_is_sharpened_to_the_picture(bare_crops: list[tuple[U8, F32]]) -> None:
    """A sharp frame of 512 px: paint from 256 px gets steeper than plain enlargement."""
    frame = np.asarray(cv2.resize(bare_crops[2][0], (512, 512), interpolation=cv2.INTER_LANCZOS4))
    frame = np.asarray(cv2.addWeighted(frame, 3.0, cv2.GaussianBlur(frame, (0, 0), 1.5), -2.0, 0))
    crop = _cut(frame, _matrix(512, 0, 255.5, 255.5))
    patch = make_patch(frame, crop, crop.crop)
    inside = _on_frame(patch, frame.shape) == 1
    plain = cv2.resize(crop.crop, (512, 512), interpolation=cv2.INTER_CUBIC)

    def steepness(picture: U8) -> float:
        luma = cv2.GaussianBlur(picture.astype(np.float32).mean(axis=2), (0, 0), 0.7)
        slope = np.hypot(cv2.Sobel(luma, -1, 1, 0), cv2.Sobel(luma, -1, 0, 1))
        return float(slope[inside].mean())

    result = apply_patches(frame, [patch])
    assert steepness(plain) * 1.05 < steepness(result) < steepness(frame) * 1.1


# --- laying in -------------------------------------------------------------------------------


def test_the_last_patch_is_on_top() -> None:
    frame = np.zeros((20, 20, 3), np.uint8)
    flat = Patch(2, 3, np.full((8, 8, 3), 100, np.float32), np.ones((8, 8), np.float32))
    over = replace(flat, x=6, y=7, rgb=flat.rgb * 2)
    assert apply_patches(frame, [flat, over])[9, 8].tolist() == [200, 200, 200]
    assert apply_patches(frame, [over, flat])[9, 8].tolist() == [100, 100, 100]


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_blend_rounds_to_nearest_in_the_samples_own_depth(kind: type, top: int) -> None:
    rng = np.random.default_rng(6)
    samples = rng.integers(0, top + 1, (40, 50, 3)).astype(kind)
    painted = rng.uniform(0, 255, (40, 50, 3)).astype(np.float32)
    alpha = rng.uniform(0, 1, (40, 50)).astype(np.float32)
    alpha[:10] = 0
    alpha[10:20] = 1
    mixed = blend(samples, painted, alpha)
    assert mixed.dtype == kind
    np.testing.assert_array_equal(mixed[:10], samples[:10])
    exact = samples + alpha[..., None].astype(float) * (painted.astype(float) * top / 255 - samples)
    # Half a step of rounding; float32 adds at most 65535 / 2**23.
    assert np.abs(mixed - exact).max() <= 0.51


def test_blend_takes_grey_samples() -> None:
    samples = np.full((4, 4), 1000, np.uint16)
    alpha = np.zeros((4, 4), np.float32)
    alpha[2:] = 0.5
    mixed = blend(samples, np.full((4, 4), 255, np.float32), alpha)
    assert mixed[0, 0] == 1000
    assert mixed[3, 3] == 33268  # 33267.5 to even


@pytest.mark.parametrize("side", [128, 256, 400])
def test_a_mask_that_leaves_the_crop_has_no_straight_edge(side: int) -> None:
    """Below the crop the mask goes on; what is painted passes into it softly."""
    frame = np.full((2 * side, 2 * side, 3), 40, np.uint8)
    matrix = _matrix(side, 0, side, 0.6 * side)
    mask = np.zeros((256, 256), np.float32)
    mask[140:, 70:190] = 1
    crop = _cut(frame, matrix, mask)
    result = apply_patches(frame, [make_patch(frame, crop, np.full((256, 256, 3), 200, np.uint8))])
    column = result[int(0.85 * side) :, side, 0].astype(int)
    assert column[0] > 150
    assert column[-1] == 40
    steps = np.abs(np.diff(column)) * side / 256  # a level a crop pixel
    assert steps.max() < 2 * 160 / BORDER_PX
    # a mask that leaves the picture with the crop is painted to the end
    short = frame[: int(1.1 * side)]
    whole = apply_patches(
        short, [make_patch(short, _cut(short, matrix, mask), np.full((256, 256, 3), 200, np.uint8))]
    )
    assert whole[-1, side, 0] > 150
