"""Puts a drawn mask on a face, lit and blurred like the picture."""

from __future__ import annotations

import cv2
import numpy as np

from ecgan.engine.types import F32, U8

from . import occlude, shield
from .base import Covering, MaskShape, MaskStyle, Palette
from .degrade import degrade_picture
from .geometry import FaceFrame, cloth_of, draw_bands, fill, outline, window_of
from .light import Light, light_of
from .styles import draw_style

_OCCLUDED = 0.13
_SHIELDED = 0.02
_COLLAR_Y = 262.0  # cloth that reaches below here lies over collar and hair
_TUCKED = 0.6  # share of masks that go behind the picture's own hair and the face's outline


def mask_shape(
    landmarks: F32, size: int, rng: np.random.Generator, style: str | None = None
) -> F32:
    """Only where a mask would be: the geometry of `wear_mask` without its texture.

    Args:
        landmarks: (5, 2) float32 eyes, nose tip, mouth corners in pixels of the picture.
        size: Side of the picture.
        rng: Source of every choice; the same state gives the same shape as `wear_mask`.
        style: A name of `MASK_STYLES`; drawn by weight where None.

    Returns:
        (size, size) float32 in [0, 1], 1 = covering.

    Raises:
        OptionError: The style is unknown.
    """
    _, shape = draw_style(style, rng)
    frame = FaceFrame.of(landmarks)
    return np.maximum(fill(outline(shape, frame), size), draw_bands(shape, frame, size))


def wear_mask(
    face: U8,
    landmarks: F32,
    rng: np.random.Generator,
    style: str | None = None,
    *,
    kind: str | None = None,
    pose: str | None = None,
    palette: Palette = "train",
    degrade: bool = True,
) -> Covering:
    """Draw a mask on a bare face.

    Args:
        face: (S, S, 3) uint8 RGB aligned crop.
        landmarks: (5, 2) float32 eyes, nose tip, mouth corners in its pixels.
        rng: Source of every choice: the same state gives the same pixels.
        style: A name of `MASK_STYLES`; drawn by weight where None.
        kind: One of the style's `KINDS`; drawn by weight where None.
        pose: How it is worn, a name of `POSES`; drawn by weight where None.
        palette: "held-out" uses colours and patterns that "train" never does.
        degrade: Also draw the contact shadow on the skin, now and then a hand, hair or glasses
            over the mask (cut out of the label) or a clear shield, and blur, noise and JPEG over the whole
            picture. Without it every pixel where the mask is 0 stays as it was.

    Raises:
        OptionError: The style, kind or pose is unknown.
    """
    size = face.shape[0]
    drawn, shape = draw_style(style, rng, kind=kind, pose=pose)
    frame = FaceFrame.of(landmarks)
    light = light_of(face, frame, rng)
    body = _soften(fill(outline(shape, frame), size), light.blur)
    bands = _soften(draw_bands(shape, frame, size), light.blur) * (1.0 - body)
    if rng.random() < _TUCKED and shape.chin_y < _COLLAR_Y:
        behind = 1.0 - occlude.in_front(face, frame)
        body, bands = body * behind, bands * behind
    mask = body + bands
    canvas = face.astype(np.float32)
    if degrade:
        _contact_shadow(canvas, mask, frame, rng)
    _lay(canvas, body, bands, drawn, shape, frame, light, rng, palette)
    if degrade and rng.random() < _OCCLUDED:
        mask = mask * (1.0 - occlude.draw(canvas, face, frame, rng))
    if degrade and rng.random() < _SHIELDED:
        shield.draw(canvas, frame, rng)
    image = np.clip(canvas + 0.5, 0, 255).astype(np.uint8)
    if degrade:
        image = degrade_picture(image, rng)
    return Covering(image, mask)


def _soften(alpha: F32, blur: float) -> F32:
    soft = cv2.GaussianBlur(alpha, (0, 0), blur) if blur > 0.3 else alpha
    return np.where(soft < 1.0 / 255.0, np.float32(0.0), soft)


def _lay(
    canvas: F32,
    body: F32,
    bands: F32,
    kind: MaskStyle,
    shape: MaskShape,
    frame: FaceFrame,
    light: Light,
    rng: np.random.Generator,
    palette: Palette,
) -> None:
    """Paint cloth and loops onto the canvas in place."""
    window = window_of(np.maximum(body, bands), 0)
    if window is None:
        return
    cloth = cloth_of(shape, frame, *window, canvas.shape[0])
    paint = kind.paint(cloth, rng, palette)
    lit = light.field[window]
    shade = np.clip(paint.relief, 0.15, 1.5) * lit
    gloss = np.float32(rng.uniform(0.0, 7.0))  # even black cloth reflects a little
    worn = (paint.albedo * shade[..., None] + gloss / 255.0) * light.white
    if light.blur > 0.3:
        worn = np.asarray(cv2.GaussianBlur(worn, (0, 0), light.blur), np.float32)
    loops = (paint.band_color + gloss / 255.0) * light.white * lit[..., None]
    part = canvas[window]
    part += body[window][..., None] * (worn - part)
    part += bands[window][..., None] * (loops - part)


def _contact_shadow(canvas: F32, mask: F32, frame: FaceFrame, rng: np.random.Generator) -> None:
    """Darken the skin beside the mask, on the side away from the light, in place."""
    strength = rng.uniform(0.0, 0.45)
    reach = frame.scale * rng.uniform(1.5, 6.0)
    dx, dy = frame.scale * rng.normal(0, 2.0), frame.scale * rng.uniform(-2.0, 3.0)
    half = cv2.resize(mask, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    half = cv2.GaussianBlur(half, (0, 0), max(0.5 * reach, 0.4))
    move = np.array([[2, 0, dx], [0, 2, dy]], np.float32)
    size = (mask.shape[1], mask.shape[0])
    shadow = cv2.warpAffine(half, move, size, flags=cv2.INTER_LINEAR)
    canvas *= (1.0 - np.float32(strength) * np.asarray(shadow, np.float32))[..., None]
