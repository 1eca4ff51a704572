"""Outlines of faces: from pictures that have one, laid onto others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.trainer.data import load_folder
from ecgan.trainer.data.hulls import HullPool
from ecgan.trainer.data.sources import SURROUND, SourceFacts


def test_without_pictures_on_black_it_is_an_ellipse_that_follows_the_face(
    faces_folder: Path,
) -> None:
    pool, rng = HullPool(load_folder(faces_folder)), np.random.default_rng(0)
    hull = pool.draw(TEMPLATE_FFHQ_256, 256, rng)
    moved = pool.draw(TEMPLATE_FFHQ_256 + np.float32([16, 0]), 256, rng)
    assert hull.shape == (256, 256)
    assert hull[184, 127] == 1  # the mouth
    assert hull[20, 20] == 0
    # the same outline, 16 px to the right; two pixels for the rounding of its edge
    assert np.abs(np.roll(hull, 16, 1) - moved).sum(1).max() <= 2


def test_an_outline_is_cut_from_the_pictures_that_are_hulls(faces_folder: Path) -> None:
    faces = load_folder(faces_folder)
    facts = SourceFacts(region=SURROUND)
    faces.records = [replace(record, facts=facts) for record in faces.records]
    rng = np.random.default_rng(0)
    hull = HullPool(faces).draw(TEMPLATE_FFHQ_256, 256, rng)
    ellipse = HullPool(load_folder(faces_folder)).draw(TEMPLATE_FFHQ_256, 256, rng)
    # the drawn faces fill their picture: their outline is nearly all of it
    assert hull.mean() > 1.5 * ellipse.mean()
