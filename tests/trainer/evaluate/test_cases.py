"""Which faces are evaluated, and the masks that are drawn on them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ecgan.trainer.data import FaceSet, load_faces
from ecgan.trainer.evaluate.cases import SHARES, Cases, draw_masked


@pytest.fixture
def faces(faces_folder: Path) -> FaceSet:
    return load_faces(faces_folder / "faces" / "faces.csv").select("val")


def cases_of(faces: FaceSet, **rest) -> Cases:
    return Cases(faces, lambda frame: [], **rest)


def test_masks_are_of_a_usual_size_and_the_same_each_time(faces: FaceSet) -> None:
    cases = cases_of(faces)
    for number in range(4):
        case, again = cases[number], cases[number]
        assert SHARES[0] <= case.worn.mask.mean() <= SHARES[1]
        bare = case.worn.mask == 0
        assert np.array_equal(case.worn.image[bare], case.truth[bare])
        assert np.array_equal(case.worn.image, again.worn.image)
        assert np.array_equal(case.region, case.worn.mask > 0.5)


def test_each_mask_of_a_face_is_another_one(faces: FaceSet) -> None:
    cases = cases_of(faces, limit=2, masks=3)
    assert len(cases) == 6
    assert [cases.row(i) for i in range(6)] == [0, 4, 0, 4, 0, 4]
    of_one = [cases[i].worn.mask for i in (0, 2, 4)]
    assert not any(np.array_equal(a, b) for a, b in pairwise(of_one))
    assert np.array_equal(cases[2].truth, cases[0].truth)


def test_a_limit_spreads_over_the_set_and_keeps_each_face_s_mask(faces: FaceSet) -> None:
    every, some = cases_of(faces), cases_of(faces, limit=3)
    assert [some.row(i) for i in range(3)] == [0, 2, 5]
    assert np.array_equal(some[1].worn.image, every[2].worn.image)
    assert len(cases_of(faces, limit=99)) == len(faces)


def test_palettes_and_degrading_change_the_mask(faces: FaceSet) -> None:
    case = cases_of(faces)[0]
    own = draw_masked(case, 0)
    assert np.array_equal(own.image, case.worn.image)
    assert not np.array_equal(draw_masked(case, 0, "train").image, own.image)
    bare = own.mask == 0
    degraded = draw_masked(case, 0, degrade=True)
    assert not np.array_equal(degraded.image[bare], case.truth[bare])


def test_figures_are_taken_where_the_picture_is_photo(faces: FaceSet) -> None:
    left = np.array([[0, 0], [127, 0], [127, 255], [0, 255]], np.float32)
    half = faces.where(lambda row: True)
    half.records = [replace(record, photo=left) for record in half.records]
    case = cases_of(half)[0]
    assert case.region[:, 140:].max() == 0
    assert np.array_equal(case.region[:, :120], case.worn.mask[:, :120] > 0.5)
