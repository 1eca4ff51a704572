"""Mouths of others: laid where the mouth is, in the face's own tone, from who shows the expression."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.trainer.data import load_folder
from ecgan.trainer.data.samples import draw_sample
from ecgan.trainer.data.transplant import MouthDonors, turn


def test_only_the_mouth_changes_and_the_skin_keeps_its_tone(faces_folder: Path) -> None:
    faces, rng = load_folder(faces_folder), np.random.default_rng(0)
    donors = MouthDonors(faces)
    sample = draw_sample(faces, 0, rng, 128, jitter=0)
    laid = donors.lay(sample, EXPRESSIONS.index("fear"), rng)
    assert laid is not None
    changed = np.abs(laid.astype(int) - sample.image).max(2) > 0
    rows, columns = np.nonzero(changed)
    assert rows.min() > 60  # below the eyes, at 60
    assert columns.min() > 20
    assert columns.max() < 108
    assert changed.any()
    # a spot of bare skin beside the mouth: every donor's own skin has another colour
    gap = np.abs(laid[93, 85].astype(int) - sample.image[93, 85])
    assert gap.max() <= 6


def test_nobody_shows_it_nothing_is_laid(faces_folder: Path) -> None:
    faces, rng = load_folder(faces_folder), np.random.default_rng(0)
    donors = MouthDonors(faces, excluded=("drawn",))
    assert donors.lay(draw_sample(faces, 0, rng, 64, jitter=0), 0, rng) is None


def test_a_turned_head_has_its_nose_off_the_middle() -> None:
    turned = TEMPLATE_FFHQ_256.copy()
    turned[2, 0] += 16
    assert abs(turn(TEMPLATE_FFHQ_256)) < 0.02
    assert turn(turned) > 0.2
