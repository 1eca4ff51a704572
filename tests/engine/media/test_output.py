"""Results appear whole or not at all, and never in place of an input."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from ecgan.engine.errors import OutputError
from ecgan.engine.media.output import atomic_file, check_output, write_atomic


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jpg"
    path.write_bytes(b"input")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- before the work -----------------------------------------------------------------------------


def test_a_new_name_passes(source: Path, tmp_path: Path) -> None:
    check_output(source, tmp_path / "out.jpg", overwrite=False)
    check_output(source, tmp_path / "new" / "deep" / "out.jpg", overwrite=False)
    assert names(tmp_path) == ["in.jpg"]


def test_the_input_is_refused_under_any_name(source: Path, tmp_path: Path) -> None:
    (tmp_path / "soft.jpg").symlink_to(source)
    os.link(source, tmp_path / "hard.jpg")
    (tmp_path / "sub").mkdir()
    for target in ("in.jpg", "soft.jpg", "hard.jpg", "sub/../in.jpg"):
        with pytest.raises(OutputError, match="is the input; an input is never replaced"):
            check_output(source, tmp_path / target, overwrite=True)


def test_an_existing_output_needs_overwrite(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.jpg"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists") as caught:
        check_output(source, target, overwrite=False)
    assert caught.value.hint == "--overwrite replaces it"
    check_output(source, target, overwrite=True)


def test_a_folder_is_no_output(source: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder; expected a file name"):
        check_output(source, tmp_path, overwrite=True)


def test_nothing_can_lie_below_a_file(source: Path) -> None:
    with pytest.raises(OutputError, match="is a file, so"):
        check_output(source, source / "out.jpg", overwrite=False)


def test_an_unwritable_folder_is_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(OutputError, match="is not writable") as caught:
        check_output(source, tmp_path / "out.jpg", overwrite=False)
    assert "elsewhere" in str(caught.value.hint)


# --- writing -------------------------------------------------------------------------------------


def test_content_arrives_with_its_folders_and_usual_rights(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "o.bin"
    write_atomic(target, b"content")
    assert target.read_bytes() == b"content"
    assert names(target.parent) == ["o.bin"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask


def test_very_long_names_leave_room_for_the_hidden_file(tmp_path: Path) -> None:
    for name in ("n" * 250 + ".jpg", "写" * 82 + ".jpg"):
        write_atomic(tmp_path / name, b"x")
        assert (tmp_path / name).read_bytes() == b"x"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interruption_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    target = tmp_path / "o.bin"
    target.write_bytes(b"old")

    def interrupted() -> None:
        with atomic_file(target) as part:
            part.write_bytes(b"half")
            assert names(tmp_path) == [".o.bin.part", "o.bin"]
            raise interruption

    with pytest.raises(interruption):
        interrupted()
    assert names(tmp_path) == ["o.bin"]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "disk full while writing"),
        (errno.EDQUOT, "disk full while writing"),
        (errno.EACCES, "is not writable"),
        (errno.EROFS, "is not writable"),
        (errno.EIO, "cannot write '.*': input/output error"),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "replace", "mkdir"])
def test_what_the_system_refuses_becomes_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str, call: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os if call == "fsync" else Path, call, refuse)
    with pytest.raises(OutputError, match=message):
        write_atomic(tmp_path / "o.bin", b"content")
    assert names(tmp_path) == []


def test_a_really_full_disk(tmp_path: Path) -> None:
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("no /dev/full here")

    def write() -> None:
        with atomic_file(tmp_path / "o.bin") as part:
            part.symlink_to(device)
            part.write_bytes(b"content")

    with pytest.raises(OutputError, match="disk full"):
        write()
    assert names(tmp_path) == []


def test_a_vanished_folder_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "gone"

    def write() -> None:
        with atomic_file(folder / "o.bin") as part:
            part.write_bytes(b"x")
            shutil.rmtree(folder)

    with pytest.raises(OutputError, match="cannot write"):
        write()
    assert names(tmp_path) == []
