"""Speed and memory of `ecgan unmask` on a video, from the shell and back.

``python -m ecgan.benchmarks.video CLIP --seconds 10 60`` repeats a clip to each length and unmasks it
in a process of its own: frames a second end to end, start-up included, and peak memory. A clip of a
bare face gets a drawn mask with ``--draw-mask``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av

from ecgan.engine.detect import DETECTORS

from .flicker import masked_frames, read_frames
from .machine import machine_line


@dataclass(frozen=True)
class VideoRun:
    """One run.

    Attributes:
        frames: Frames written.
        changed: Of those, repainted.
        wall_s: Seconds from start to exit.
        job_s: Of those, spent on the file once the program had started.
        peak_mib: Largest resident memory of the process in MiB.
    """

    frames: int
    changed: int
    wall_s: float
    job_s: float
    peak_mib: float


def draw_masks(clip: Path, target: Path) -> None:
    """Write a clip of a bare face with the mask of ``benchmarks.flicker`` on every frame, H.264."""
    detector = DETECTORS["retinaface"]()
    with av.open(str(clip)) as source:
        video = source.streams.video[0]
        rate, width, height = video.average_rate, video.width, video.height
    with av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for masked in masked_frames(read_frames(clip), detector):
            if masked is not None:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(masked.image, format="rgb24")))
        out.mux(stream.encode(None))


def repeat_clip(clip: Path, target: Path, seconds: float) -> None:
    """Write a clip's video stream again and again, packet by packet, until it lasts long enough."""
    with av.open(str(target), "w") as out:
        stream, shift = None, 0
        while stream is None or shift * (stream.time_base or 0) < seconds:
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                if stream is None:
                    stream = out.add_stream_from_template(video)
                    stream.time_base = video.time_base
                last = 0
                for packet in source.demux(video):
                    if packet.size and packet.pts is not None and packet.dts is not None:
                        last = max(last, packet.pts + (packet.duration or 1))
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        out.mux(packet)
                shift += last


LAUNCHER = """
import os, sys
child = os.spawnv(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as handle:
    handle.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Runs a command, and writes its own peak memory in KiB to a file."""


def run_unmask(clip: Path, models: Path | None, expression: str = "happy") -> VideoRun:
    """Unmask a clip in a process of its own.

    Raises:
        subprocess.CalledProcessError: The program failed; its messages went to stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ecgan_cli.main", "unmask", str(clip), "--json", "-q"]
        command += ["-e", expression, "-o", str(Path(folder) / "out.mp4")]
        command += ["-m", str(models)] if models else []
        began = time.perf_counter()
        report_file = Path(folder) / "report.json"
        with report_file.open("wb") as report:
            # a process begins with the peak memory of its parent, so a small one stands between
            peak_file = Path(folder) / "peak"
            launcher = [sys.executable, "-c", LAUNCHER, str(peak_file), *command]
            subprocess.run(launcher, stdout=report, check=True)
        wall = time.perf_counter() - began
        peak_kib = int(peak_file.read_text())
        done = json.loads(report_file.read_text(encoding="utf-8"))["files"][0]
    return VideoRun(
        done["frames"],
        done["frames_changed"],
        wall,
        done["seconds"],
        peak_kib / 1024,
    )


def main(arguments: list[str] | None = None) -> int:
    """Print one line a length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=float, nargs="+", default=[10.0])
    parser.add_argument("--draw-mask", action="store_true")
    parser.add_argument("--models", type=Path, default=None)
    options = parser.parse_args(arguments)
    sys.stdout.write(f"{machine_line()}\n")
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip
        if options.draw_mask:
            clip = Path(folder) / "masked.mp4"
            draw_masks(options.clip, clip)
        for seconds in options.seconds:
            long = Path(folder) / f"long{clip.suffix}"
            repeat_clip(clip, long, seconds)
            run = run_unmask(long, options.models)
            sys.stdout.write(
                f"{seconds:.0f} s: {run.frames} frames, {run.changed} changed, "
                f"{run.frames / run.wall_s:.1f} frames/s with start-up "
                f"({run.frames / run.job_s:.1f} without), peak {run.peak_mib:.0f} MiB\n"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
