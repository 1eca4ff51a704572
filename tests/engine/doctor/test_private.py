"""Nothing in a report tells who and where somebody is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgan.engine.doctor import Finding, Status
from ecgan.engine.doctor.private import anonymous, anonymous_text


@pytest.fixture(autouse=True)
def anna(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user, her machine and her folders."""
    monkeypatch.setattr("platform.node", lambda: "annas-box.example.org")
    monkeypatch.setattr("getpass.getuser", lambda: "annika")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/anna maria"))
    for key in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(key, "annika")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (
            "model file '/home/anna maria/x y/seg.onnx' is missing",
            "model file '.../seg.onnx' is missing",
        ),
        ("/home/anna maria/lib/libcuda.so: not found", ".../libcuda.so: not found"),
        ("no folder /home/anna maria", "no folder .../~"),
        ("/home/anna maria/x y/lib/libcuda.so: not found", ".../libcuda.so: not found"),
        ("/home/anna maria/a and /srv/b/c differ", ".../a and .../c differ"),
        ("/home/anna maria/ holds 1 / 2", ".../~/ holds 1 / 2"),
        ("cannot load /opt/other/lib/libfoo.so.1: denied", "cannot load .../libfoo.so.1: denied"),
        (r"cannot load 'C:\Users\annika\x.dll'", "cannot load '.../x.dll'"),
        (r"cannot load D:\stuff\x.dll, sorry", "cannot load .../x.dll, sorry"),
        ("file:///srv/data/x.onnx", ".../x.onnx"),
        ("denied for Annika on annas-box", "denied for USER on HOST"),
        ("annas-box.example.org refused annika_old", "HOST refused USER_old"),
    ],
)
def test_folders_users_and_hosts_are_taken_out(text: str, clean: str) -> None:
    assert anonymous_text(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "pip install --extra-index-url https://pypi.nvidia.com 'ecgan[tensorrt]'",
        "install the driver of your NVIDIA GPU, from nvidia.com/drivers",
        "AVIF/WebP by Pillow 13.0.0, 1 / 2",
        "libnvonnxparser.so.11: cannot open shared object file: No such file or directory",
        "3.11.7 (CPython, 64 bit), Linux 6.1.0-generic x86_64, 2 cores",
    ],
)
def test_what_tells_nobody_stays(text: str) -> None:
    assert anonymous_text(text) == text


def test_names_that_are_words_of_the_report_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "gpu")
    monkeypatch.setattr("getpass.getuser", lambda: "nvidia")
    assert anonymous_text("computes on the GPU by nvidia") == "computes on the GPU by nvidia"


def test_text_and_command_of_a_finding_are_cleaned() -> None:
    found = anonymous(Finding("x", Status.OK, "in /home/anna maria/a", "rm '/home/anna maria/b'"))
    assert (found.text, found.command) == ("in .../a", "rm '.../b'")
    assert anonymous(Finding("x", Status.OK, "fine")).command is None


@pytest.mark.parametrize(("place", "problem"), [("home", RuntimeError), ("cwd", FileNotFoundError)])
def test_a_user_without_a_home_or_in_a_folder_that_is_gone(
    place: str, problem: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> Path:
        raise problem

    monkeypatch.setattr(Path, place, nowhere)
    assert anonymous_text("annika has no /srv/x") == "USER has no .../x"
