"""`ecgan train` and `ecgan export` from the shell."""

from __future__ import annotations

import io
import shutil
import subprocess
import sysconfig
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.models import load_manifest
from ecgan.trainer.data.tables import LANDMARK_COLUMNS

ECGAN = shutil.which("ecgan", path=sysconfig.get_path("scripts"))


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(ECGAN), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eight flat faces: enough to run, not to learn."""
    folder = tmp_path / "data" / "faces"
    folder.mkdir(parents=True)
    points = ",".join(f"{value:.1f}" for value in TEMPLATE_FFHQ_256.ravel())
    lines = ["file,shard,source,person,split," + ",".join(LANDMARK_COLUMNS)]
    with tarfile.open(folder / "flat.tar", "w:") as archive:
        for number in range(8):
            picture = np.full((256, 256, 3), 60 + 20 * number, np.uint8)
            content = cv2.imencode(".jpg", picture)[1].tobytes()
            info = tarfile.TarInfo(f"{number}.jpg")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
            split = "val" if number == 7 else "train"
            lines.append(f"{number}.jpg,flat.tar,flat,p{number},{split},{points}")
    (folder / "faces.csv").write_text("\n".join(lines))
    return folder.parent


@pytest.mark.slow
def test_a_tiny_run_says_how_it_goes_and_exports(data: Path, tmp_path: Path) -> None:
    arguments = ["ecgan-fast", "--preset", "tiny", "--run-dir", tmp_path / "run"]
    done = run("train", *arguments, "--data", data, "--samples", 8)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "8 of 8: val_psnr" in done.stderr
    again = run("train", *arguments, "--data", data, "--samples", 12)
    assert "12 of 12: val_psnr" in again.stderr
    exported = run("export", tmp_path / "run", "-o", tmp_path / "models", "--licence", "mine")
    assert exported.returncode == 0, exported.stderr
    files = [str(tmp_path / "models" / f"ecgan-fast{end}") for end in (".onnx", ".fp16.onnx")]
    assert exported.stdout.splitlines() == files
    assert "differ by" in exported.stderr
    entry = load_manifest(tmp_path / "models").of_kind("generator")
    assert (entry.licence, entry.samples_seen) == ("mine", 12)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--preset", "bold"], 2, "unknown preset 'bold'"),
        (["--data", "nowhere"], 3, "no table in"),
        (["--photos", "there"], 3, "unknown key 'photos'"),
        (["--start", "gone.pt"], 4, "checkpoint 'gone.pt' does not exist"),
    ],
)
def test_mistakes_are_one_line(
    data: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    given = ["--run-dir", tmp_path / "run", "--data", data, "--teachers", "", *arguments]
    done = run("train", "ecgan-fast", *given)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_export_names_a_missing_checkpoint(tmp_path: Path) -> None:
    done = run("export", tmp_path / "gone.pt", "-o", tmp_path / "models")
    assert done.returncode == 4
    assert "gone.pt' does not exist" in done.stderr
    assert not (tmp_path / "models").exists()
