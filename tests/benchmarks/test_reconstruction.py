"""The measure on drawn faces and tiny networks, its parts on pictures with a known answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ecgan.benchmarks.reconstruction import (
    FLOORS,
    PREDICTED_MASK,
    SHARES,
    TRUE_MASK,
    draw_masked,
    main,
    measure,
    raw_iou,
)
from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import Face
from ecgan.trainer.data import load_faces
from ecgan.trainer.data.samples import draw_sample
from ecgan.trainer.synth import Covering


class OnTemplate:
    """Finds a face on the template; none where the picture's top left pixel is blue enough."""

    name, device = "on-template", "cpu"

    def __init__(self, blind_above: float = 256) -> None:
        self.blind_above = blind_above

    def detect(self, frame, *, quick=False, small=False):
        if frame[0, 0, 2] > self.blind_above:
            return []
        box = np.array([55, 60, 200, 240], np.float32)
        return [Face(box, 0.9, TEMPLATE_FFHQ_256.copy())]


class Stand(Unmasker):
    """The real way of a picture, with a detector that knows drawn faces."""

    stand_in = OnTemplate()

    @property
    def detector(self):
        return self.stand_in


@pytest.fixture
def stand(model_folder: Path):
    with Stand(models=model_folder, device="cpu", threads=1) as ready:
        yield ready


@pytest.fixture
def faces(faces_folder: Path):
    return load_faces(faces_folder / "faces" / "faces.csv")


def test_masks_are_of_a_usual_size_and_the_same_each_time(faces) -> None:
    chosen = faces.select("val")
    for index in range(4):
        sample = draw_sample(chosen, index, np.random.default_rng(0), 256, jitter=0)
        worn = draw_masked(sample, index)
        assert SHARES[0] <= worn.mask.mean() <= SHARES[1]
        assert np.array_equal(worn.image[worn.mask == 0], sample.image[worn.mask == 0])
        assert np.array_equal(draw_masked(sample, index).image, worn.image)


def test_every_face_counts_in_every_row(faces, stand: Stand) -> None:
    report = measure(faces, "val", stand)
    assert (report.faces, report.missed) == (8, [])
    assert list(report.rows) == [TRUE_MASK, PREDICTED_MASK, *FLOORS]
    # the tiny segmenter sees blue masks only: elsewhere the mask stays on and costs
    assert report.unclaimed
    assert report.rows[PREDICTED_MASK]["psnr"] != report.rows[TRUE_MASK]["psnr"]
    gain = report.better_by()["Telea"]["psnr"]
    assert gain == pytest.approx(report.rows[TRUE_MASK]["psnr"] - report.rows["Telea"]["psnr"])
    # the ring mean is flat, and its edge is the hole's
    assert report.rows["ring mean"]["sharp128"] < 0.3
    json.dumps(report.as_json())


def test_faces_that_are_not_found_are_listed_and_in_no_mean(faces, stand: Stand) -> None:
    pixels = [faces.select("val").image(index)[0, 0, 2] for index in range(8)]
    everyone = measure(faces, "val", stand)
    stand.stand_in = OnTemplate(float(np.median(pixels)))
    report = measure(faces, "val", stand)
    missed = [index for index in range(8) if pixels[index] > np.median(pixels)]
    assert report.faces == 8
    assert report.missed == [faces.select("val")[index].file for index in missed]
    assert report.rows[TRUE_MASK]["psnr"] != everyone.rows[TRUE_MASK]["psnr"]


def test_a_report_without_any_face_can_be_read(faces, stand: Stand) -> None:
    stand.stand_in = OnTemplate(-1)
    report = measure(faces, "val", stand, limit=2)
    assert len(report.missed) == report.faces == 2
    assert next(report.lines()) == "2 faces, 2 not found, 0 not claimed"


def test_iou_of_a_known_mask(stand: Stand) -> None:
    picture = np.full((256, 256, 3), 150, np.uint8)
    picture[140:220, 60:200] = (60, 90, 200)  # what the tiny segmenter takes for a mask
    face = stand.detect(picture)[0]
    drawn = np.zeros((256, 256), np.float32)
    drawn[140:220, 60:200] = 1
    # the template lies on itself but for rounding: a row at the border may be lost
    assert raw_iou(stand, Covering(picture, drawn), face) > 0.96
    drawn[140:220, 130:200] = 0
    assert raw_iou(stand, Covering(picture, drawn), face) == pytest.approx(0.5, abs=0.02)


def test_figures_are_printed(faces_folder: Path, model_folder: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("ecgan.benchmarks.reconstruction.Unmasker", Stand)
    arguments = [str(faces_folder), "--models", str(model_folder), "--threads", "1"]
    assert main([*arguments, "--limit", "2"]) == 0
    told = capsys.readouterr().out
    assert "tiny-generator" in told
    assert "2 faces, 0 not found" in told
    assert main([*arguments, "--limit", "3", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["faces"] == 3
    assert set(figures["better_by"]) == set(FLOORS)
