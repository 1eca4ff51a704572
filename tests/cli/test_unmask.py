"""`ecgan unmask` as a user runs it, on tiny models."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import SCRIPT, Run, environment, files_in


def test_photo_to_default_output(ecgan: Run, photo: Path, model_folder: Path) -> None:
    before = photo.read_bytes()
    done = ecgan("unmask", photo, "-e", "happy", "-m", model_folder)
    assert done.returncode == 0, done.stderr
    output = photo.with_name("photo.unmasked.jpg")
    path, size = done.stdout.rstrip("\n").split("\t")
    assert path == str(output)
    assert size == f"{output.stat().st_size / 1e3:.1f} kB"
    assert photo.read_bytes() == before
    with Image.open(output) as after, Image.open(photo) as masked:
        changed = np.asarray(after).astype(int) - np.asarray(masked).astype(int)
    assert np.abs(changed[120:180, 190:260]).mean() > 20  # the mask is gone
    assert np.abs(changed[300:]).mean() < 2  # only JPEG noise far from the face
    assert "tiny-generator in fp32 by onnxruntime on cpu, faces by retinaface" in done.stderr
    assert "written" in done.stderr


def test_video_keeps_length_and_says_frames(ecgan: Run, clip: Path, model_folder: Path) -> None:
    done = ecgan("unmask", clip, "-e", "sad", "-m", model_folder, "--end", "12f", "--json")
    assert done.returncode == 0, done.stderr
    [report] = json.loads(done.stdout)["files"]
    assert (report["kind"], report["frames"], report["faces"]) == ("video", 12, 1)
    assert report["frames_changed"] == 12
    assert Path(report["output"]) == clip.with_name("clip.unmasked.mp4")
    assert files_in(clip.parent) == {"clip.mp4", "clip.unmasked.mp4"}
    assert "12 of 12" in done.stderr


def test_json_is_one_document_with_totals(ecgan: Run, photo: Path, model_folder: Path) -> None:
    bad = photo.with_name("bad.jpg")
    bad.write_bytes(photo.read_bytes()[:5000])
    done = ecgan("unmask", photo, bad, "-m", model_folder, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == document["exit_code"] == 1
    assert document["engine"]["generator"] == "tiny-generator"
    assert document["totals"]["statuses"] == {"written": 1, "failed": 1}
    assert document["totals"]["changed"] == 1
    good, failed = document["files"]
    assert (good["faces"], good["masked"], good["changed"], good["exit_code"]) == (1, 1, 1, 0)
    assert (failed["status"], failed["exit_code"]) == ("failed", 3)
    assert failed["error"]


def test_json_of_a_request_that_is_refused(ecgan: Run, photo: Path) -> None:
    done = ecgan("unmask", photo, "-e", "hapy", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == document["exit_code"] == 2
    assert document["error"].startswith("unknown expression 'hapy'")
    assert document["hint"] == "did you mean 'happy' (happiness)?"
    assert document["files"] == []


def test_json_of_models_that_are_missing(ecgan: Run, photo: Path) -> None:
    done = ecgan("unmask", photo, "-m", photo.parent, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == document["exit_code"] == 4
    assert "manifest.json" in document["error"]


def test_folder_keeps_names_skips_done_and_survives_a_bad_file(
    ecgan: Run, photo: Path, tmp_path: Path, model_folder: Path
) -> None:
    pictures = tmp_path / "in put"
    for name in ("a b.jpg", "süß/漢字 ü.jpg"):
        (pictures / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, pictures / name)
    (pictures / "text.jpg").write_text("not a picture")
    (pictures / "readme.txt").write_text("passed over")
    out = pictures / "results"
    arguments = ("unmask", pictures, "-o", out, "-m", model_folder)
    first = ecgan(*arguments)
    assert first.returncode == 1
    assert "ecgan: error: 1 of 3 files failed" in first.stderr
    assert sum("text.jpg" in line for line in first.stderr.splitlines() if "error: " in line) == 1
    assert files_in(out) == {"a b.jpg", "süß/漢字 ü.jpg"}
    assert sorted(line.split("\t")[0] for line in first.stdout.splitlines()) == [
        str(out / "a b.jpg"),
        str(out / "süß" / "漢字 ü.jpg"),
    ]
    (pictures / "text.jpg").unlink()
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")}
    second = ecgan(*arguments)
    assert (second.returncode, second.stdout) == (0, "")
    assert "2 skipped" in second.stderr
    assert "--overwrite makes it anew" in second.stderr
    assert stamps == {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")}


def test_quiet_says_nothing_but_results(ecgan: Run, photo: Path, model_folder: Path) -> None:
    done = ecgan("unmask", photo, "-q", "-m", model_folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{photo.with_name('photo.unmasked.jpg')}\t")


def test_a_face_without_a_mask_is_left_alone_with_a_warning(
    ecgan: Run, bare_photo: np.ndarray, tmp_path: Path, model_folder: Path
) -> None:
    Image.fromarray(bare_photo).save(tmp_path / "bare.png")
    done = ecgan("unmask", tmp_path / "bare.png", "-m", model_folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert "ecgan: warning: nothing was changed: 1 face found, left alone: 1 no mask" in done.stderr
    assert files_in(tmp_path) == {"bare.png"}


def test_nothing_changed_is_said_beside_a_failure(
    ecgan: Run, bare_photo: np.ndarray, tmp_path: Path, model_folder: Path
) -> None:
    Image.fromarray(bare_photo).save(tmp_path / "bare.png")
    (tmp_path / "empty.png").touch()
    done = ecgan("unmask", ".", "-m", model_folder, cwd=tmp_path)
    assert done.returncode == 1
    assert "ecgan: warning: nothing was changed" in done.stderr
    (row,) = [line for line in done.stderr.splitlines() if "empty.png " in line]
    assert row.split()[1:] == ["failed", "0.0", "s"]  # and no 0 faces, since it was not looked at


def test_preview_writes_a_numbered_still(
    ecgan: Run, photo: Path, clip: Path, model_folder: Path
) -> None:
    done = ecgan("unmask", photo, clip, "--preview", "-m", model_folder)
    assert done.returncode == 0, done.stderr
    assert files_in(photo.parent) == {
        "photo.jpg",
        "photo.preview.png",
        "clip.mp4",
        "clip.preview.png",
    }
    assert "nothing was changed" not in done.stderr
    assert done.stderr.splitlines()[0].split() == ["file", "faces", "result", "time"]
    with Image.open(photo.with_name("clip.preview.png")) as still:
        assert still.width / still.height == 640 / 360


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_during_a_video_leaves_no_file(
    clip: Path, model_folder: Path, number: signal.Signals, code: int
) -> None:
    arguments = ["unmask", str(clip), "-m", str(model_folder), "--preset", "veryslow"]
    with subprocess.Popen(
        [SCRIPT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        limit = time.monotonic() + 60
        while files_in(clip.parent) == {"clip.mp4"} and process.poll() is None:
            assert time.monotonic() < limit, "it did not start to write"
            time.sleep(0.02)
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert files_in(clip.parent) == {"clip.mp4"}
    assert out == ""
    assert err == "ecgan: warning: stopped; no half file was left\n"
