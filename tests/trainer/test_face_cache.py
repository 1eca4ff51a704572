"""What was seen in faces is kept, and looked at again only where it must be."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ecgan.trainer.data import FaceSet, load_folder
from ecgan.trainer.face_cache import looked_at


def see(faces: FaceSet) -> dict[str, np.ndarray]:
    return {"number": np.arange(len(faces)), "pair": np.ones((len(faces), 2), np.float32)}


def must_not_look() -> dict[str, np.ndarray]:
    raise AssertionError("looked again")


def test_rows_come_back_by_face_without_a_second_look(faces_folder: Path, tmp_path: Path) -> None:
    faces, cache = load_folder(faces_folder), tmp_path / "run" / "seen.npz"
    first = looked_at(faces, cache, lambda: see(faces))
    again = looked_at(faces, cache, must_not_look)
    for found in (first, again):
        assert [found[record.key][0] for record in faces] == list(range(len(faces)))
        assert found[faces[0].key][1].tolist() == [1, 1]
    part = looked_at(faces.select("val"), cache, must_not_look)
    assert part.keys() >= {record.key for record in faces.select("val")}


def test_faces_of_the_same_name_in_two_folders_stay_apart(faces_folder: Path) -> None:
    face = load_folder(faces_folder)[0]
    twin = dataclasses.replace(face, shard=face.shard.parent / "other")
    assert (twin.file, twin.key != face.key) == (face.file, True)


@pytest.mark.parametrize("kept", ["nothing", "half", "other faces", "no names"])
def test_a_cache_that_does_not_serve_is_made_anew(
    faces_folder: Path, tmp_path: Path, kept: str
) -> None:
    faces, cache = load_folder(faces_folder), tmp_path / "seen.npz"
    if kept == "other faces":
        few = faces.select("val")
        looked_at(few, cache, lambda: see(few))
    elif kept == "half":
        looked_at(faces, cache, lambda: see(faces))
        cache.write_bytes(cache.read_bytes()[:200])
    elif kept == "no names":
        np.savez(cache, number=np.arange(3))
    found = looked_at(faces, cache, lambda: see(faces))
    assert len(found) == len(faces)
    assert looked_at(faces, cache, must_not_look).keys() == found.keys()
