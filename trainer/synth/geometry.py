"""Lays a mask's outline onto a face, and finds the cloth coordinates of its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ecgan.engine.types import F32

from .base import Band, Cloth, MaskShape

EYE_Y = 120.0
EYES_TO_MOUTH = 64.7
EYE_DISTANCE = 63.8
NOSE_DEPTH = 45.0  # sideways travel of the nose tip against the eyes, per sine of the yaw
EYE_DEPTH = 0.8  # depth of the eyes over the head's radius: the crop is centred on them
PIVOT_Y = 180.0
_RIM = 1.42  # beyond this angle a loop has gone round the head
_U = np.linspace(-1.0, 1.0, 33, dtype=np.float32)
_W = np.linspace(0.0, 1.0, 9, dtype=np.float32)[1:-1]


@dataclass(frozen=True)
class FaceFrame:
    """The way from template pixels to a face's picture.

    Attributes:
        matrix: (2, 3) float32 from (x from the nose axis, y) template pixels to the picture.
        yaw: Angle by which the head is turned, positive = towards the picture's right.
        scale: Picture pixels in one template pixel.
    """

    matrix: F32
    yaw: float
    scale: float

    @staticmethod
    def of(landmarks: F32) -> FaceFrame:
        """Fit a frame to (5, 2) landmarks: eyes, nose tip, mouth corners."""
        pts = np.asarray(landmarks, np.float64)
        eyes, mouth = pts[:2].mean(0), pts[3:].mean(0)
        down = (mouth - eyes) / EYES_TO_MOUTH
        across = (pts[1] - pts[0]) / np.hypot(*(pts[1] - pts[0]))
        square = np.array([down[1], -down[0]]) / np.hypot(*down)
        across = 0.5 * (across + square)
        across /= np.hypot(*across)
        unit = np.stack([across, down], 1)
        nose = np.linalg.solve(unit, pts[2] - eyes)
        eye_units = np.hypot(*(pts[1] - pts[0])) / EYE_DISTANCE
        down_units = float(np.hypot(*down))
        yaw = float(np.arcsin(np.clip(nose[0] / (NOSE_DEPTH * down_units), -0.7, 0.7)))
        wide = float(np.clip(eye_units / np.cos(yaw), 0.85 * down_units, 1.2 * down_units))
        # a smile lifts the mouth corners but not the chin, so the width has a say in the height
        tall = 0.5 * (down_units + wide)
        unit[:, 0] *= wide
        unit[:, 1] *= tall / down_units
        origin = eyes - unit[:, 1] * EYE_Y
        matrix = np.concatenate([unit, origin[:, None]], 1).astype(np.float32)
        return FaceFrame(matrix, yaw, 0.5 * (wide + tall))

    def place(self, shape: MaskShape, angle: F32, y: F32) -> F32:
        """Picture points (n, 2) of cylinder points at ``angle`` (n,) and height ``y`` (n,)."""
        turned = np.clip(angle + self.yaw, -np.pi / 2, np.pi / 2)
        x = shape.radius * (np.sin(turned) - EYE_DEPTH * np.sin(self.yaw))
        c, s = np.cos(shape.tilt), np.sin(shape.tilt)
        dy = y - PIVOT_Y
        px = c * x - s * dy + shape.shift[0]
        py = s * x + c * dy + PIVOT_Y + shape.shift[1]
        m = self.matrix
        return np.stack(
            [m[0, 0] * px + m[0, 1] * py + m[0, 2], m[1, 0] * px + m[1, 1] * py + m[1, 2]], 1
        ).astype(np.float32)


def outline(shape: MaskShape, frame: FaceFrame) -> F32:
    """Closed outline of the mask in picture pixels, (n, 2) float32."""
    top, bottom = shape.top(_U), shape.bottom(_U)
    right = top[-1] + (bottom[-1] - top[-1]) * _W
    left = bottom[0] + (top[0] - bottom[0]) * _W
    y = np.concatenate([top, right, bottom[::-1], left])
    u = np.concatenate([_U, np.ones_like(_W), _U[::-1], -np.ones_like(_W)])
    return frame.place(shape, u * shape.half_angle(y), y)


def _band_points(shape: MaskShape, frame: FaceFrame, side: int, band: Band) -> F32:
    u = np.array([side], np.float32)
    top, bottom = shape.top(u)[0], shape.bottom(u)[0]
    y0 = top + band.v * (bottom - top)
    a0 = side * 0.97 * float(shape.half_angle(np.asarray(y0)))
    t = np.linspace(0.0, 1.0, 13, dtype=np.float32)
    angle = a0 + (side * band.end_angle - a0) * t
    y = y0 + (band.end_y - y0) * t + band.sag * 4.0 * t * (1.0 - t)
    seen = np.abs(angle + frame.yaw) < _RIM
    seen[0] = True
    last = int(np.argmin(seen)) if not seen.all() else len(seen)
    return frame.place(shape, angle[:last], y[:last])


def fill(points: F32, size: int) -> F32:
    """Antialiased polygon: (size, size) float32 in [0, 1] from (n, 2) picture points."""
    canvas = np.zeros((size, size), np.uint8)
    fixed = np.round(points * 16.0).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], 255, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / 255.0


def draw_bands(shape: MaskShape, frame: FaceFrame, size: int) -> F32:
    """Loops and straps: (size, size) float32 in [0, 1]."""
    canvas = np.zeros((size, size), np.uint8)
    for side, bands in zip((-1, 1), shape.bands, strict=True):
        for band in bands:
            points = np.round(_band_points(shape, frame, side, band) * 16.0).astype(np.int32)
            width = band.width * frame.scale
            # a line thinner than a pixel is drawn one wide and fainter
            ink = int(255 * min(1.0, width))
            thick = max(1, round(width))
            cv2.polylines(canvas, [points], False, ink, thick, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / 255.0


def window_of(alpha: F32, margin: int) -> tuple[slice, slice] | None:
    """Rows and columns that hold everything above zero, widened; None where nothing is."""
    rows, cols = np.flatnonzero(alpha.max(1)), np.flatnonzero(alpha.max(0))
    if not len(rows):
        return None
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(cols[0]) - margin), int(cols[-1]) + 1 + margin),
    )


def cloth_of(shape: MaskShape, frame: FaceFrame, rows: slice, cols: slice, size: int) -> Cloth:
    """Cloth coordinates of the pixels in a window (the inverse of ``FaceFrame.place``)."""
    inverse = cv2.invertAffineTransform(frame.matrix).astype(np.float32)
    xs = np.arange(cols.start, min(cols.stop, size), dtype=np.float32)[None, :]
    ys = np.arange(rows.start, min(rows.stop, size), dtype=np.float32)[:, None]
    tx = inverse[0, 0] * xs + inverse[0, 1] * ys + (inverse[0, 2] - shape.shift[0])
    ty = inverse[1, 0] * xs + inverse[1, 1] * ys + (inverse[1, 2] - shape.shift[1] - PIVOT_Y)
    c, s = np.float32(np.cos(shape.tilt)), np.float32(np.sin(shape.tilt))
    x, y = c * tx + s * ty, c * ty - s * tx + np.float32(PIVOT_Y)
    sine = np.clip(x / shape.radius + EYE_DEPTH * np.sin(frame.yaw), -1.0, 1.0)
    angle = np.arcsin(sine.astype(np.float32)) - np.float32(frame.yaw)
    u = np.clip(angle / shape.half_angle(y), -1.0, 1.0).astype(np.float32)
    top = shape.top(u)
    height = np.maximum(shape.bottom(u) - top, 1.0)
    v = np.clip((y - top) / height, 0.0, 1.0)
    across = angle * np.float32(shape.radius)
    return Cloth(u, v, across, y - np.float32(shape.peak_y), height, frame.yaw, frame.scale)
