"""The paper's protocol by the three commands of README, on a stand-in for RAF-DB."""

from __future__ import annotations

import csv
import json
import math
import shlex
from pathlib import Path

import pytest

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import U8
from ecgan.trainer.checkpoint import load_checkpoint
from ecgan.trainer.evaluate.floors import FLOORS

from ..test_readme import blocks
from .conftest import Here
from .rafdb import tight_face, write_rafdb

TRAIN, VAL, TEST = range(1, 22), (41, 44), range(1, 8)
"""Numbers of the pictures; 41 and 44 are those of the first hundred that validation takes."""
TINY = "width = 8\nsize = 32\nsamples = 4\nbatch = 2\nthreads = 1\n"


def protocol() -> list[list[str]]:
    """The words of README's three commands, without the feature network that a test lacks."""
    [block] = [text for text in blocks("sh") if "--preset paper" in text]
    lines = [line.replace("TEACHERS", "''") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def names(kind: str, *numbers: int) -> list[str]:
    return [f"{kind}_{number:05d}" for number in numbers]


def labels() -> dict[str, int]:
    """Of each expression three pictures to train on and one of the tests; and two to validate on."""
    ordered = [*names("train", *TRAIN, *VAL), *names("test", *TEST)]
    return {name: int(name[-5:]) % 7 + 1 for name in ordered}


@pytest.mark.slow
def test_three_commands_from_an_empty_folder(here: Here, bare_photo: U8, tmp_path: Path) -> None:
    folder = write_rafdb(tmp_path / "RAF-DB" / "basic", labels())
    for number, name in enumerate(labels()):
        tight_face(bare_photo, number).save(folder / f"{name}_aligned.jpg", quality=95)
    (tmp_path / "tiny.toml").write_text(TINY)
    prepare, train, evaluate = protocol()

    code, told, complained = here(*prepare, "--json")
    assert code == 0, complained
    counts = json.loads(told)
    assert (counts["pictures"], counts["faces"], counts["dropped"]) == (30, 30, {})
    assert counts["splits"] == {"train": 21, "val": 2, "test": 7}
    with (tmp_path / "rafdb" / "faces" / "faces.csv").open(newline="") as table:
        rows = [
            (row["file"].split("-")[1].removesuffix(".jpg"), row) for row in csv.DictReader(table)
        ]
    assert {name: EXPRESSIONS.index(row["label"]) + 1 for name, row in rows} == labels()
    assert {name for name, row in rows if row["split"] == "test"} == set(names("test", *TEST))
    assert {name for name, row in rows if row["split"] == "val"} == set(names("train", *VAL))

    code, told, complained = here(*train, "--config", "tiny.toml")
    assert code == 0, complained
    run = tmp_path / "runs" / "paper"
    steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {"seen", "val_psnr", "val_ssim"} <= steps[-1].keys()
    assert all(math.isfinite(value) for step in steps for value in step.values())
    state = load_checkpoint(run)
    assert (state["network"], state["seen"]) == ("ecgan", 4)

    code, told, complained = here(*evaluate, "--threads", 1)
    assert code == 0, complained
    lines = told.splitlines()
    assert lines[0] == "rafdb, test: 7 pictures, 0 not found"
    figures = json.loads((tmp_path / "compared" / "figures.json").read_text())
    assert figures["split"] == "test"
    assert set(figures["rows"]) == {"ecgan, true mask", "ecgan, found mask", *FLOORS}
    assert all(math.isfinite(value) for row in figures["rows"].values() for value in row.values())
    assert figures["sources"]["ecgan, true mask"]["rafdb"]["count"] == 7
    assert lines[-1] == str(Path("compared") / "report.html")
    assert "rafdb" in (tmp_path / "compared" / "report.html").read_text()
