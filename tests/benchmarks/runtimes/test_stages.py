from __future__ import annotations

from pathlib import Path

import pytest

from ecgan.benchmarks.runtimes.stages import STAGES, _apart, measure_video
from ecgan.engine.errors import InputError
from ecgan.engine.pipeline import Unmasker

EXAMPLE = Path(__file__).parents[3] / "examples" / "astronaut_masked.mp4"


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """The first six frames of the example."""
    import av

    path = tmp_path / "short.mp4"
    with av.open(str(EXAMPLE)) as source, av.open(str(path), "w") as out:
        video = source.streams.video[0]
        stream = out.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        for number, frame in enumerate(source.decode(video)):
            if number == 6:
                break
            out.mux(stream.encode(frame.reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    return path


def test_every_stage_is_timed_and_the_unmasker_is_as_before(
    unmasker: Unmasker, short: Path, tmp_path: Path
) -> None:
    before = unmasker.segmenter.backend, unmasker.generator.backend, unmasker.detector
    times = measure_video(unmasker, short, tmp_path / "out.mp4", frames=4)
    assert (unmasker.segmenter.backend, unmasker.generator.backend, unmasker.detector) == before
    assert (times.frames, times.painted) == (4, 4)
    assert tuple(times.stages_ms) == STAGES
    assert all(ms > 0 for ms in times.stages_ms.values()), times.stages_ms
    # one after the other in one thread, so together no longer than the whole
    serial = sum(
        times.stages_ms[name] for name in ("detect", "track", "align", "segment", "generate")
    )
    assert serial <= 1000 / times.fps


def test_what_is_timed_inside_a_stage_is_taken_out_of_it() -> None:
    outer = {
        "decode": 1.0,
        "track": 5.0,
        "segment": 7.0,
        "generate": 9.0,
        "composite": 2.0,
        "encode": 3.0,
    }
    inner = {"detect": 4.0, "segment": 5.0, "generate": 6.0}
    assert _apart(outer, inner) == {
        "decode": 1.0,
        "detect": 4.0,
        "track": 1.0,
        "align": 2.0,
        "segment": 5.0,
        "generate": 6.0,
        "composite": 5.0,
        "encode": 3.0,
    }  # fmt: skip


def test_a_video_without_a_mask_has_nothing_to_compare(unmasker: Unmasker, tmp_path: Path) -> None:
    import av
    import numpy as np

    path = tmp_path / "grey.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        grey = np.full((120, 160, 3), 128, np.uint8)
        out.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        out.mux(stream.encode(None))
    with pytest.raises(InputError, match="no frame of"):
        measure_video(unmasker, path, tmp_path / "out.mp4")
