from pathlib import Path

import pytest
import torch

from ecgan.benchmarks import latency
from ecgan.benchmarks.harness import Timing


def test_command_prints_both_and_the_machine(
    model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.get_num_threads()
    try:
        arguments = ["--models", str(model_folder), "--rounds", "1", "--threads", "1"]
        assert latency.main(arguments) == 0
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    out = capsys.readouterr().out
    assert "one face, 256x256, 1 threads, 1 rounds" in out
    paper, shipped = (
        next(line for line in out.splitlines() if line.startswith(name))
        for name in (latency.PAPER, latency.SHIPPED)
    )
    assert paper.endswith(" 1.00")
    # The tiny networks of the tests do next to nothing, the paper's 32 GFLOP.
    assert float(shipped.split()[-2]) > 5
    assert "Python 3" in out.splitlines()[-1]


def test_table_shows_the_ratio_of_known_times() -> None:
    text = latency.table(Timing("paper", (300.0, 320.0)), Timing("ours", (25.0, 32.0)), threads=2)
    row = text.splitlines()[3].split()
    assert row == ["ours", "28.5", "32.0", "25.0", "11.00", "12.00"]


def test_a_folder_without_manifest_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latency.main(["--models", str(tmp_path)]) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: no 'manifest.json' in")


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_wrong_count_is_a_usage_error(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        latency.main(["--rounds", value])
    assert stopped.value.code == 2
    assert f"'{value}'" in capsys.readouterr().err
