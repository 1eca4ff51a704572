"""The video benchmark runs the real program on a clip that it made longer."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import pytest

from ecgan.benchmarks.video import repeat_clip, run_unmask

CLIP = Path(__file__).parents[2] / "examples" / "astronaut_masked.mp4"


def frame_times(path: Path) -> list[float]:
    with av.open(str(path)) as source:
        return [float(frame.time) for frame in source.decode(video=0)]


def test_a_clip_is_repeated_without_a_gap(tmp_path: Path) -> None:
    once = frame_times(CLIP)
    repeat_clip(CLIP, tmp_path / "long.mp4", 2.5 * len(once) / 25)
    times = frame_times(tmp_path / "long.mp4")
    assert len(times) == 3 * len(once)
    steps = [b - a for a, b in itertools.pairwise(times)]
    assert max(steps) == pytest.approx(1 / 25, abs=1e-3)
    assert min(steps) == pytest.approx(1 / 25, abs=1e-3)


@pytest.mark.slow
def test_the_program_is_timed_and_weighed(model_folder: Path) -> None:
    run = run_unmask(CLIP, model_folder)
    assert run.frames == len(frame_times(CLIP))
    assert 0 < run.changed <= run.frames
    assert run.wall_s > run.job_s > 0
    assert 50 < run.peak_mib < 900
