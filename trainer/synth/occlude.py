"""Things in front of a face: fingers, hair, glasses. They are never part of a mask."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ecgan.engine.types import F32, U8

from .geometry import FaceFrame


def draw(canvas: F32, face: U8, frame: FaceFrame, rng: np.random.Generator) -> F32:
    """Draw one thing onto a float canvas in place.

    Args:
        canvas: (S, S, 3) float32 in [0, 255], changed.
        face: (S, S, 3) uint8 bare face, for the colours of skin and hair.
        frame: Where the face is.
        rng: Source of every choice.

    Returns:
        (S, S) float32 in [0, 1]: what is hidden.
    """
    roll = rng.random()
    if roll < 0.3:
        return fingers(canvas, face, frame, rng)
    if roll < 0.6:
        return fist(canvas, face, frame, rng)
    if roll < 0.8:
        return hair(canvas, face, frame, rng)
    return glasses(canvas, frame, rng)


def to_picture(frame: FaceFrame, points: npt.NDArray[np.floating]) -> F32:
    """Picture pixels of (n, 2) template points (x from the nose axis, y)."""
    m = frame.matrix
    return np.asarray(points @ m[:, :2].T + m[:, 2], np.float32)


def skin_color(face: U8, frame: FaceFrame) -> F32:
    """(3,) float32 colour between the brows."""
    return _around(face, to_picture(frame, np.array([[0, 108]], np.float32))[0])


def _around(face: U8, point: F32) -> F32:
    size = face.shape[0]
    r = max(2, size // 40)
    x, y = (int(np.clip(p, r, size - r - 1)) for p in point)
    return np.median(face[y - r : y + r + 1, x - r : x + r + 1], (0, 1)).astype(np.float32)


def _hand_color(face: U8, frame: FaceFrame, rng: np.random.Generator) -> F32:
    if rng.random() < 0.12:  # a glove
        return np.float32(rng.uniform(20, 235)) * rng.uniform(0.6, 1.0, 3).astype(np.float32)
    return skin_color(face, frame) * np.float32(rng.uniform(0.8, 1.12))


def fist(canvas: F32, face: U8, frame: FaceFrame, rng: np.random.Generator) -> F32:
    """A closed hand before mouth or chin, as of somebody who coughs or thinks, and its wrist."""
    size = face.shape[0]
    color = _hand_color(face, frame, rng)
    middle = np.array([rng.uniform(-55, 55), rng.uniform(178, 236)])
    angle = rng.uniform(-0.6, 0.6)
    along = np.array([np.cos(angle), np.sin(angle)])
    below = np.array([-along[1], along[0]])
    half, width = rng.uniform(20, 30), rng.uniform(13, 17)
    wrist = middle + below * 28
    strokes = [(np.stack([wrist, wrist + below * 70 + along * rng.uniform(-60, 60)]), 1.9 * half)]
    strokes.append((np.stack([wrist - along * 4, wrist + along * 4]), 2.0 * half))
    for k in range(4):  # knuckles side by side
        at = middle + along * (half * (k / 1.5 - 1)) + below * rng.uniform(-3, 3)
        strokes.append((np.stack([at, at + below * 20]), width))
    total = np.zeros((size, size), np.float32)
    for points, wide in strokes:
        one = _stroke(to_picture(frame, points), wide * frame.scale, size)
        _lay_skin(canvas, one, color, width * frame.scale)
        total = np.maximum(total, one)
    return total


def _lay_skin(canvas: F32, where: F32, color: F32, width: float) -> None:
    """Skin that gets darker towards the rim of a finger ``width`` pixels wide."""
    shade = cv2.GaussianBlur(where, (0, 0), max(0.25 * width, 0.4))
    lit = color * np.clip(0.45 + 0.62 * shade, 0, 1.08)[..., None]
    canvas += where[..., None] * (lit - canvas)


def fingers(canvas: F32, face: U8, frame: FaceFrame, rng: np.random.Generator) -> F32:
    """Two to four fingers and a palm reach in from below or beside."""
    size = face.shape[0]
    color = _hand_color(face, frame, rng)
    tip = np.array([rng.uniform(-60, 60), rng.uniform(165, 225)])
    angle = np.arctan2(260 - tip[1], tip[0] * 1.2) + rng.uniform(-0.5, 0.5)
    along = np.array([np.cos(angle), np.sin(angle)])
    aside = np.array([-along[1], along[0]])
    width = rng.uniform(13, 19)
    total = np.zeros((size, size), np.float32)
    count = int(rng.integers(2, 5))
    for k in range(count):
        apart = k - 0.5 * (count - 1)
        reach = 7.0 * apart * apart + rng.uniform(-6, 6)
        start = tip + aside * (apart * width * rng.uniform(0.98, 1.2)) + along * reach
        bend = start + along * 36 - aside * (apart * rng.uniform(0, 3))
        points = np.stack([start, bend, bend + along * 110])
        one = _stroke(to_picture(frame, points), width * frame.scale, size)
        _lay_skin(canvas, one, color, width * frame.scale)
        total = np.maximum(total, one)
    return total


def in_front(face: U8, frame: FaceFrame) -> F32:
    """What of the picture beside the cheeks is hair, hand or background, not skin.

    A mask drawn below it follows the true outline of the face. A side with a beard, whose jaw
    differs from its cheek, stays free.

    Returns:
        (S, S) float32 in [0, 1]; 0 within 42 template pixels of the nose axis.
    """
    size = face.shape[0]
    n = max(32, size // 3)
    small = cv2.resize(face, (n, n), interpolation=cv2.INTER_AREA)
    logs = np.log(cv2.blur(small, (3, 3)).astype(np.float32) + 10.0)
    inverse = cv2.invertAffineTransform(frame.matrix)
    ramp = (np.arange(n, dtype=np.float32) + 0.5) * (size / n) - 0.5
    x = inverse[0, 0] * ramp[None, :] + inverse[0, 1] * ramp[:, None] + inverse[0, 2]
    x = x + np.float32(25.0 * np.sin(frame.yaw))
    apart = np.zeros((n, n), np.float32)
    for side in (-1, 1):
        points = np.array([[side * 36, 152], [side * 30, 164], [side * 40, 194]], np.float32)
        points[:, 0] -= 25.0 * np.sin(frame.yaw)
        at = np.clip(to_picture(frame, points) * (n / size), 0, n - 1).astype(int)
        cheek = 0.5 * (logs[at[0, 1], at[0, 0]] + logs[at[1, 1], at[1, 0]])
        if _unlike(logs[at[2, 1], at[2, 0]], cheek) > 0.5:
            continue
        gate = np.clip((side * x - 42.0) / 12.0, 0.0, 1.0)
        other = gate * np.clip((_unlike(logs, cheek) - 0.55) * 4.0, 0.0, 1.0)
        outwards = other[:, ::side]  # a loop that went behind hair does not come out again
        apart += np.maximum.accumulate(outwards, axis=1)[:, ::side]
    large = cv2.resize(apart, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip((large - 0.5) * 2.0 + 0.5, 0.0, 1.0)


def _unlike(logs: F32, reference: F32) -> F32:
    """Distance of log colours (..., 3); hue counts more than brightness, which shade changes."""
    d = logs - reference
    grey = d.mean(-1, keepdims=True)
    return np.sqrt(0.6 * grey[..., 0] ** 2 + 6.0 * ((d - grey) ** 2).mean(-1))


def hair(canvas: F32, face: U8, frame: FaceFrame, rng: np.random.Generator) -> F32:
    """Strands that hang down at one side."""
    size = face.shape[0]
    side = rng.choice([-1.0, 1.0])
    color = _around(face, to_picture(frame, np.array([[side * 45, 22]], np.float32))[0])
    alpha, tone = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    x0, y0 = side * rng.uniform(50, 78), rng.uniform(40, 90)
    for _ in range(int(rng.integers(3, 22))):
        ys = np.linspace(y0, rng.uniform(190, 262), 5)
        xs = x0 + rng.normal(0, 7) - side * rng.uniform(0, 12) * np.linspace(0, 1, 5) ** 2
        xs[1:4] += 0.4 * rng.normal(0, 10, 3)
        points = to_picture(frame, np.stack([xs, ys], 1))
        width = rng.uniform(0.8, 4.0) * frame.scale
        _ink(alpha, points, width, 255)
        _ink(tone, points, width + 1.0, int(rng.integers(90, 166)))
    hidden = alpha.astype(np.float32) / 255.0
    shade = tone.astype(np.float32) / 128.0
    canvas += hidden[..., None] * (color * shade[..., None] - canvas)
    return hidden


def glasses(canvas: F32, frame: FaceFrame, rng: np.random.Generator) -> F32:
    """Rims, bridge and temples."""
    size = canvas.shape[0]
    color = rng.uniform(10, 80, 3).astype(np.float32)
    width = max(rng.uniform(1.5, 5.0) * frame.scale, 1.0)
    wide, tall = rng.uniform(23, 30), rng.uniform(16, 27)
    power = rng.uniform(2.0, 4.0)
    t = np.linspace(0, 2 * np.pi, 33)
    cx = np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / power) * wide
    cy = np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / power) * tall
    y0 = rng.uniform(120, 130)
    curves = [np.stack([cx + s * 32, cy + y0], 1) for s in (-1, 1)]
    curves.append(np.array([[-32 + wide, y0 - 3], [0, y0 - 6], [32 - wide, y0 - 3]]))
    curves += [np.array([[s * (32 + wide), y0 - 4], [s * 84, y0 - 8]]) for s in (-1, 1)]
    total = np.zeros((size, size), np.float32)
    for curve in curves:
        moved = curve - np.array([-8.0 * np.sin(frame.yaw), 0.0])
        points = to_picture(frame, moved)
        total = np.maximum(total, _stroke(points, width, size))
    canvas += total[..., None] * (color - canvas)
    return total


def _stroke(points: F32, width: float, size: int) -> F32:
    canvas = np.zeros((size, size), np.uint8)
    _ink(canvas, points, width, 255)
    return canvas.astype(np.float32) / 255.0


def _ink(canvas: U8, points: F32, width: float, value: int) -> None:
    """Draw a line into a uint8 canvas; thinner than a pixel it is drawn one wide and fainter."""
    fixed = np.round(points * 16.0).astype(np.int32)
    ink = int(value * min(1.0, width))
    cv2.polylines(canvas, [fixed], False, ink, max(1, round(width)), cv2.LINE_AA, 4)
