"""Preparing: what is kept and why not, that it goes on, and that training reads the result."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256, crop_matrix
from ecgan.engine.errors import DatasetError, OptionError, OutputError
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import U8
from ecgan.trainer.data import load_data
from ecgan.trainer.data.samples import draw_sample
from ecgan.trainer.prepare import PrepareOptions, Summary, prepare, store
from ecgan.trainer.prepare.align import Drop, align_faces


@pytest.fixture
def photos(tmp_path: Path, bare_photo: U8, masked_photo: U8) -> Path:
    """Two bare faces, and one picture for each reason to drop one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    small = cv2.resize(bare_photo, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    pictures = {
        "ann_1": bare_photo,
        "ann_2": bare_photo[:, ::-1],
        "bob_1": masked_photo,
        "bob_2": np.full((80, 90, 3), 90, np.uint8),
        "cem_1": small,
    }
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), np.ascontiguousarray(picture[..., ::-1]))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return folder


@pytest.fixture
def run(unmasker: Unmasker) -> Callable[..., Summary]:
    def run(specs: list[str], folder: Path, **options: Any) -> Summary:
        watch = options.pop("watch", None)
        wanted = PrepareOptions(**{"min_face": 40} | options)
        return prepare(specs, folder, lambda: nullcontext(unmasker), wanted, watch=watch)  # type: ignore[arg-type,return-value]

    return run


def test_faces_are_kept_and_the_rest_is_counted(
    photos: Path, tmp_path: Path, run: Callable[..., Summary]
) -> None:
    out = tmp_path / "out"
    summary = run([str(photos)], out, person=r"^([a-z]+)_")
    assert (summary.pictures, summary.faces) == (6, 2)
    assert summary.dropped == {
        Drop.UNREADABLE: 1,
        Drop.NO_FACE: 1,
        Drop.TOO_SMALL: 1,
        Drop.MASKED: 1,
    }
    with (out / "dropped.csv").open(newline="") as table:
        reasons = {row["picture"].split(":")[-1]: row["reason"] for row in csv.DictReader(table)}
    assert reasons["bob_1.png"] == "wears a mask"
    faces = load_data(str(out))
    assert {record.person for record in faces} == {"ann"}
    assert {record.source for record in faces} == {"photos"}
    sheet = cv2.imread(str(out / "sheet.png"))
    assert sheet is not None
    assert sheet.shape[1] == 1280


def test_a_kept_face_lies_as_the_engine_lays_it(
    photos: Path, tmp_path: Path, run: Callable[..., Summary], unmasker: Unmasker, bare_photo: U8
) -> None:
    run([str(photos)], tmp_path / "out")
    faces = load_data(str(tmp_path / "out"))
    [face] = unmasker.detect(bare_photo)
    matrix = crop_matrix(face.landmarks)
    wanted = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(faces[0].landmarks, wanted, atol=0.06)  # one decimal is stored
    np.testing.assert_allclose(faces[0].landmarks[:2], TEMPLATE_FFHQ_256[:2], atol=6)
    crop = unmasker.crop(bare_photo, [face])[0].crop
    assert np.abs(faces.image(0).astype(int) - crop).mean() < 3  # JPEG
    sample = draw_sample(faces, 0, np.random.default_rng(0), 128, jitter=0)
    assert sample.image.shape == (128, 128, 3)


def test_every_face_of_a_picture_may_be_taken(
    tmp_path: Path, bare_photo: U8, run: Callable[..., Summary]
) -> None:
    (tmp_path / "two").mkdir()
    pair = np.concatenate([bare_photo, bare_photo[:, ::-1]], 1)
    cv2.imwrite(str(tmp_path / "two" / "pair.png"), np.ascontiguousarray(pair[..., ::-1]))
    assert run([str(tmp_path / "two")], tmp_path / "one").faces == 1
    assert run([str(tmp_path / "two")], tmp_path / "all", every_face=True).faces == 2


def test_a_tight_crop_is_found_and_says_what_of_it_is_photo(
    bare_photo: U8, unmasker: Unmasker
) -> None:
    [face] = unmasker.detect(bare_photo)
    x0, y0, x1, y1 = face.bbox.astype(int)
    tight = cv2.resize(bare_photo[y0:y1, x0:x1], (100, 100), interpolation=cv2.INTER_AREA)
    [found] = align_faces(np.asarray(tight), unmasker, min_face=40, every=False)
    assert not isinstance(found, Drop)
    assert found.photo is not None
    sides = np.hypot(*(found.photo - np.roll(found.photo, 1, 0)).T)
    np.testing.assert_allclose(sides, 100 * 256 / found.native_px, rtol=0.01)


def test_a_second_run_does_only_what_is_new(
    photos: Path, tmp_path: Path, run: Callable[..., Summary]
) -> None:
    out, seen = tmp_path / "out", list[tuple[int, int]]()
    run([str(photos)], out)
    before = (out / "faces" / "faces_00000.tar").read_bytes()
    (photos / "dora_1.png").write_bytes((photos / "ann_1.png").read_bytes())
    summary = run([str(photos)], out, watch=lambda done, total: seen.append((done, total)))
    assert seen == [(7, 7)]
    assert (summary.pictures, summary.faces) == (7, 3)
    assert (out / "faces" / "faces_00000.tar").read_bytes() == before
    assert len({record.file for record in load_data(str(out))}) == 3


def test_stopped_and_started_again_gives_the_same(
    photos: Path, tmp_path: Path, run: Callable[..., Summary], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run([str(photos)], whole)
    with pytest.raises(KeyboardInterrupt):
        run([str(photos)], parts, watch=stop)
    assert len(load_data(str(parts))) == 2  # what was done can be trained on
    run([str(photos)], parts)
    one, two = load_data(str(whole)), load_data(str(parts))
    assert [(r.file, r.person, r.split) for r in one] == [(r.file, r.person, r.split) for r in two]
    for index in range(len(one)):
        np.testing.assert_array_equal(one.image(index), two.image(index))


def test_a_run_that_was_killed_loses_the_last_shard_alone(
    photos: Path, tmp_path: Path, run: Callable[..., Summary], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PICTURES_A_SHARD", 1)
    out = tmp_path / "out"
    run([str(photos)], out)
    # as if it had died after the shard and before its journal
    (out / "journal" / "00005.jsonl").unlink()
    summary = run([str(photos)], out)
    assert (summary.pictures, summary.faces) == (6, 2)
    assert len(load_data(str(out))) == 2


def test_other_settings_and_foreign_folders_are_refused(
    photos: Path, tmp_path: Path, run: Callable[..., Summary]
) -> None:
    out = tmp_path / "out"
    run([str(photos)], out)
    with pytest.raises(OutputError, match="was prepared with min_face '40', not '41'"):
        run([str(photos)], out, min_face=41)
    with pytest.raises(OutputError, match="was not made by ecgan prepare"):
        run([str(photos)], photos)
    (out / "journal" / "00000.jsonl").write_text("{}\n")
    with pytest.raises(DatasetError, match=r"00000\.jsonl' is broken"):
        run([str(photos)], out)


def test_nothing_kept_says_why(photos: Path, tmp_path: Path, run: Callable[..., Summary]) -> None:
    for name in ("ann_1", "ann_2"):
        (photos / f"{name}.png").unlink()
    with pytest.raises(DatasetError, match="no face was kept of 4 pictures: 1 unreadable, 1 no f"):
        run([str(photos)], tmp_path / "out")


def test_wrong_requests_come_before_any_work(
    photos: Path, tmp_path: Path, run: Callable[..., Summary]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(OptionError, match="is not a regular expression"):
        run([str(photos)], out, person="(")
    with pytest.raises(OptionError, match="has a weight, which preparing does not use"):
        run([f"{photos}=2"], out)
    assert not out.exists()
