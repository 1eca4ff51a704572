"""Make the example photo and clip from the public-domain astronaut portrait.

The portrait (NASA, Eileen Collins, 512x512) is ``skimage/data/astronaut.png`` of the scikit-image
wheel. A surgical mask is drawn on it; the clip moves the drawn picture and adds a tone as sound::

    pip download --no-deps scikit-image -d astronaut
    unzip -j astronaut/scikit_image*.whl skimage/data/astronaut.png -d astronaut
    python examples/make_examples.py astronaut/astronaut.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

# Outline of the mask on the portrait, in its pixels: the edge below the eyes and the edge around
# the chin, both from the left of the picture to the right.
TOP = [
    (183, 121),
    (192, 121),
    (204, 117),
    (214, 110),
    (224, 108),
    (233, 111),
    (242, 118),
    (256, 123),
    (268, 125),
]
CHIN = [
    (185, 143),
    (190, 157),
    (199, 169),
    (211, 178),
    (224, 182),
    (238, 180),
    (251, 171),
    (261, 158),
    (266, 146),
]
LOOPS = [[(184, 122), (180, 119), (177, 117)], [(186, 143), (181, 137), (177, 130)],
         [(267, 126), (270, 126), (272, 128)], [(265, 145), (269, 141), (271, 136)]]  # fmt: skip
CLOTH = np.float32([124, 166, 192])  # RGB
SUPERSAMPLING = 4
MESH = 120

CLIP_SIZE = (640, 360)
CLIP_RATE = 25
CLIP_SECONDS = 3
TONE_HZ = 440
SOUND_RATE = 48_000


def curve(points: list[tuple[int, int]], count: int) -> np.ndarray:
    """Sample a smooth curve through points: (count, 2) float32, evenly by parameter."""
    knots = np.linspace(0.0, 1.0, len(points))
    at = np.linspace(0.0, 1.0, count)
    line = np.stack([np.interp(at, knots, axis) for axis in np.float32(points).T], 1)
    padded = np.pad(line, ((6, 6), (0, 0)), mode="reflect", reflect_type="odd")
    return cv2.GaussianBlur(padded, (1, 0), sigmaX=0.1, sigmaY=3.0)[6:-6].astype(np.float32)


def brightness(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Light on the cloth at u (left to right) and v (top to chin), both in [0, 1]."""
    light = 0.50 + 0.52 * np.cos((u - 0.42) * 2.4) - 0.22 * np.clip(v - 0.55, 0, 1)
    light += 0.10 * np.exp(-(((u - 0.46) / 0.10) ** 2) - ((v - 0.22) / 0.18) ** 2)  # nose
    for fold in (0.34, 0.53, 0.72):
        depth = np.sin(np.pi * np.clip(u, 0.02, 0.98)) ** 0.4
        below = v - fold
        light -= 0.20 * depth * np.exp(-((below - 0.012) ** 2) / 0.0004)
        light += 0.08 * depth * np.exp(-((below + 0.035) ** 2) / 0.0008)
    hem = (v < 0.06) | (v > 0.95) | (u < 0.025) | (u > 0.975)
    return light + np.where(hem, 0.07, 0.0)


def draw_mask(portrait: np.ndarray) -> np.ndarray:
    """Draw a surgical mask on the portrait.

    Args:
        portrait: (512, 512, 3) uint8 RGB.

    Returns:
        The same with the mask, slightly softened and grained like the rest of the picture.
    """
    height, width = portrait.shape[:2]
    size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    paint = cv2.resize(portrait, size, interpolation=cv2.INTER_CUBIC)
    cover = np.zeros(size[::-1], np.uint8)
    for loop in LOOPS:
        line = np.int32(curve(loop, 24) * SUPERSAMPLING)
        cv2.polylines(paint, [line], False, (214, 218, 222), 5, cv2.LINE_AA)
        cv2.polylines(cover, [line], False, 255, 5, cv2.LINE_AA)
    steps = np.linspace(0.0, 1.0, MESH, dtype=np.float32)
    top, chin = curve(TOP, MESH), curve(CHIN, MESH)
    mesh = (top + steps[:, None, None] * (chin - top)) * SUPERSAMPLING
    light = brightness(*np.meshgrid(steps, steps))
    for row in range(MESH - 1):
        for column in range(MESH - 1):
            corners = mesh[row : row + 2, column : column + 2].reshape(4, 2)[[0, 1, 3, 2]]
            colour = np.clip(CLOTH * light[row, column], 0, 255)
            cv2.fillConvexPoly(paint, np.int32(np.rint(corners)), tuple(map(float, colour)))
            cv2.fillConvexPoly(cover, np.int32(np.rint(corners)), 255)
    paint = cv2.GaussianBlur(paint, (0, 0), 2.5)
    paint = cv2.resize(paint, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    paint += np.random.default_rng(0).normal(0.0, 2.0, (height, width, 1))
    alpha = cv2.resize(cover, (width, height), interpolation=cv2.INTER_AREA)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 0.6)[..., None] / 255.0
    shadow = 1.0 - 0.35 * cv2.GaussianBlur(alpha, (0, 0), 2.0)[..., None]
    mixed = portrait * shadow * (1.0 - alpha) + paint * alpha
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def moved(picture: np.ndarray, phase: float) -> np.ndarray:
    """The picture panned, zoomed and turned: (360, 640, 3) uint8 RGB; phase in [0, 1]."""
    swing = np.sin(2.0 * np.pi * phase)
    zoom = 1.6 + 0.15 * np.sin(np.pi * phase)
    centre = (226.0 + 12.0 * swing, 150.0 - 6.0 * swing)
    matrix = cv2.getRotationMatrix2D(centre, 5.0 * swing, zoom)
    matrix[:, 2] += np.float64(CLIP_SIZE) / 2.0 - centre
    return cv2.warpAffine(
        picture, matrix, CLIP_SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )


def write_clip(picture: np.ndarray, path: Path) -> None:
    """Write the moving picture as H.264 with a tone as AAC."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        video = container.add_stream("libx264", rate=CLIP_RATE, options={"crf": "21"})
        video.width, video.height = CLIP_SIZE
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        frames = CLIP_RATE * CLIP_SECONDS
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(moved(picture, index / frames), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        at = np.arange(SOUND_RATE * CLIP_SECONDS) / SOUND_RATE
        tone = (0.1 * np.sin(2.0 * np.pi * TONE_HZ * at)).astype(np.float32)[None]
        audio = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        audio.sample_rate = SOUND_RATE
        audio.pts = 0
        container.mux(sound.encode(audio))
        container.mux(sound.encode(None))


def make(portrait_path: Path, folder: Path) -> None:
    """Write the bare portrait, the masked one and the masked clip into a folder."""
    portrait = np.asarray(Image.open(portrait_path).convert("RGB"))
    if portrait.shape != (512, 512, 3):
        sys.exit(f"expected the 512x512 portrait, '{portrait_path}' has shape {portrait.shape}")
    picture = draw_mask(portrait)
    Image.fromarray(portrait).save(folder / "astronaut.jpg", quality=92)
    Image.fromarray(picture).save(folder / "astronaut_masked.jpg", quality=92)
    write_clip(picture, folder / "astronaut_masked.mp4")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/make_examples.py ASTRONAUT_PNG")
    make(Path(sys.argv[1]), Path(__file__).parent)
