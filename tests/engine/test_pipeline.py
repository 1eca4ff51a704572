"""The whole way from an array to an array, on the tiny networks and the real detector."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from ecgan.engine.errors import InputError, OptionError
from ecgan.engine.expressions import EXPRESSIONS, expression_weights
from ecgan.engine.models import load_manifest
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import F32, U8, FaceStatus, Result


def _statuses(result: Result) -> list[FaceStatus]:
    return [face.status for face in result.faces]


def _covered(picture: U8) -> float:
    """Share of the picture in the colour of a drawn mask."""
    return float((picture[..., 2].astype(int) - picture[..., 0] > 40).mean())


# --- what it does ----------------------------------------------------------------------------


def test_a_mask_is_taken_off(unmasker: Unmasker, masked_photo: U8) -> None:
    before = masked_photo.copy()
    result = unmasker.unmask(masked_photo, "happy")
    np.testing.assert_array_equal(masked_photo, before)
    assert _statuses(result) == [FaceStatus.CHANGED]
    face = result.faces[0]
    assert face.number == 1
    assert 0.05 < face.mask_share < 0.3
    assert 100 < face.side_px < 400
    changed = (result.image != masked_photo).any(axis=2)
    assert not changed[result.mask == 0].any()
    assert changed[result.mask == 1].mean() > 0.99
    # The drawn mask, blue on a picture that may show other blue things, is gone within the face.
    inside = result.mask == 1
    assert _covered(result.image[inside][None]) < 0.001
    assert _covered(masked_photo[inside][None]) > 0.7


def test_three_lines_of_the_docstring_run(model_folder: Path, masked_photo: U8) -> None:
    with Unmasker(models=model_folder) as unmasker:
        picture = unmasker.unmask(masked_photo, "happy").image
    assert picture.shape == masked_photo.shape


def test_a_bare_face_is_left_alone_and_said_so(unmasker: Unmasker, bare_photo: U8) -> None:
    result = unmasker.unmask(bare_photo)
    assert _statuses(result) == [FaceStatus.NO_MASK]
    assert str(result.faces[0].status) == "no mask"
    assert result.patches == []
    np.testing.assert_array_equal(result.image, bare_photo)
    assert result.mask.max() == 0


def test_of_two_faces_only_the_masked_one_changes(unmasker: Unmasker, two_faces: U8) -> None:
    result = unmasker.unmask(two_faces)
    assert _statuses(result) == [FaceStatus.CHANGED, FaceStatus.NO_MASK]
    assert [face.number for face in result.faces] == [1, 2]
    assert result.faces[0].face.bbox[0] < result.faces[1].face.bbox[0]
    np.testing.assert_array_equal(result.image[:, 400:], two_faces[:, 400:])


def test_a_picture_without_faces_comes_back(unmasker: Unmasker) -> None:
    for shape in ((1, 1, 3), (90, 120, 3)):
        frame = np.full(shape, 77, np.uint8)
        result = unmasker.unmask(frame, "sad")
        assert result.faces == []
        np.testing.assert_array_equal(result.image, frame)


def test_the_same_picture_gives_the_same_bytes(unmasker: Unmasker, masked_photo: U8) -> None:
    one, other = (unmasker.unmask(masked_photo, "angry").image for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_each_expression_is_another_picture(unmasker: Unmasker, masked_photo: U8) -> None:
    pictures = {unmasker.unmask(masked_photo, name).image.tobytes() for name in EXPRESSIONS}
    assert len(pictures) == 7


def test_the_paint_is_the_generators(
    unmasker: Unmasker, two_faces: U8, tiny_paint: Callable[[F32], U8]
) -> None:
    """Seen in the crop, the mouth differs between two expressions as the tiny network says."""
    faces = unmasker.detect(two_faces)[:1]
    crops = unmasker.crop(two_faces, faces)
    pictures = []
    for name in ("happiness", "sadness"):
        weights = expression_weights(name)[None]
        (patch,) = unmasker.paint(two_faces, crops, weights)
        frame = np.zeros(two_faces.shape, np.float32)
        height, width = patch.alpha.shape
        frame[patch.y : patch.y + height, patch.x : patch.x + width] = patch.rgb
        pictures.append(cv2.warpAffine(frame, crops[0].frame_to_crop, (256, 256)))
    found = (pictures[0] - pictures[1])[185, 127]
    wanted = tiny_paint(expression_weights("happiness"))[185, 127].astype(int)
    wanted -= tiny_paint(expression_weights("sadness"))[185, 127]
    assert np.abs(found - wanted).max() < 3


# --- options ---------------------------------------------------------------------------------


def test_selection_and_size_are_obeyed(unmasker: Unmasker, two_faces: U8) -> None:
    assert _statuses(unmasker.unmask(two_faces, faces="2")) == [
        FaceStatus.NOT_SELECTED,
        FaceStatus.NO_MASK,
    ]
    too_small = unmasker.unmask(two_faces, min_face=2000)
    assert [str(status) for status in _statuses(too_small)] == ["too small", "too small"]
    np.testing.assert_array_equal(too_small.image, two_faces)
    with pytest.raises(OptionError, match="face '3' is not there; the picture shows 2"):
        unmasker.unmask(two_faces, faces="3")


def test_a_face_may_have_its_own_expression(unmasker: Unmasker, two_faces: U8) -> None:
    own = unmasker.unmask(two_faces, "sad", face_expressions={1: "happy"})
    np.testing.assert_array_equal(own.image, unmasker.unmask(two_faces, "happy").image)
    with pytest.raises(OptionError, match="face '7' is not there"):
        unmasker.unmask(two_faces, face_expressions={7: "happy"})


def test_intensity(unmasker: Unmasker, two_faces: U8) -> None:
    half, full = (unmasker.unmask(two_faces, "happy", intensity=i).image for i in (0.5, 1.0))
    assert (half != full).any()
    with pytest.raises(OptionError, match="no effect on expression 'auto'"):
        unmasker.unmask(two_faces, "auto", intensity=0.5)
    # Where one face is named, the other's auto is no mistake.
    unmasker.unmask(two_faces, "auto", intensity=0.5, face_expressions={1: "happy"})


def test_wrong_requests_fail_before_any_work(unmasker: Unmasker, masked_photo: U8) -> None:
    with pytest.raises(OptionError, match="unknown expression 'hapy'"):
        unmasker.unmask(masked_photo, "hapy")
    with pytest.raises(OptionError, match="expression 'all' is seven pictures"):
        unmasker.unmask(masked_photo, "all")
    with pytest.raises(OptionError, match="unknown selection"):
        unmasker.unmask(masked_photo, faces="both")


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 3), np.float32),
        np.zeros((0, 9, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_named(unmasker: Unmasker, frame: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"expected uint8 \(H, W, 3\) RGB"):
        unmasker.unmask(frame)


# --- a mask of the user's --------------------------------------------------------------------


def test_a_given_mask_replaces_the_segmenter(unmasker: Unmasker, two_faces: U8) -> None:
    """A disc on the bare face: that one changes there, the masked one is not under it."""
    bare = unmasker.detect(two_faces)[1]
    mask = np.zeros(two_faces.shape[:2], np.float32)
    centre = bare.landmarks[3:].mean(axis=0)
    cv2.circle(mask, (int(centre[0]), int(centre[1])), 30, (1.0,), -1)
    result = unmasker.unmask(two_faces, "happy", mask=mask)
    assert _statuses(result) == [FaceStatus.NO_MASK, FaceStatus.CHANGED]
    np.testing.assert_array_equal(result.image[:, :400], two_faces[:, :400])
    assert result.mask[mask == 1].min() == 1
    assert result.mask.sum() < 2 * mask.sum()


def test_a_given_mask_must_fit(unmasker: Unmasker, two_faces: U8) -> None:
    with pytest.raises(InputError, match="the mask is 'float32"):
        unmasker.unmask(two_faces, mask=np.zeros((5, 5), np.float32))
    with pytest.raises(InputError, match=r"the mask goes from 0.0 to 255.0, expected 0 to 1"):
        unmasker.unmask(
            two_faces, mask=np.full(two_faces.shape[:2], 255, np.float32) * _ramp(two_faces)
        )


def _ramp(frame: U8) -> F32:
    return np.linspace(0, 1, frame.shape[1], dtype=np.float32)[None].repeat(len(frame), axis=0)


# --- several faces ---------------------------------------------------------------------------


def test_patches_come_smaller_face_first(unmasker: Unmasker, bare_crops: list) -> None:
    small = cv2.resize(bare_crops[0][0], (160, 160), interpolation=cv2.INTER_AREA)
    frame = np.full((400, 640, 3), 128, np.uint8)
    frame[80:336, 60:316], frame[120:280, 400:560] = bare_crops[2][0], small
    crops = unmasker.crop(frame, unmasker.detect(frame))
    assert len(crops) == 2
    covered = [dataclasses.replace(crop, mask=_chin()) for crop in crops]
    patches = unmasker.paint(frame, covered, np.zeros((2, 7), np.float32))
    assert patches[0].alpha.size < patches[1].alpha.size
    assert patches[0].x > patches[1].x


def _chin() -> F32:
    mask = np.zeros((256, 256), np.float32)
    mask[150:220, 80:180] = 1
    return mask


def test_batch_order_does_not_matter(unmasker: Unmasker, two_faces: U8) -> None:
    faces = unmasker.detect(two_faces)
    forward, backward = unmasker.crop(two_faces, faces), unmasker.crop(two_faces, faces[::-1])
    for one, other in zip(forward, backward[::-1], strict=True):
        np.testing.assert_array_equal(one.crop, other.crop)
        np.testing.assert_array_equal(one.mask, other.mask)
    assert unmasker.crop(two_faces, []) == []
    assert unmasker.paint(two_faces, [], np.zeros((0, 7), np.float32)) == []


def test_threads_share_one_unmasker(model_folder: Path, masked_photo: U8) -> None:
    with Unmasker(models=model_folder, device="cpu", threads=1) as shared:
        requests = ["happy", "sad", "angry", "auto"] * 2
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda e: shared.unmask(masked_photo, e).image, requests))
        for request, image in zip(requests, found, strict=True):
            np.testing.assert_array_equal(image, shared.unmask(masked_photo, request).image)


def test_the_shipped_manifest_serves(masked_photo: U8) -> None:
    """Whatever networks ship: a face with a drawn mask is found, claimed and repainted."""
    manifest = load_manifest(Path(__file__).resolve().parents[2] / "engine" / "models")
    with Unmasker(device="cpu", threads=2) as unmasker:
        result = unmasker.unmask(masked_photo, "happy")
        assert unmasker.describe()["generator"] == manifest.of_kind("generator").name
    assert _statuses(result) == [FaceStatus.CHANGED]
