"""Between a decoded video frame and RGB: the networks' view, and painting back in the frame's own samples.

Only the paint is converted, from RGB to the frame's colour space, range and bit depth; every sample
where its blend weight is 0 stays as decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..types import F32, U8, Patch
from .display import Orientation

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.format import VideoFormat

# fmt: off
PAINTABLE = frozenset((
    "gray", "gray10le", "yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p",
    "yuv420p10le", "yuv422p10le", "yuv444p10le",
))
# fmt: on
"""Pixel formats that both the painting and the H.264 encoder handle as they are."""

_BT601, _BT709, _SMPTE240, _BT2020 = (
    (0.299, 0.114),
    (0.2126, 0.0722),
    (0.212, 0.087),
    (0.2627, 0.0593),
)
# FFmpeg's number of a colour space -> weights of red and blue in luma, and swscale's number for it
_MATRICES = {
    1: (_BT709, 1),
    4: (_BT601, 5),
    5: (_BT601, 5),
    6: (_BT601, 5),
    7: (_SMPTE240, 7),
    9: (_BT2020, 9),
    10: (_BT2020, 9),
}
_HD_ROWS = 720
_FULL_RANGE = 2


def encoder_format(given: VideoFormat) -> str:
    """The paintable pixel format that holds a source's samples with the least loss.

    Formats with an odd side and halved chroma become 4:4:4, since H.264 cannot hold them.

    Args:
        given: The decoder's format, with its width and height.

    Returns:
        Name of a format in ``PAINTABLE``; the given name wherever that is possible.
    """
    parts = given.components
    deep = "10le" if max(part.bits for part in parts) > 8 else ""
    if given.is_rgb or given.has_palette:
        return f"yuv444p{deep}"
    if len(parts) < 3:
        return given.name if given.name in PAINTABLE else f"gray{deep}"
    halved_x, halved_y = parts[1].width < given.width, parts[1].height < given.height
    if (halved_x and given.width % 2) or (halved_y and given.height % 2) or not halved_x:
        chroma = "444"
    else:
        chroma = "420" if halved_y else "422"
    if given.name in PAINTABLE and chroma in given.name:
        return given.name
    return f"yuv{chroma}p{deep}"


def luma_weights(frame: VideoFrame) -> tuple[float, float]:
    """Weights of red and blue in luma; an untagged frame is BT.709 from 720 rows on, else BT.601."""
    return _matrix(frame)[0]


def _matrix(frame: VideoFrame) -> tuple[tuple[float, float], int]:
    untagged = 1 if min(frame.width, frame.height) >= _HD_ROWS else 5
    return _MATRICES.get(int(frame.colorspace), _MATRICES[untagged])


def is_full_range(frame: VideoFrame) -> bool:
    """Whether black is 0 and white the largest value, as in JPEG, instead of 16 and 235 of 255.

    Grey formats count as full, whatever their tag says, because swscale reads them so: the view of
    the networks and the paint must agree.
    """
    name = frame.format.name
    return name.startswith(("yuvj", "gray")) or int(frame.color_range) == _FULL_RANGE


class Converter:
    """Converts whole frames; keeps one scaler, since a new one for each frame grows memory."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._view = VideoReformatter()
        self._format = VideoReformatter()

    def rgb(self, frame: VideoFrame) -> U8:
        """The stored picture as (H, W, 3) uint8 RGB."""
        space = _matrix(frame)[1]
        view = self._view.reformat(
            frame,
            format="rgb24",
            src_colorspace=space,
            dst_colorspace=space,
            src_color_range=2 if is_full_range(frame) else 1,
            threads=1,
        )
        return np.asarray(view.to_ndarray(), np.uint8)

    def adapted(self, frame: VideoFrame, name: str, width: int, height: int) -> VideoFrame:
        """The frame in another pixel format or size, with its time kept; itself where it fits."""
        if (frame.format.name, frame.width, frame.height) == (name, width, height):
            return frame
        from av.video.reformatter import Interpolation

        space = _matrix(frame)[1]
        moved = self._format.reformat(
            frame,
            width=width,
            height=height,
            format=name,
            src_colorspace=space,
            dst_colorspace=space,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            threads=1,
        )
        moved.pts, moved.time_base, moved.duration = frame.pts, frame.time_base, frame.duration
        return moved


def paint_frame(frame: VideoFrame, patches: Sequence[Patch], orientation: Orientation) -> None:
    """Blend patches into a frame in place.

    Args:
        frame: In a format of ``PAINTABLE``.
        patches: In upright coordinates, inside the picture; later ones lie on top.
        orientation: How the stored picture becomes upright.
    """
    if not patches:
        return
    frame.make_writable()  # the decoder may still need its picture as a reference
    planes = [_samples(frame, index) for index in range(len(frame.planes))]
    for patch in patches:
        if patch.alpha.size:
            turned = orientation.stored_patch(patch, frame.width, frame.height)
            _blend_patch(frame, planes, turned)


def grey_frame(weights: F32) -> VideoFrame:
    """A grey picture of blend weights, black for 0 and white for 1, in yuv420p or, odd, yuv444p.

    Args:
        weights: (H, W) float32 in [0, 1].
    """
    from av import VideoFrame

    height, width = weights.shape
    frame = VideoFrame(width, height, "yuv444p" if width % 2 or height % 2 else "yuv420p")
    _samples(frame, 0)[:] = np.rint(16 + 219 * weights)
    for index in (1, 2):
        _samples(frame, index)[:] = 128
    frame.color_range = 1
    return frame


def _samples(frame: VideoFrame, index: int) -> npt.NDArray[Any]:
    """A plane as a writable (H, W) array of uint8 or uint16."""
    plane: Any = frame.planes[index]
    bits = frame.format.components[index].bits
    dtype = np.dtype(np.uint8 if bits <= 8 else "<u2")
    rows = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    return rows[:, : plane.width]


def _blend_patch(frame: VideoFrame, planes: list[npt.NDArray[Any]], patch: Patch) -> None:
    bits = frame.format.components[0].bits
    colours = _to_yuv(patch.rgb, luma_weights(frame), bits, is_full_range(frame))
    tall, wide = patch.alpha.shape
    _blend(planes[0][patch.y : patch.y + tall, patch.x : patch.x + wide], colours[0], patch.alpha)
    if len(planes) == 1:
        return
    step_x = 1 if planes[1].shape[1] == frame.width else 2
    step_y = 1 if planes[1].shape[0] == frame.height else 2
    column, row = patch.x // step_x, patch.y // step_y
    lead_x, lead_y = patch.x - column * step_x, patch.y - row * step_y
    alpha = _cell_means(patch.alpha, lead_x, lead_y, step_x, step_y)
    for plane, colour in zip(planes[1:], colours[1:], strict=True):
        paint = _cell_means(colour * patch.alpha, lead_x, lead_y, step_x, step_y)
        # paint counts by its own weight: where alpha is 0 the patch's colour means nothing
        paint = np.divide(paint, alpha, out=np.zeros_like(paint), where=alpha > 0)
        _blend(plane[row : row + alpha.shape[0], column : column + alpha.shape[1]], paint, alpha)


def _cell_means(values: F32, lead_x: int, lead_y: int, step_x: int, step_y: int) -> F32:
    """Means over the luma samples of each chroma sample; samples outside the patch count as 0."""
    import cv2

    if step_x == step_y == 1:
        return values
    tall, wide = values.shape
    rows, columns = -(-(lead_y + tall) // step_y), -(-(lead_x + wide) // step_x)
    padded = np.zeros((rows * step_y, columns * step_x), np.float32)
    padded[lead_y : lead_y + tall, lead_x : lead_x + wide] = values
    size = (columns, rows)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32)


def _blend(target: npt.NDArray[Any], paint: F32, alpha: F32) -> None:
    """Mix paint into samples where alpha > 0, rounding to the samples' own depth."""
    old = target.astype(np.float32)
    mixed = old + alpha * (paint - old)
    np.copyto(target, np.rint(mixed).astype(target.dtype), where=alpha > 0)


def _to_yuv(rgb: F32, weights: tuple[float, float], bits: int, full: bool) -> list[F32]:
    """(H, W, 3) RGB in [0, 255] -> luma, blue and red difference as sample values of that depth."""
    import cv2

    red, blue = weights
    top, unit = float(2**bits - 1), float(2 ** (bits - 8))
    luma_scale, chroma_scale, black = (
        (top / 255, top / 255, 0.0) if full else (219 * unit / 255, 224 * unit / 255, 16 * unit)
    )
    luma = np.array([red, 1 - red - blue, blue])
    matrix = np.zeros((3, 4))
    matrix[0, :3], matrix[0, 3] = luma * luma_scale, black
    matrix[1, :3] = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)) * chroma_scale
    matrix[2, :3] = (np.array([1, 0, 0]) - luma) / (2 * (1 - red)) * chroma_scale
    matrix[1:, 3] = 128 * unit
    bounded = np.clip(rgb, 0, 255).astype(np.float32, copy=False)
    colours = cv2.transform(np.ascontiguousarray(bounded), matrix)
    if full:
        np.clip(colours, 0, top, out=colours)
    return [np.asarray(part, np.float32) for part in cv2.split(colours)]
