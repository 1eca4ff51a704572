"""Everything that can be wrong with a request: one clear line, the right exit code, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from ecgan_cli import main

from .conftest import EXAMPLES, SCRIPT, Run, environment, files_in

PHOTO = EXAMPLES / "astronaut_masked.jpg"
CLIP = EXAMPLES / "astronaut_masked.mp4"


def truncated_jpeg(folder: Path) -> Path:
    path = folder / "cut.jpg"
    path.write_bytes(PHOTO.read_bytes()[:20_000])
    return path


def truncated_video(folder: Path) -> Path:
    """A clip without its index, which stands at the end."""
    path = folder / "cut.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        noise = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8)
        for picture in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def zero_bytes(folder: Path) -> Path:
    path = folder / "empty.png"
    path.touch()
    return path


def zero_bytes_video(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def text_named_jpg(folder: Path) -> Path:
    path = folder / "text.jpg"
    path.write_text("I am a text")
    return path


def broken_tiff(folder: Path) -> Path:
    """A file of which libtiff itself would tell stderr."""
    path = folder / "broken.tif"
    with Image.open(PHOTO) as picture:
        picture.save(path, compression="tiff_lzw")
    content = bytearray(path.read_bytes())
    content[5_000:5_500] = b"U" * 500
    path.write_bytes(content)
    return path


def heic(folder: Path) -> Path:
    path = folder / "phone.heic"
    path.write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(200))
    return path


def folder_without_pictures(folder: Path) -> Path:
    path = folder / "texts"
    path.mkdir()
    (path / "a.txt").write_text("text")
    return path


def no_match(folder: Path) -> Path:
    return folder / "*.jpg"


def one_pixel(folder: Path) -> Path:
    path = folder / "dot.png"
    Image.new("RGB", (1, 1)).save(path)
    return path


def no_face(folder: Path) -> Path:
    path = folder / "grey.png"
    Image.new("RGB", (320, 240), (120, 130, 140)).save(path)
    return path


def sound_only(folder: Path) -> Path:
    path = folder / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 48_000), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def undecodable_video(folder: Path) -> Path:
    """A clip whose headers are whole and whose pictures are noise."""
    path = folder / "noise.mp4"
    content = bytearray(CLIP.read_bytes())
    begin = content.index(b"mdat") + 4
    content[begin:] = np.random.default_rng(0).bytes(len(content) - begin)
    path.write_bytes(content)
    return path


CASES: list[tuple[Callable[[Path], Path], int, str]] = [
    (truncated_jpeg, 3, "cut.jpg"),
    (truncated_video, 3, "cut.mp4"),
    (zero_bytes, 3, "empty.png"),
    (zero_bytes_video, 3, "empty.mp4"),
    (text_named_jpg, 3, "text.jpg"),
    (broken_tiff, 3, "broken.tif"),
    (heic, 3, "phone.heic' is HEIC, which needs a plugin"),
    (folder_without_pictures, 3, "holds no picture and no video"),
    (no_match, 3, "matches no picture and no video"),
    (one_pixel, 3, "dot.png"),
    (no_face, 3, "grey.png"),
    (sound_only, 3, "sound.mp4"),
    (undecodable_video, 3, "noise.mp4"),
]


@pytest.mark.parametrize(("make", "code", "words"), CASES, ids=[case[0].__name__ for case in CASES])
def test_bad_file(
    ecgan: Run,
    tmp_path: Path,
    model_folder: Path,
    make: Callable[[Path], Path],
    code: int,
    words: str,
) -> None:
    path = make(tmp_path)
    before = files_in(tmp_path)
    done = ecgan("unmask", path, "-e", "happy", "-m", model_folder)
    assert done.returncode == code, done.stderr
    error, *hints = done.stderr.splitlines()
    assert error.startswith("ecgan: error: ")
    assert words in error
    assert all(hint.startswith("hint: ") for hint in hints)
    assert len(hints) <= 1
    assert done.stdout == ""
    assert files_in(tmp_path) == before


def test_clip_that_ends_early_is_written_as_far_as_it_goes_or_refused(
    ecgan: Run, tmp_path: Path, model_folder: Path
) -> None:
    path = tmp_path / "short.mp4"
    content = CLIP.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    done = ecgan("unmask", path, "-m", model_folder)
    assert done.returncode in (0, 3)
    assert "short.mp4" in done.stderr
    assert "Traceback" not in done.stderr
    left = files_in(tmp_path) - {"short.mp4"}
    assert left == (set() if done.returncode else {"short.unmasked.mp4"})


def test_png_named_jpg_works(ecgan: Run, tmp_path: Path, model_folder: Path) -> None:
    path = tmp_path / "photo.jpg"
    with Image.open(PHOTO) as picture:
        picture.save(path, format="PNG")
    done = ecgan("unmask", path, "-m", model_folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "photo.unmasked."))


def test_unknown_expression_names_the_valid_ones_and_the_nearest(ecgan: Run, photo: Path) -> None:
    done = ecgan("unmask", photo, "-e", "hapy")
    assert done.returncode == 2
    assert done.stderr == (
        "ecgan: error: unknown expression 'hapy'; choose from surprise, fear, disgust, happiness, "
        "sadness, anger, neutral, or auto\nhint: did you mean 'happy' (happiness)?\n"
    )


def test_output_equal_to_input(ecgan: Run, photo: Path) -> None:
    before = photo.read_bytes()
    done = ecgan("unmask", photo, "-o", photo, "--overwrite")
    assert done.returncode == 3
    assert "inputs are never replaced" in done.stderr
    assert photo.read_bytes() == before


def test_existing_output_needs_overwrite(ecgan: Run, photo: Path, model_folder: Path) -> None:
    taken = photo.with_name("photo.unmasked.jpg")
    taken.write_bytes(b"mine")
    done = ecgan("unmask", photo, "-m", model_folder)
    assert done.returncode == 3
    assert done.stderr == (
        f"ecgan: error: output '{taken}' exists\nhint: --overwrite replaces it\n"
    )
    assert taken.read_bytes() == b"mine"
    assert ecgan("unmask", photo, "-m", model_folder, "--overwrite").returncode == 0
    assert taken.read_bytes() != b"mine"


def test_output_below_a_file(ecgan: Run, photo: Path, model_folder: Path) -> None:
    (photo.parent / "file").write_text("in the way")
    done = ecgan("unmask", photo, "-o", photo.parent / "file" / "out.jpg", "-m", model_folder)
    assert done.returncode == 3
    assert done.stderr.startswith("ecgan: error: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_output_folder(ecgan: Run, photo: Path, model_folder: Path) -> None:
    locked = photo.parent / "locked"
    locked.mkdir(mode=0o500)
    done = ecgan("unmask", photo, "-o", locked / "out.jpg", "-m", model_folder)
    assert done.returncode == 3
    assert "is not writable" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_full_disk_is_one_line(ecgan: Run, photo: Path, tmp_path: Path, model_folder: Path) -> None:
    tiny = tmp_path / "out.jpg"
    part = tmp_path / ".out.jpg.part"
    part.symlink_to("/dev/full")  # where the result is written until it is whole
    done = ecgan("unmask", photo, "-o", tiny, "-m", model_folder)
    assert done.returncode == 3, done.stderr
    assert "disk full" in done.stderr
    assert "Traceback" not in done.stderr
    assert not tiny.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_full_disk_behind_stdout_is_one_line(photo: Path, model_folder: Path, option: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SCRIPT, "unmask", photo, "-m", model_folder, option],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            check=False,
        )
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert last == "ecgan: error: cannot write to stdout: no space left on device"
    assert photo.with_name("photo.unmasked.jpg").exists()


@pytest.mark.skipif(os.name == "nt", reason="the shell's way of closing a descriptor")
def test_works_without_stderr(photo: Path, model_folder: Path) -> None:
    command = f'"{SCRIPT}" unmask "{photo}" -m "{model_folder}" 2>&-'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith(str(photo.with_name("photo.unmasked.jpg")))


def test_huge_picture_is_refused_until_the_limit_is_lifted(
    ecgan: Run, photo: Path, model_folder: Path
) -> None:
    done = ecgan("unmask", photo, "-m", model_folder, "--max-pixels", 512 * 512 - 1)
    assert done.returncode == 3
    assert "--max-pixels" in done.stderr
    assert ecgan("unmask", photo, "-m", model_folder, "--max-pixels", 512 * 512).returncode == 0


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--crf", "20"], 2, "--crf has no effect: no input is a video"),
        (["--start", "1"], 2, "--start has no effect: no input is a video"),
        (["--preview", "--save-mask"], 2, "--save-mask has no effect: --preview only numbers"),
        (["--preview", "-e", "happy"], 2, "--expression has no effect: --preview only numbers"),
        (["--preview", "--faces", "1"], 2, "--faces has no effect: --preview only numbers"),
        (["-o", "out.gif"], 2, "'out.gif' would be GIF, which is not written"),
        (["--intensity", "0.5"], 2, "intensity has no effect on expression 'auto'"),
        (["-e", "happy:x"], 2, "'happy:x' is not an expression with a weight"),
        (["--face", "happy"], 2, "--face 'happy' is not a face and its expression"),
        (["--face", "1=sad", "--face", "1=happy"], 2, "--face 1 is given twice"),
        (["--faces", "some"], 2, "unknown selection of faces 'some'; expected all, largest"),
        (["--backend", "onxruntime"], 2, "unknown backend 'onxruntime'; choose from onnxruntime"),
        (["--detector", "haar"], 2, "unknown detector 'haar'; choose from retinaface"),
        (["--mask", "none.png"], 3, "no file 'none.png' for --mask"),
        (["-m", "nowhere"], 4, "no 'manifest.json' in 'nowhere'"),
        (["-q", "-v"], 2, "-v and -q cannot be given together"),
        (["-v", "-q"], 2, "-v and -q cannot be given together"),
    ],
)
def test_bad_option(
    photo: Path,
    model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    words: str,
) -> None:
    model = [] if "-m" in options else ["-m", str(model_folder)]
    monkeypatch.chdir(photo.parent)
    monkeypatch.setattr(sys, "argv", ["ecgan", "unmask", str(photo), *model, *options])
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    assert main.run() == code
    assert capsys.readouterr().err.startswith(f"ecgan: error: {words}")
    assert files_in(photo.parent) == {"photo.jpg"}


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["unmask", "gone.jpg"], 3, "no file 'gone.jpg'"),
        (["prepare", "gone", "-o", "x"], 3, "'gone' does not exist"),
        (["prepare"], 2, "missing INPUT"),
        (["train", "--dry-run", "--preset", "bold"], 2, "unknown preset 'bold'"),
        (["train"], 2, "--json has no effect without --dry-run"),
        (["evaluate", "gone"], 3, "'gone' does not exist"),
        (["export", "gone.pt", "-o", "x"], 4, "'gone.pt' does not exist"),
        (["build-engine", "gone.onnx"], 4, "model file 'gone.onnx' is missing"),
        (["benchmark", "--quick", "--rounds", "2"], 2, "--rounds has no effect with --quick"),
    ],
)
def test_programs_are_told_what_went_wrong_in_one_form(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ecgan", *command, "--json"])
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    assert main.run() == code
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (document["exit_code"], words in document["error"]) == (code, True)
    assert f"ecgan: error: {document['error']}\n" in told.err


def test_changed_model_file_is_refused(
    ecgan: Run, photo: Path, model_folder: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(model_folder, models)
    with (models / "generator.onnx").open("ab") as file:
        file.write(b"x")
    done = ecgan("unmask", photo, "-m", models)
    assert done.returncode == 5
    assert "generator.onnx" in done.stderr
    assert not photo.with_name("photo.unmasked.jpg").exists()
