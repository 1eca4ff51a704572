"""Writing a video: H.264 pictures, copied sound and subtitle packets, tags, and a check at the end.

The file appears under its name only after it was opened again and found to be what was meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..errors import EcganError, OptionError, OutputError
from .output import atomic_file, output_error
from .source import reason
from .tags import container_tags, stream_tags
from .verify import Expected, verify_video
from .video_types import VideoInfo, time_unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import VideoFrame
    from av.packet import Packet
    from av.stream import Stream

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Extension -> FFmpeg's name of the container."""

PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)
_CRF_LIMIT = 51


class _NotFinishedError(Exception):
    """Leaves the file's context without keeping the file."""


def check_encoding(target: Path, crf: int, preset: str) -> None:
    """Refuse what cannot be encoded, before any work is done.

    Raises:
        OptionError: The extension is not that of a container for H.264, or crf or preset is unknown.
    """
    if target.suffix.lower() not in CONTAINERS:
        raise OptionError(
            f"'{target.name}' cannot hold H.264 video; expected {', '.join(CONTAINERS)}",
            hint=f"-o {target.with_suffix('.mkv')}",
        )
    if not 0 <= crf <= _CRF_LIMIT:
        raise OptionError(f"crf '{crf}' is outside 0 (lossless) to {_CRF_LIMIT}")
    if preset not in PRESETS:
        raise OptionError(f"unknown preset '{preset}'; choose from {', '.join(PRESETS)}")


class VideoWriter:
    """Writes one video. Use as a context; without ``finish`` nothing is left behind.

    Args:
        target: The output; its extension chooses the container.
        info: Size, time base, colour, tags and chapters of the pictures.
        crf: Quality, 0 (lossless) to 51.
        preset: x264 preset.
        copies: Streams whose packets will be handed to ``copy``.
        mark: Text for the comment tag, or None.

    Raises:
        OutputError: Nothing can be written there.

    Attributes:
        notes: Streams that the container refuses, one line each.
        frames: Pictures written so far.
    """

    def __init__(
        self,
        target: Path,
        info: VideoInfo,
        *,
        crf: int,
        preset: str,
        copies: Sequence[Stream] = (),
        mark: str | None = None,
    ) -> None:
        check_encoding(target, crf, preset)
        self._target, self._info = target, info
        self._crf, self._preset, self._mark = crf, preset, mark
        self._copies = list(copies)
        self._stack = ExitStack()
        self._finished = False
        self._expected = Expected(info.width, info.height, info.orientation)
        self._outputs: dict[int, Stream] = {}
        self._kinds: dict[int, str] = {}
        self._packets: dict[int, int] = {}
        self.notes: list[str] = []

    @property
    def frames(self) -> int:
        """Pictures written so far."""
        return self._expected.frames

    def __enter__(self) -> Self:
        import av

        with ExitStack() as stack:
            self._part = stack.enter_context(atomic_file(self._target))
            self._part.touch()  # no room or no right shows before the work is done
            with self._errors():
                kind = CONTAINERS[self._target.suffix.lower()]
                moves = {} if kind == "matroska" else {"movflags": "+faststart"}
                self._container = av.open(
                    str(self._part.absolute()), "w", format=kind, container_options=moves
                )
            stack.callback(self._close_quietly)
            self._add_streams()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and not self._finished:
            error = _NotFinishedError()
            kind = type(error)
        self._stack.__exit__(kind, error, trace)

    def write(self, frame: VideoFrame) -> None:
        """Encode a picture; its time must lie behind that of the one before.

        Raises:
            OutputError: The disk is full, or the encoder refuses the picture.
        """
        from av.video.frame import PictureType

        frame.pict_type = PictureType.NONE  # the source's I/P/B choice would be an order
        expected = self._expected
        time = (frame.pts or 0) * time_unit(frame)
        expected.first = time if not expected.frames else expected.first
        expected.last = time
        expected.frames += 1
        with self._errors():
            self._container.mux(self._video.encode(frame))

    def copy(self, packet: Packet[Any]) -> None:
        """Write a packet of one of the copied streams as it is; others are ignored."""
        source = packet.stream.index
        output = self._outputs.get(source)
        if output is None:
            return
        packet.stream = output
        self._packets[source] += 1
        with self._errors():
            self._container.mux(packet)

    def finish(self) -> None:
        """Write what the encoder holds back, close the file and check it.

        Raises:
            OutputError: The disk is full, or the file is not what was meant.
        """
        with self._errors():
            self._container.mux(self._video.encode(None))
            self._container.close()
        for source, kind in self._kinds.items():
            if count := self._packets[source]:
                self._expected.streams[kind] += 1
                if kind == "audio":
                    self._expected.packets.append(count)
        verify_video(self._part, str(self._target), self._expected)
        self._finished = True

    def _add_streams(self) -> None:
        """In the order of the source: the picture where it was, copies around it."""
        info, container = self._info, self._container
        with self._errors():
            container.metadata.update(container_tags(info.metadata, self._mark))
            container.set_chapters(info.chapters)
        for stream in self._copies:
            if stream.index < info.index:
                self._add_copy(stream)
        with self._errors():
            self._add_video()
        for stream in self._copies:
            if stream.index > info.index:
                self._add_copy(stream)

    def _add_video(self) -> None:
        info = self._info
        # crf 0 is lossless only with 8 bits, qp 0 with all
        quality = {"crf": str(self._crf)} if self._crf else {"qp": "0"}
        video = self._container.add_stream(
            "libx264", rate=info.rate, options={**quality, "preset": self._preset}
        )
        video.width, video.height, video.pix_fmt = info.width, info.height, info.pix_fmt
        video.thread_type = "AUTO"  # PyAV's default cuts pictures into slices, which costs bits
        context = video.codec_context
        context.time_base = info.time_base  # the rate alone would force a fixed grid of times
        for name, value in info.colour.items():
            setattr(context, name, value)
        if info.aspect:
            context.sample_aspect_ratio = info.aspect
        if info.matrix is not None:
            video.set_display_matrix(info.matrix)
        video.metadata.update(stream_tags(info.video_metadata))
        self._video = video
        self._expected.streams["video"] = 1

    def _add_copy(self, stream: Stream) -> None:
        suffix = self._target.suffix.lower()
        name = stream.codec_context.name if stream.codec_context is not None else "unknown"
        if not _fits(stream, CONTAINERS[suffix]):
            other = ".mp4" if suffix == ".mkv" else ".mkv"
            self.notes.append(
                f"stream {stream.index} ({stream.type}, '{name}') does not fit into {suffix} and "
                f"was dropped; an output named {other} may keep it"
            )
            return
        output = self._container.add_stream_from_template(stream)
        output.metadata.update(stream_tags(stream.metadata))
        output.disposition = stream.disposition
        self._outputs[stream.index] = output
        self._kinds[stream.index], self._packets[stream.index] = stream.type, 0

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """FFmpeg's errors as ours."""
        import av

        try:
            yield
        except av.error.FFmpegError as error:
            raise self._output_error(error) from error

    def _output_error(self, error: Any) -> EcganError:
        if isinstance(error, OSError) or (0 < (error.errno or 0) < 200 and error.errno != 22):
            return output_error(OSError(error.errno, error.strerror), self._target)
        is_matroska = self._target.suffix.lower() == ".mkv"
        return OutputError(
            f"cannot write '{self._target}': {reason(error)}",
            hint=None if is_matroska else "an output named .mkv takes nearly every stream",
        )

    def _close_quietly(self) -> None:
        import av

        with suppress(av.error.FFmpegError):  # must not hide the error that brought us here
            self._container.close()


def _fits(stream: Stream, container: str) -> bool:
    """Whether a container takes a stream, for example not SRT in MP4, nor Opus in MOV.

    Some refusals come only with the header, so one is written, for this stream alone, into memory.
    """
    import av

    try:
        with av.open(BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True
