"""`ecgan prepare` as a user runs it, on a stand-in with RAF-DB's layout."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import U8
from ecgan.trainer.data import load_data

from .conftest import SCRIPT, Run, environment
from .rafdb import tight_face, write_rafdb

COUNT = 21


@pytest.fixture(scope="module")
def rafdb(tmp_path_factory: pytest.TempPathFactory, bare_photo: U8, masked_photo: U8) -> Path:
    """21 faces, three an expression; one wears a mask, one is broken, one shows nobody."""
    labels = {
        f"{'test' if number % 5 == 4 else 'train'}_{number:05d}": number % 7 + 1
        for number in range(COUNT + 3)
    }
    root = tmp_path_factory.mktemp("rafdb")
    folder = write_rafdb(root / "basic", labels)
    for number, name in enumerate(labels):
        path = folder / f"{name}_aligned.jpg"
        if number < COUNT:
            tight_face(bare_photo, number).save(path, quality=95)
        elif number == COUNT:
            tight_face(masked_photo, number).save(path, quality=95)
        elif number == COUNT + 1:
            path.write_bytes(b"\xff\xd8\xff broken")
        else:
            Image.new("RGB", (100, 100), (90, 120, 90)).save(path)
    return root


def test_rafdb_becomes_faces_that_training_reads(ecgan: Run, rafdb: Path, tmp_path: Path) -> None:
    done = ecgan("prepare", f"rafdb:{rafdb}", "-o", tmp_path / "faces", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["pictures"] == COUNT + 3
    assert document["faces"] == COUNT
    assert document["dropped"] == {"unreadable": 1, "no face": 1, "wears a mask": 1}
    assert document["labels"] == dict.fromkeys(EXPRESSIONS, 3)
    assert "dropped: wears a mask" in done.stderr
    faces = load_data(str(tmp_path / "faces"))
    splits = Counter(record.split for record in faces)
    assert splits["test"] == sum(number % 5 == 4 for number in range(COUNT))
    assert {record.source for record in faces} == {"rafdb"}
    with (tmp_path / "faces" / "faces" / "faces.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert all(row["photo"] for row in rows)  # tight crops do not fill ours
    for row, record in zip(rows, faces, strict=True):
        assert int(row["file"].split("_")[-1].removesuffix(".jpg")) % 7 == record.label
    with Image.open(tmp_path / "faces" / "sheet.png") as sheet:
        assert sheet.size[0] == 1280


def test_it_stops_at_ctrl_c_and_goes_on(rafdb: Path, tmp_path: Path, ecgan: Run) -> None:
    many = tmp_path / "many"
    many.mkdir()
    picture = next((rafdb / "basic" / "Image" / "aligned").glob("train_00000*"))
    for number in range(400):
        (many / f"{number:03d}.jpg").hardlink_to(picture)
    command = [str(SCRIPT), "prepare", str(many), "-o", str(tmp_path / "out")]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        state = tmp_path / "out" / "prepare.json"
        while not state.exists() and process.poll() is None:
            time.sleep(0.02)
        time.sleep(1.0)  # some pictures in
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "what was done is kept" in errors
    done = json.loads(state.read_text())["pictures"] if "pictures" in state.read_text() else 0
    assert done < 400
    for extra in sorted(many.iterdir())[done + 2 :]:
        extra.unlink()
    again = ecgan("prepare", many, "-o", tmp_path / "out", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["pictures"] == done + 2


def test_the_mask_sheet_needs_nothing_else(ecgan: Run, tmp_path: Path) -> None:
    done = ecgan("prepare", "--mask-sheet", tmp_path / "masks.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "masks.png")
    with Image.open(tmp_path / "masks.png") as sheet:
        assert sheet.size[0] == 11 * 256


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "missing INPUT"),
        (["nowhere", "-o", "out"], 3, "'nowhere' does not exist"),
        (["rafd:DATA", "-o", "out"], 2, "unknown data reader 'rafd'"),
        (["DATA", "-o", "DATA"], 3, "was not made by ecgan prepare"),
        (["DATA", "DATA", "--mask-sheet", "x.png"], 2, "takes one face"),
        (["--mask-sheet", "x.jpg"], 2, "is not the name of a PNG"),
    ],
)
def test_wrong_requests_are_one_line(
    ecgan: Run, rafdb: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    words = [word.replace("DATA", str(rafdb)) for word in arguments]
    done = ecgan("prepare", *words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
