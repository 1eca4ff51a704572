"""What is shown of known numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ecgan.benchmarks.harness import Timing
from ecgan.benchmarks.runtimes import chart, report
from ecgan.benchmarks.runtimes.agreement import Agreement
from ecgan.benchmarks.runtimes.result import Cell, RowResult, VideoCell, WorkResult
from ecgan.benchmarks.runtimes.stages import STAGES

MACHINE = {
    "cpu": "Some CPU",
    "cores": 2,
    "gpu": None,
    "system": "Linux 6",
    "python": "3.11.7",
    "versions": {"numpy": "2.4"},
}


@pytest.fixture
def results() -> list[WorkResult]:
    torch = RowResult("torch", "torch eager", "fp32", "cpu", cold_s=1.25, first_ms={4: 150.0})
    torch.cells = [Cell(4, Timing("torch", (80.0, 100.0)), speedup=1.0, peak_mib=512.0)]
    fast = RowResult("fast", "Fast runtime", "bf16", "cpu", cold_s=0.5, first_ms={4: 30.0})
    agreement = Agreement(52.345, 3, 0, 0.0)
    fast.cells = [Cell(4, Timing("fast", (20.0, 40.0)), agreement, speedup=4.0, paper_speedup=16.0)]
    fast.video = VideoCell(None, 12.5, dict.fromkeys(STAGES, 2.0), 75, 70, 300.0)
    wrong = RowResult("wrong", "Wrong runtime", "fp32", "cpu")
    wrong.cells = [Cell(4, None, Agreement(20.0, 90, 0, 0.0), "paints 20.0 dB from torch")]
    absent = RowResult("absent", "Absent", "fp16", "cuda:0", "no NVIDIA driver", "ecgan doctor")
    return [WorkResult("net", "segmenter + net", [torch, fast, wrong, absent])]


def test_each_figure_stands_in_its_column(results: list[WorkResult]) -> None:
    speed, video = report.tables(results)
    rows = {row[0]: dict(zip(speed.headings, row, strict=True)) for row in speed.rows}
    fast = rows["Fast runtime"]
    assert (fast["p50 ms"], fast["p90"], fast["p99"]) == ("20.0", "40.0", "40.0")
    assert fast["faces/s"] == "200.0"  # 4 faces in 20 ms
    assert (fast["x torch"], fast["x paper"], fast["dB"]) == ("4.00", "16.00", "52.3")
    assert rows["torch eager"]["dB"] == "-"
    assert video.rows == [["Fast runtime", "cpu", "12.5", *["2.0"] * len(STAGES), "300"]]


def test_a_wrong_answer_gets_no_time_and_an_absent_row_its_reason(
    results: list[WorkResult],
) -> None:
    speed = report.tables(results)[0]
    wrong = next(row for row in speed.rows if row[0] == "Wrong runtime")
    assert wrong[3:9] == ["wrong", "", "", "", "", ""]
    assert "Wrong runtime, batch 4, does not count: paints 20.0 dB from torch" in speed.notes
    assert "Absent on cuda:0 cannot run: no NVIDIA driver; ecgan doctor" in speed.notes
    assert all(row[0] != "Absent" for row in speed.rows)


def test_rows_that_lack_the_same_share_a_line(results: list[WorkResult]) -> None:
    rows = results[0].rows
    rows.append(RowResult("more", "More", "fp32", "cuda:0", "no NVIDIA driver", "ecgan doctor"))
    rows.append(RowResult("plain", "Plain", "fp32", "cpu", "no compiler"))
    unable = [note for note in report.tables(results)[0].notes if "cannot run" in note]
    assert unable == [
        "Absent, More on cuda:0 cannot run: no NVIDIA driver; ecgan doctor",
        "Plain on cpu cannot run: no compiler",
    ]


def test_files_hold_the_document_the_tables_and_the_chart(
    results: list[WorkResult], tmp_path: Path
) -> None:
    document = {
        "machine": MACHINE,
        "settings": {"batches": [4], "video": None, "rounds": 2},
        "works": [result.to_json() for result in results],
    }
    written = report.write(tmp_path / "new", document, results)
    assert [path.name for path in written] == ["benchmark.json", "benchmark.md", "benchmark.png"]
    works = json.loads(written[0].read_text())["works"]
    statuses = {row["row"]: row["status"] for row in works[0]["rows"]}
    assert statuses == {"torch": "ran", "fast": "ran", "wrong": "wrong", "absent": "cannot run"}
    text = written[1].read_text()
    assert text.startswith("Some CPU, 2 cores, no NVIDIA GPU, Linux 6, Python 3.11.7, numpy 2.4\n")
    assert "batches 4, rounds 2\n" in text
    assert "| Fast runtime | cpu | 4 | 20.0 | 40.0 | 40.0 | 200.0 | 4.00 | 16.00 |" in text
    assert not list((tmp_path / "new").glob(".*"))


def test_bars_are_as_long_as_their_times(results: list[WorkResult]) -> None:
    pixels = np.asarray(chart.draw_chart(results, "machine"))

    def length(colour: tuple[int, int, int]) -> int:
        return int((pixels == colour).all(2).sum(1).max())

    reference, fast = length(chart._REFERENCE_COLOUR), length(chart._COLOURS["cpu"])
    # 80 ms against 20 ms; ends are rounded to whole pixels
    assert fast / reference == pytest.approx(0.25, abs=0.01)
    assert length(chart._WRONG_COLOUR) < 100  # words, no bar


def test_a_document_has_no_number_that_json_lacks() -> None:
    cell = Cell(1, Timing("x", (1.0,)), Agreement(float("inf"), 0, 0, 0.0), speedup=2.0)
    text = json.dumps(cell.to_json(), allow_nan=False)
    assert json.loads(text)["agreement"]["psnr_db"] is None
