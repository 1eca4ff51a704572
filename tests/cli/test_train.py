"""`ecgan train` and `ecgan export` from the shell."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sysconfig
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.models import load_manifest

from ..trainer.conftest import write_faces

ECGAN = shutil.which("ecgan", path=sysconfig.get_path("scripts"))


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(ECGAN), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 drawn faces."""
    root = tmp_path_factory.mktemp("data")
    write_faces(root)
    return root


@pytest.mark.slow
def test_a_tiny_run_learns_says_how_it_goes_and_exports(data: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("log_seconds = 0")  # a line each step
    arguments = ["--preset", "tiny", "--run-dir", tmp_path / "run", "--data", data]
    begun = time.monotonic()
    done = run("train", *arguments, "--device", "cpu", "--config", tmp_path / "plan.toml")
    assert time.monotonic() - begun < 60
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "ecgan-fast on cpu with 1 threads in bf16, 0 of 320 samples" in done.stderr
    assert "320 of 320: val_psnr" in done.stderr
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    l1 = [found["l1"] for found in map(json.loads, lines) if "l1" in found]
    assert len(l1) == 80
    assert np.mean(l1[-20:]) < 0.75 * np.mean(l1[:4])
    # what comes out is what the other commands take
    exported = run("export", tmp_path / "run", "-o", tmp_path / "models", "--fp32-only")
    assert exported.returncode == 0, exported.stderr
    assert load_manifest(tmp_path / "models").of_kind("generator").samples_seen == 320


@pytest.mark.slow
def test_ctrl_c_saves_between_two_steps_and_the_command_given_again_goes_on(
    data: Path, tmp_path: Path
) -> None:
    arguments = ["segmenter", "--preset", "tiny", "--data", data, "--device", "cpu"]
    arguments = [str(ECGAN), "train", *map(str, arguments), "--run-dir", str(tmp_path / "run")]
    with subprocess.Popen(
        [*arguments, "--samples", "100000"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if " of 100000: " in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    [stopped] = (tmp_path / "run" / "checkpoints").glob("*.safetensors")
    seen = int(stopped.stem)
    assert seen > 0
    again = subprocess.run(
        [*arguments, "--samples", str(seen + 8)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert f"{seen} of {seen + 8} samples" in again.stderr


@pytest.mark.slow
def test_two_processes_write_one_run(data: Path, tmp_path: Path) -> None:
    arguments = ["--preset", "tiny", "--data", data, "--samples", 16, "--device", "cpu"]
    done = run("train", *arguments, "--devices", 2, "--run-dir", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "16 of 16" in done.stderr  # a slow machine may say so twice
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert sum("val_psnr" in line for line in lines) == 1
    assert json.loads((tmp_path / "run" / "machine.json").read_text())["processes"] == 2


@pytest.mark.slow
def test_a_dry_run_and_the_plan_go_to_stdout(data: Path, tmp_path: Path) -> None:
    common = ["train", "ecgan", "--preset", "tiny", "--data", data, "--samples", 40]
    printed = run(*common, "--print-config")
    assert printed.returncode == 0, printed.stderr
    plan = tmp_path / "plan.toml"
    plan.write_text(printed.stdout)
    assert tomllib.loads(printed.stdout)["samples"] == 40
    done = run("train", "ecgan", "--preset", "tiny", "--config", plan, "-n", "--json")
    assert done.returncode == 0, done.stderr
    [found] = json.loads(done.stdout)
    assert (found["name"], found["samples"]) == ("ecgan tiny", 40)
    assert found["real_per_s"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--preset", "bold"], 2, "unknown preset 'bold'"),
        (["--data", "nowhere"], 3, "'nowhere' does not exist"),
        (["ecgan", "--photos", "there"], 3, "unknown key 'photos'"),
        (["--photos", "there"], 3, "'there/faces.json' does not exist"),
        (["--start", "gone.pt"], 4, "checkpoint 'gone.pt' does not exist"),
        (["--devices", "3"], 3, "batch '4' cannot be shared among 3 processes"),
        (["--json"], 2, "--json has no effect without --dry-run"),
    ],
)
def test_mistakes_are_one_line(
    data: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    given = ["--run-dir", tmp_path / "run", "--data", data, "--preset", "tiny", *arguments]
    done = run("train", *given)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_needs_a_folder_and_a_known_network(data: Path) -> None:
    done = run("train", "--preset", "tiny", "--data", data)
    assert (done.returncode, "--run-dir is missing" in done.stderr) == (2, True)
    done = run("train", "segmentor", "--run-dir", "x")
    assert (done.returncode, "did you mean 'segmenter'?" in done.stderr) == (2, True)


def test_export_names_a_missing_checkpoint(tmp_path: Path) -> None:
    done = run("export", tmp_path / "gone.pt", "-o", tmp_path / "models")
    assert done.returncode == 4
    assert "gone.pt' does not exist" in done.stderr
    assert not (tmp_path / "models").exists()
