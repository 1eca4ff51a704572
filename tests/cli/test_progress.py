"""The progress bars: on a terminal with and without a total, and silence elsewhere."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from ecgan.engine.jobs.inputs import IMAGE, VIDEO, Source, Task
from ecgan_cli import console
from ecgan_cli.progress import BatchProgress


def task(name: str, kind: str) -> Task:
    return Task(Source(Path(name), kind, Path(name), named=True), Path(f"out/{name}"))


def shown(
    monkeypatch: pytest.MonkeyPatch,
    *,
    terminal: bool,
    total: int | None,
    name: str = "[b] clip.mp4",
    width: int = 100,
) -> str:
    """What two files put on the screen."""
    screen = io.StringIO()
    fake = Console(file=screen, force_terminal=terminal, width=width, color_system=None)
    monkeypatch.setattr(console, "stderr", lambda: fake)
    with BatchProgress(2, lambda: None) as bars:
        assert bars.begin(0, task("a.jpg", IMAGE)) is None
        progress = bars.begin(1, task(name, VIDEO))
        assert progress is not None
        for done in range(1, 31):
            progress(done, total)
        bars._bars.refresh()
    return screen.getvalue()


def test_known_total_shows_frames_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, terminal=True, total=60)
    assert "[b] clip.mp4" in text
    assert "30/60" in text
    assert "frames/s" in text
    assert "1/2" in text  # files


def test_unknown_total_shows_frames_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, terminal=True, total=None)
    assert "30/?" in text
    assert "frames/s" in text


def test_a_long_name_leaves_room_for_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, terminal=True, total=60, name="面具 clip " * 12 + ".mp4", width=80)
    assert "30/60" in text
    assert "frames/s" in text
    assert "…" in text


def test_nothing_is_shown_off_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, terminal=False, total=60).strip() == ""
