"""`ecgan benchmark` as a user runs it, on the tiny networks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Run


@pytest.mark.slow
def test_quick_run_prints_one_document_and_writes_the_files(
    ecgan: Run, model_folder: Path, tmp_path: Path
) -> None:
    options = ["--networks", "model", "--model", model_folder, "--quick", "--threads", "1"]
    rows = ["--row", "onnxruntime", "--row", "tensorrt"]
    done = ecgan("benchmark", *options, *rows, "--json", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["settings"]["rounds"] == 5
    assert document["settings"]["models"] == model_folder.name  # no path of this machine
    assert document["machine"]["versions"]["torch"]
    (work,) = document["works"]
    rows = {row["row"]: row for row in work["rows"]}
    assert rows["onnxruntime"]["cells"][0]["p50_ms"] > 0
    assert rows["onnxruntime"]["cells"][0]["agreement"]["outside"] == 0
    if document["machine"]["gpu"] is None:
        assert rows["tensorrt"]["status"] == "cannot run"
        assert "TensorRT on cuda:0 cannot run: " in done.stderr
    assert json.loads((tmp_path / "out" / "benchmark.json").read_text()) == document
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "benchmark.json",
        "benchmark.md",
        "benchmark.png",
    }
    # parameters first, then what is being done, then the table
    places = [done.stderr.index(text) for text in (" cores, ", "batches 1", "opening", "p50 ms")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--row", "tensort"], 2, "unknown row 'tensort'; choose from torch, "),
        (["--quick", "--rounds", "3"], 2, "--rounds has no effect with --quick"),
        (["--batch", "17"], 2, "less than or equal to 16"),
        (["--model", "nowhere"], 4, "no 'manifest.json' in 'nowhere'"),
        (["--video", "nowhere.mp4"], 3, "nowhere.mp4"),
    ],
)
def test_mistakes_end_before_anything_is_measured(
    ecgan: Run, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    done = ecgan("benchmark", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in " ".join(done.stderr.split())
    assert "opening" not in done.stderr
    assert done.stdout == ""
