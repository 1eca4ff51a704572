"""`ecgan evaluate` as a user runs it: on a photo, and with requests that cannot be met."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import EXAMPLES, Here, Run

PHOTO = EXAMPLES / "astronaut.jpg"


def test_a_photo_is_evaluated_and_shown(
    ecgan: Run, here: Here, model_folder: Path, tmp_path: Path
) -> None:
    asked = [
        PHOTO,
        "-m",
        model_folder,
        "--no-expressions",
        "--threads",
        1,
        "--faces",
        1,
    ]
    done = ecgan("evaluate", *asked, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{PHOTO}, all: 1 pictures, 0 not found"
    assert any(line.startswith("tiny-generator, true mask") for line in lines)
    assert any(line.startswith("mask left on") for line in lines)
    assert lines[-1] == str(tmp_path / "out" / "report.html")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/jpeg") == 7  # truth, masked, two rows, three floors
    code, told_again, complained = here("evaluate", *asked, "-o", tmp_path / "out", "--json")
    assert code == 0, complained
    document = json.loads(told_again)
    assert document["error"] is None
    assert document["cases"] == 1
    told = f"{document['rows']['tiny-generator, true mask']['psnr']:.3f}"
    assert any(line.startswith("tiny-generator, true mask") and told in line for line in lines)


BAD = {
    "no data": (["gone"], 3, "'gone' does not exist"),
    "no model": ([PHOTO, "-m", "gone"], 4, "'gone' does not exist"),
    "overwrite nothing": ([PHOTO, "--overwrite"], 2, "has no effect without -o"),
    "contradiction": ([PHOTO, "--intensity", "--no-expressions"], 2, "--no-expressions for none"),
    "features": ([PHOTO, "--frechet", "inception"], 2, "unknown features 'inception'"),
    "distance": ([PHOTO, "--distance", "lpips"], 2, "distance 'lpips' is not NAME=PATH"),
    "weights": ([PHOTO, "--distance", "lpips-alex=gone.pth"], 4, "gone.pth"),
    "split": ([PHOTO, "--split", "vla"], 2, "vla"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_end_in_one_line_and_their_code(ecgan: Run, tmp_path: Path, name: str) -> None:
    arguments, code, words = BAD[name]
    done = ecgan("evaluate", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_folder_without_classifier_is_refused_for_machines_too(
    model_folder: Path, here: Here
) -> None:
    asked = [PHOTO, "--classifier", model_folder, "--frechet", "classifier", "--json"]
    code, told, _ = here("evaluate", *asked)
    assert code == 4
    document = json.loads(told)
    assert document["exit_code"] == 4
    assert document["error"].startswith("no evaluation classifier in")
    assert "--classifier" in document["hint"]
