"""A whole evaluation on drawn faces and tiny networks."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tarfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ecgan.engine.errors import DatasetError, ModelMissing, OptionError, OutputError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.models import GENERATOR, Manifest, load_manifest
from ecgan.engine.models.manifest import MANIFEST_NAME
from ecgan.trainer.evaluate import EvaluateOptions, write_report
from ecgan.trainer.evaluate.figures import PICTURE_FIGURES
from ecgan.trainer.evaluate.floors import FLOORS, MASK_ON, MEAN_FACE
from ecgan.trainer.evaluate.measure import FOUND_MASK, TRUE_MASK, Measured, row_name
from ecgan.trainer.metrics import region_psnr, region_ssim

from .conftest import OnTemplate

OURS = "tiny-generator"
TRUE, FOUND = row_name(OURS, TRUE_MASK), row_name(OURS, FOUND_MASK)


def test_every_face_counts_in_every_row(evaluating) -> None:
    evaluation = evaluating(options=EvaluateOptions(limit=5, threads=1))
    report = evaluation.report()
    assert (report.cases, report.missed, report.split) == (5, [], "val")
    assert list(report.rows) == [TRUE, FOUND, *FLOORS]
    assert all(list(row) == list(PICTURE_FIGURES) for row in report.rows.values())
    # the tiny segmenter sees blue masks only: elsewhere the mask stays on and costs
    assert report.rows[TRUE]["psnr"] > report.rows[FOUND]["psnr"] > 0
    assert report.models[0].unclaimed
    first = evaluation.cases[0]
    on = region_psnr(first.worn.image, first.truth, first.region)
    assert evaluation.done[0].figures[MASK_ON]["psnr"] == pytest.approx(on, abs=1e-9)
    ssim = region_ssim(first.worn.image, first.truth, first.truth[..., 0] * 0 + np.float32(1))
    assert evaluation.done[0].figures[MASK_ON]["ssim_whole"] == pytest.approx(ssim, abs=1e-9)
    mean = np.mean([one.figures[TRUE]["psnr"] for one in evaluation.done])
    assert report.rows[TRUE]["psnr"] == pytest.approx(mean)
    gain = report.better_by()[OURS][MASK_ON]["psnr"]
    assert gain == pytest.approx(report.rows[TRUE]["psnr"] - report.rows[MASK_ON]["psnr"])
    assert report.sources[TRUE]["drawn"]["count"] == 5
    assert report.sources[TRUE]["drawn"]["psnr"] == pytest.approx(mean)


def test_faces_that_are_not_found_are_listed_and_in_no_mean(
    evaluating, detector: OnTemplate
) -> None:
    evaluation = evaluating(options=EvaluateOptions(limit=4, threads=1))
    records = [evaluation.cases.record(i) for i in range(4)]
    blue = [evaluation.cases[i].truth[0, 0, 2] for i in range(4)]
    detector.blind_above = float(np.median(blue))
    report = evaluation.report()
    assert report.cases == 4
    seen = [i for i in range(4) if blue[i] <= np.median(blue)]
    assert report.missed == [records[i].file for i in range(4) if i not in seen]
    mean = np.mean([evaluation.done[i].figures[TRUE]["psnr"] for i in seen])
    assert report.rows[TRUE]["psnr"] == pytest.approx(mean)


def test_a_report_without_any_face_can_be_read_and_written(
    evaluating, detector: OnTemplate, tmp_path: Path
) -> None:
    detector.blind_above = -1
    evaluation = evaluating(options=EvaluateOptions(limit=2, threads=1))
    report = evaluation.report()
    assert len(report.missed) == report.cases == 2
    assert next(report.lines()).endswith("2 pictures, 2 not found")
    assert write_report(evaluation, report, tmp_path, faces=4).is_file()


def test_asked_expressions_are_read_off_the_results(evaluating, classifier_folder: Path) -> None:
    options = EvaluateOptions(
        threads=1, limit=3, intensity=True, classifier=classifier_folder, frechet=("classifier",)
    )
    report = evaluating(options=options).report()
    [model] = report.models
    assert model.confusion is not None
    # the stand-in reads the colour of the mouth, and the tiny generator gives each its own
    assert model.confusion.balanced > 0.8
    assert np.array(model.confusion.counts).sum(1).tolist() == [3] * 7
    assert model.strength is not None
    assert model.strength.intensities == (0.5, 1.0, 1.5)
    assert model.strength.mean[0] < model.strength.mean[1]
    distances = report.frechet["classifier"]
    assert list(distances) == list(report.rows)
    assert all(np.isfinite(value) and value >= 0 for value in distances.values())
    assert any("Frechet distance of 3 pictures says little" in note for note in report.notes)
    assert report.judge is not None
    assert report.judge.confusion is not None
    labelled = sum(map(sum, report.judge.confusion.counts))
    assert report.judge.sources == {
        "drawn": (labelled, pytest.approx(report.judge.confusion.accuracy))
    }


def test_without_a_classifier_expressions_are_left_out_and_said_so(evaluating) -> None:
    report = evaluating(options=EvaluateOptions(limit=1, threads=1)).report()
    assert report.models[0].confusion is None
    assert any("no evaluation classifier" in note for note in report.notes)
    quiet = evaluating(options=EvaluateOptions(limit=1, threads=1, expressions=False)).report()
    assert not any("classifier" in note for note in quiet.notes)


@pytest.mark.parametrize(
    "asked", [{"frechet": ("classifier",)}, {"intensity": True}, {"classifier": Path("gone")}]
)
def test_what_needs_the_classifier_is_refused_without_it(evaluating, asked: dict) -> None:
    with pytest.raises(ModelMissing, match="no evaluation classifier in"):
        evaluating(options=EvaluateOptions(limit=1, **asked))


def changed_generator(model_folder: Path, folder: Path, **changes: Any) -> Path:
    """The tiny networks, of whose generator the manifest says something else."""
    shutil.copytree(model_folder, folder)
    rows = [
        replace(row, **changes) if row.kind == GENERATOR else row
        for row in load_manifest(folder).models
    ]
    (folder / MANIFEST_NAME).write_text(Manifest(rows).to_json())
    return folder


def test_a_network_without_expressions_is_asked_for_none(
    evaluating, model_folder: Path, classifier_folder: Path, tmp_path: Path
) -> None:
    folder = changed_generator(model_folder, tmp_path / "models", classes=(), name="baseline")
    options = EvaluateOptions(limit=2, threads=1, classifier=classifier_folder, intensity=True)
    report = evaluating(models=[folder, model_folder], options=options).report()
    assert [model.confusion is None for model in report.models] == [True, False]
    assert [model.strength is None for model in report.models] == [True, False]
    assert report.rows[row_name("baseline", TRUE_MASK)] == report.rows[TRUE]
    assert "baseline knows no expressions: it was asked for none" in report.notes


def test_a_network_without_auto_is_asked_for_the_true_expression(
    evaluating, model_folder: Path, tmp_path: Path
) -> None:
    folder = changed_generator(model_folder, tmp_path / "models", auto=False, name="classes")
    evaluation = evaluating(
        models=[folder, model_folder], options=EvaluateOptions(limit=2, threads=1)
    )
    report = evaluation.report()
    assert [model.own_expression for model in report.models] == [True, False]
    assert any(note.startswith("classes cannot do 'auto'") for note in report.notes)
    labelled = next(i for i, one in enumerate(evaluation.done) if one.label >= 0)
    case = evaluation.cases[labelled]
    shown = evaluation.shown([labelled])[0].pictures
    name = EXPRESSIONS[case.label]
    expected = evaluation.contenders[1].unmask(case.worn.image, name, mask=case.worn.mask).image
    assert np.array_equal(shown[row_name("classes", TRUE_MASK)], expected)
    assert not np.array_equal(shown[row_name("classes", TRUE_MASK)], shown[TRUE])


def test_a_stopped_evaluation_goes_on_where_it_was(
    evaluating, classifier_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecgan.trainer.evaluate.run.CHUNK", 2)
    options = EvaluateOptions(
        threads=1, limit=3, classifier=classifier_folder, frechet=("classifier",)
    )

    def stop_at_three(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    whole = evaluating(options=options).report()
    with pytest.raises(KeyboardInterrupt):
        evaluating(options=options, folder=tmp_path, watch=stop_at_three).report()
    measured: list[int] = []
    again = evaluating(options=options, folder=tmp_path)
    own = again.measured
    monkeypatch.setattr(again, "measured", lambda number: (measured.append(number), own(number))[1])
    report = again.report()
    assert measured == [2]
    assert json.dumps(report.as_json()) == json.dumps(whole.as_json())


def test_another_evaluation_s_folder_is_not_mixed_in(evaluating, tmp_path: Path) -> None:
    evaluating(options=EvaluateOptions(limit=1, threads=1), folder=tmp_path).report()
    other = EvaluateOptions(limit=2, threads=1)
    with pytest.raises(OutputError, match="holds an evaluation of something else"):
        evaluating(options=other, folder=tmp_path)
    report = evaluating(options=other, folder=tmp_path, overwrite=True).report()
    assert report.cases == 2


def test_a_damaged_chunk_is_measured_again(evaluating, tmp_path: Path) -> None:
    options = EvaluateOptions(limit=1, threads=1)
    first = evaluating(options=options, folder=tmp_path).report()
    [chunk] = tmp_path.rglob("cases-*.npz")
    chunk.write_bytes(chunk.read_bytes()[:100])
    assert evaluating(options=options, folder=tmp_path).report().rows == first.rows


def test_measured_cases_survive_as_plain_values() -> None:
    read = {"m": np.arange(49, dtype=np.float32).reshape(1, 7, 7)}
    one = Measured("a.jpg", "s", 3, figures={"r": {"psnr": 1.5}}, iou={"m": 0.5}, read=read)
    again = Measured.from_plain(json.loads(json.dumps(one.plain())), {})
    assert again.plain() == one.plain()
    assert again.read["m"].dtype == np.float32


# --- data ------------------------------------------------------------------------------------


def test_wrong_data_is_refused(evaluating, faces_folder: Path) -> None:
    with pytest.raises(OptionError, match="unknown split 'vla'"):
        evaluating(options=EvaluateOptions(split="vla"))
    with pytest.raises(DatasetError, match="no face of split 'test'"):
        evaluating(options=EvaluateOptions(split="test"))
    with pytest.raises(DatasetError, match="'gone' does not exist"):
        evaluating(data="gone")
    with pytest.raises(OptionError, match="has a weight"):
        evaluating(data=f"{faces_folder}=2.0")


def test_a_table_alone_is_read_and_all_of_it_where_asked(evaluating, faces_folder: Path) -> None:
    options = EvaluateOptions(split="all", limit=3, threads=1, expressions=False)
    report = evaluating(data=faces_folder / "faces" / "faces.csv", options=options).report()
    assert (report.split, report.cases) == ("all", 3)


def test_a_picture_that_is_broken_is_counted_and_passed_over(
    evaluating, faces_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    with (faces_folder / "faces" / "faces.csv").open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] == "val"][:2]
    with tarfile.open(faces_folder / "faces" / "drawn.tar") as archive:
        whole = archive.extractfile(rows[0]["file"])
        assert whole is not None
        content = [whole.read(), b"no picture"]
    with tarfile.open(folder / "drawn.tar", "w:") as archive:
        for row, data in zip(rows, content, strict=True):
            info = tarfile.TarInfo(row["file"])
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with (folder / "faces.csv").open("w", newline="") as handle:
        table = csv.DictWriter(handle, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    report = evaluating(data=tmp_path, options=EvaluateOptions(threads=1)).report()
    assert (report.cases, report.missed) == (2, [])
    assert MEAN_FACE not in report.rows
    assert any(
        note == f"pictures that cannot be read, 1: {rows[1]['file']}" for note in report.notes
    )
    assert any("no mean face" in note for note in report.notes)


def test_photos_are_looked_at_first(evaluating, bare_photo: np.ndarray, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(bare_photo).save(folder / "face.png")
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(folder / "wall.png")
    options = EvaluateOptions(threads=1, expressions=False)
    report = evaluating(data=folder, options=options, folder=tmp_path / "out").report()
    assert (report.split, report.cases) == ("all", 1)
    assert "of 2 pictures these were dropped: 1 no face" in report.notes
    assert list(report.sources[TRUE]) == ["photos"]


# --- the page --------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects what a page would load, and checks that tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attributes):
        self.loads += [v or "" for k, v in attributes if k in ("src", "href", "srcset")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_needs_nothing_but_itself(
    evaluating, classifier_folder: Path, tmp_path: Path
) -> None:
    options = EvaluateOptions(threads=1, limit=3, classifier=classifier_folder)
    evaluation = evaluating(options=options)
    report = replace(evaluation.report(), notes=["<b>not bold</b>"])
    path = write_report(evaluation, report, tmp_path, faces=2)
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    assert page.open == []
    assert page.loads
    assert all(load.startswith("data:image/") for load in page.loads)
    # 2 spread and 1 of the worst, each with truth, masked, two rows, the floors and seven expressions;
    # and two matrices
    assert len(page.loads) == 3 * (2 + 2 + len(FLOORS) + 7) + 2
    assert "<b>not bold</b>" in page.text
    assert f"{report.rows[TRUE]['psnr']:.3f}" in page.text
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["rows"][TRUE] == report.rows[TRUE]
    for name in (OURS, "classifier"):
        with Image.open(tmp_path / f"confusion-{name}.png") as picture:
            assert picture.format == "PNG"
