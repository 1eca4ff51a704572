"""The installed script, run as a user runs it."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecgan_cli import console, main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SCRIPT = Path(sys.executable).with_name("ecgan")

Run = Callable[..., subprocess.CompletedProcess[str]]
Here = Callable[..., tuple[int, str, str]]
"""Gives exit code, stdout and stderr."""


def environment() -> dict[str, str]:
    """The environment with everything that changes Rich's output taken out."""
    removed = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TERM", "PYTHONWARNINGS")
    return {key: value for key, value in os.environ.items() if key not in removed}


@pytest.fixture(autouse=True)
def clean_logging() -> Iterator[None]:
    """Undo what the program sets up when a test runs it inside this process."""
    console.stderr.cache_clear()
    yield
    console.stderr.cache_clear()
    logging.captureWarnings(False)
    for name in ("ecgan", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def ecgan() -> Run:
    """Run the script with arguments; stdout and stderr come back as text."""

    def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, *map(str, arguments)],
            capture_output=True,
            encoding="utf-8",
            env=environment(),
            cwd=cwd,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """Run the program in an empty folder inside this process, which has torch loaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ecgan", *map(str, arguments)])
        code = main.run()
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A copy of the masked example photo."""
    return Path(shutil.copy(EXAMPLES / "astronaut_masked.jpg", tmp_path / "photo.jpg"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A copy of the masked example clip."""
    return Path(shutil.copy(EXAMPLES / "astronaut_masked.mp4", tmp_path / "clip.mp4"))


def files_in(folder: Path) -> set[str]:
    """All files below a folder, hidden ones too."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
