"""Fixtures that all tests share: tiny networks behind the real contract, and a masked face.

The tiny networks follow rules, not training: the segmenter takes strongly blue pixels of the lower
half for a mask, the generator paints flat skin with a mouth whose colour depends on the expression.
So the whole pipeline runs in milliseconds and a test can say exactly what must come out.
"""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.models import DETECTOR, GENERATOR, SEGMENTER, Manifest, ModelEntry
from ecgan.engine.models import model_folder as shipped_models
from ecgan.engine.models.manifest import MANIFEST_NAME
from ecgan.engine.types import CROP_SIZE, F32, U8

if TYPE_CHECKING:
    from ecgan.engine.pipeline import Unmasker

ROOT = Path(__file__).resolve().parents[1]
TINY_SKIN = (196.0, 150.0, 128.0)
"""What the tiny generator paints under a full mask for ``auto``."""
TINY_MOUTH = np.array(
    [[20 * i - 60, -30 - 10 * i, 25 * (i % 3) - 25] for i in range(7)], np.float32
)
"""(7, 3): what each expression adds to it at the middle of the mouth."""
_Y, _X = np.mgrid[:CROP_SIZE, :CROP_SIZE].astype(np.float32)
MOUTH = np.exp(-(((_X - 127) / 30) ** 2) - ((_Y - 185) / 12) ** 2).astype(np.float32)
"""(256, 256): how far a pixel belongs to the mouth, in [0, 1]."""
MASK_BLUE = (120, 170, 215)
"""Colour of the drawn mask where a test draws one."""


# --- tiny networks ---------------------------------------------------------------------------


def _constant(name: str, value: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(value, name)


def _save(path: Path, graph: onnx.GraphProto) -> None:
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9, producer_name="tests"
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)


def save_tiny_segmenter(path: Path) -> None:
    """Write a segmenter: 255 where blue exceeds red by more than 40 in the lower half."""
    n, size = "N", CROP_SIZE
    lower = np.zeros((1, size, size), bool)
    lower[:, 105:236, 36:220] = True
    nodes = [
        helper.make_node("Cast", ["crop"], ["rgb"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["rgb", "red_index"], ["red"], axis=3),
        helper.make_node("Gather", ["rgb", "blue_index"], ["blue"], axis=3),
        helper.make_node("Sub", ["blue", "red"], ["blueness"]),
        helper.make_node("Greater", ["blueness", "limit"], ["is_blue"]),
        helper.make_node("And", ["is_blue", "lower"], ["is_mask"]),
        helper.make_node("Cast", ["is_mask"], ["one"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["one", "full"], ["value"]),
        helper.make_node("Cast", ["value"], ["mask"], to=TensorProto.UINT8),
    ]
    constants = [
        _constant("red_index", np.array(0, np.int64)),
        _constant("blue_index", np.array(2, np.int64)),
        _constant("limit", np.array(40, np.float32)),
        _constant("lower", lower),
        _constant("full", np.array(255, np.float32)),
    ]
    crop = helper.make_tensor_value_info("crop", TensorProto.UINT8, [n, size, size, 3])
    mask = helper.make_tensor_value_info("mask", TensorProto.UINT8, [n, size, size])
    _save(path, helper.make_graph(nodes, "segmenter", [crop], [mask], constants))


def save_tiny_generator(path: Path) -> None:
    """Write a generator: skin plus ``expression @ TINY_MOUTH`` at the mouth, mixed by mask / 255."""
    n, size = "N", CROP_SIZE
    nodes = [
        helper.make_node("Cast", ["crop"], ["rgb"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["mask"], ["level"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["level", "last"], ["level4"]),
        helper.make_node("Div", ["level4", "full"], ["share"]),
        helper.make_node("MatMul", ["expression", "mouths"], ["colour"]),
        helper.make_node("Unsqueeze", ["colour", "middle"], ["colour4"]),
        helper.make_node("Mul", ["colour4", "where"], ["lips"]),
        helper.make_node("Add", ["lips", "skin"], ["paint"]),
        helper.make_node("Sub", ["paint", "rgb"], ["change"]),
        helper.make_node("Mul", ["change", "share"], ["step"]),
        helper.make_node("Add", ["rgb", "step"], ["mixed"]),
        helper.make_node("Round", ["mixed"], ["rounded"]),
        helper.make_node("Clip", ["rounded", "zero", "full"], ["clipped"]),
        helper.make_node("Cast", ["clipped"], ["painted"], to=TensorProto.UINT8),
    ]
    constants = [
        _constant("last", np.array([3], np.int64)),
        _constant("middle", np.array([1, 2], np.int64)),
        _constant("zero", np.array(0, np.float32)),
        _constant("full", np.array(255, np.float32)),
        _constant("mouths", TINY_MOUTH),
        _constant("where", MOUTH[None, :, :, None]),
        _constant("skin", np.array(TINY_SKIN, np.float32)),
    ]
    inputs = [
        helper.make_tensor_value_info("crop", TensorProto.UINT8, [n, size, size, 3]),
        helper.make_tensor_value_info("mask", TensorProto.UINT8, [n, size, size]),
        helper.make_tensor_value_info("expression", TensorProto.FLOAT, [n, 7]),
    ]
    painted = helper.make_tensor_value_info("painted", TensorProto.UINT8, [n, size, size, 3])
    _save(path, helper.make_graph(nodes, "generator", inputs, [painted], constants))


def model_entry(path: Path, kind: str, name: str, **fields: object) -> ModelEntry:
    """A manifest row for a file a test made."""
    return ModelEntry(
        name=name,
        kind=kind,
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        licence="Apache-2.0",
        origin="made by the test suite, no training",
        opset=18,
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with manifest.json, a tiny segmenter and generator, and the real detector."""
    folder = tmp_path_factory.mktemp("models")
    save_tiny_segmenter(folder / "segmenter.onnx")
    save_tiny_generator(folder / "generator.onnx")
    shutil.copy(shipped_models() / "retinaface.onnx", folder / "retinaface.onnx")
    aligned = {"template": "ffhq_256", "crop_size": CROP_SIZE}
    manifest = Manifest(
        [
            model_entry(
                folder / "generator.onnx",
                GENERATOR,
                "tiny-generator",
                classes=list(EXPRESSIONS),
                auto=True,
                **aligned,
            ),
            model_entry(
                folder / "segmenter.onnx", SEGMENTER, "tiny-segmenter", threshold=0.02, **aligned
            ),
            model_entry(folder / "retinaface.onnx", DETECTOR, "retinaface"),
        ]
    )
    (folder / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_paint() -> Callable[[F32], U8]:
    """What the tiny generator paints under a full mask: (7,) weights -> (256, 256, 3) uint8."""

    def paint(weights: F32) -> U8:
        exact = np.array(TINY_SKIN, np.float32) + MOUTH[..., None] * (weights @ TINY_MOUTH)
        return np.clip(np.rint(exact), 0, 255).astype(np.uint8)

    return paint


@pytest.fixture(scope="session")
def unmasker(model_folder: Path) -> Iterator[Unmasker]:
    """The whole pipeline on the tiny networks, on the CPU with two threads."""
    from ecgan.engine.pipeline import Unmasker

    with Unmasker(models=model_folder, device="cpu", threads=2) as ready:
        yield ready


# --- pictures --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the pictures that are not part of the repository; skips where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared picture data is not beside the repository")
    return folder


@pytest.fixture(scope="session")
def bare_crops(shared_data: Path) -> list[tuple[U8, F32]]:
    """Twelve aligned bare faces: ((256, 256, 3) uint8 RGB, (5, 2) float32 landmarks)."""
    with (shared_data / "faces" / "faces.csv").open(newline="") as table:
        rows = {row["file"]: row for row in csv.DictReader(table) if "ffhq_real" in row["shard"]}
    found: list[tuple[U8, F32]] = []
    with tarfile.open(shared_data / "faces" / "faces_ffhq_real.tar") as shard:
        for member in shard:
            row = rows.get(member.name)
            if row is None or not 0.42 < float(row["yaw"]) < 0.58:
                continue
            data = shard.extractfile(member)
            assert data is not None
            picture = np.asarray(Image.open(io.BytesIO(data.read())).convert("RGB"))
            keys = ("lex", "ley", "rex", "rey", "nox", "noy", "mlx", "mly", "mrx", "mry")
            points = np.array([float(row[key]) for key in keys], np.float32).reshape(5, 2)
            found.append((picture, points))
            if len(found) == 12:
                break
    return found


def draw_mask(picture: U8, landmarks: F32, colour: tuple[int, int, int] = MASK_BLUE) -> U8:
    """Copy of a picture with a flat mask drawn from nose bridge to below the chin."""
    import cv2

    left, right, nose, mouth_left, mouth_right = landmarks.astype(np.float64)
    across = right - left
    down = (mouth_left + mouth_right) / 2 - (left + right) / 2
    bridge = (left + right) / 2 + 0.35 * (nose - (left + right) / 2)
    corners = [
        bridge,
        right + 0.42 * across + 0.45 * down,
        right + 0.30 * across + 1.25 * down,
        (left + right) / 2 + 1.75 * down,
        left - 0.30 * across + 1.25 * down,
        left - 0.42 * across + 0.45 * down,
    ]
    drawn = picture.copy()
    cv2.fillPoly(drawn, [np.round(corners).astype(np.int32)], colour, cv2.LINE_AA)
    return drawn


@pytest.fixture(scope="session")
def two_faces(bare_crops: list[tuple[U8, F32]]) -> U8:
    """(400, 800, 3) uint8 RGB: a face with a drawn mask at the left, a bare one at the right."""
    canvas = np.full((400, 800, 3), 128, np.uint8)
    canvas[70 : 70 + CROP_SIZE, 80 : 80 + CROP_SIZE] = draw_mask(*bare_crops[0])
    canvas[70 : 70 + CROP_SIZE, 460 : 460 + CROP_SIZE] = bare_crops[2][0]
    return canvas


@pytest.fixture(scope="session")
def masked_photo(request: pytest.FixtureRequest) -> U8:
    """(H, W, 3) uint8 RGB picture of one real face that wears a drawn blue mask."""
    example = ROOT / "examples" / "astronaut_masked.jpg"
    if example.exists():
        return np.asarray(Image.open(example).convert("RGB"))
    picture, landmarks = request.getfixturevalue("bare_crops")[0]
    return _on_canvas(draw_mask(picture, landmarks))


@pytest.fixture(scope="session")
def bare_photo(request: pytest.FixtureRequest) -> U8:
    """The same face without the mask."""
    example = ROOT / "examples" / "astronaut.jpg"
    if example.exists():
        return np.asarray(Image.open(example).convert("RGB"))
    return _on_canvas(request.getfixturevalue("bare_crops")[0][0])


def _on_canvas(crop: U8) -> U8:
    """The crop in the middle of a wider grey picture, so that a frame is not a crop."""
    canvas = np.full((360, 480, 3), 128, np.uint8)
    canvas[60 : 60 + CROP_SIZE, 110 : 110 + CROP_SIZE] = crop
    return canvas
