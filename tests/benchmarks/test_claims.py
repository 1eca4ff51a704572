"""Counting on which faces a mask is claimed, with a stand-in whose answers are known."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ecgan.benchmarks import claims
from ecgan.engine.types import U8, Face

from .conftest import Fixed


class Claiming:
    """Finds two faces everywhere, and claims a mask on the left one."""

    segmenter = SimpleNamespace(claims=lambda mask: mask == "covered")

    def __init__(self, **_: Any) -> None: ...

    def detect(self, frame: U8) -> list[Face]:
        return Fixed().detect(frame)

    def crop(self, frame: U8, faces: list[Face]) -> list[Any]:
        return [SimpleNamespace(mask="covered" if face.bbox[0] < 100 else "bare") for face in faces]

    def __enter__(self) -> Claiming:
        return self

    def __exit__(self, *_: object) -> None: ...


def test_boxes_count_from_their_least_height_and_claims_only_where_found(masked: Path) -> None:
    counts = claims.masked_photos(masked, Claiming(), held_out=False)
    assert counts["with_mask"] == {"boxes": 1, "found": 1, "claimed": 1}
    assert counts["without_mask"] == {"boxes": 1, "found": 0, "claimed": 0}
    assert not counts["with_incorrect_mask"]
    held = claims.masked_photos(masked, Claiming(), held_out=True)
    assert not any(held.values())


def test_figures_of_photos_and_bare_faces_are_printed(
    masked: Path,
    faces_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(faces_folder / "faces", masked.parent / "faces")
    monkeypatch.setattr(claims, "Unmasker", Claiming)
    assert claims.main([str(masked.parent)]) == 0
    printed = capsys.readouterr().out
    assert "with_mask, boxes of 48 px and more: 1, 1 found (100.0 %), mask claimed on 1" in printed
    # 8 of the 32 drawn faces are for validation; of two equal boxes the first is taken
    assert "bare faces of the val split: 8, 8 found (100.0 %), mask claimed on 8" in printed
