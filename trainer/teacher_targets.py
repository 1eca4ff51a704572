"""What frozen networks make of faces, as something to learn from: a soft expression, and a few directions.

Labels are few. A network that also learns to foretell what teachers see in thousands of faces without
one has a far better eye. Nothing of the teachers' weights goes into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ecgan.engine.types import F32

from .data.faces import FaceSet
from .data.stacks import stacks
from .face_cache import looked_at
from .networks.teachers import (
    EXPRESSION_FILE,
    RECOGNITION_FILE,
    load_face_expression,
    load_face_recognition,
)
from .pictures import as_picture

TEMPERATURE = 3.0
"""Divides the expression network's logits, which are overconfident."""

SIZE = 128
"""Side of the pictures that are shown, in pixels."""

AT_ONCE = 32

DIRECTIONS = 128
"""Of what all teachers see together, the ones along which faces differ most."""

CELLS = 3
"""Maps are averaged over so many by so many fields."""


class Targets(NamedTuple):
    """What teachers make of a face.

    Attributes:
        expression: (7,) float32 probabilities.
        seen: (D,) float32, of mean 0; deviations fall along the directions, their mean square is 1.
    """

    expression: F32
    seen: F32


def read_targets(faces: FaceSet, teachers: Path, cache: Path) -> dict[str, Targets]:
    """Show faces to the teachers.

    Args:
        faces: All that is to be learnt from.
        teachers: Folder of their weights.
        cache: `.npz` file that holds the result of an earlier call; other faces are shown anew.

    Returns:
        ``FaceRecord.key`` -> targets.

    Raises:
        ModelMissing: A teacher's weights are not there.
        OutputError: The cache cannot be written.
    """

    def look() -> dict[str, F32]:
        expression, raw = _shown(faces, Teachers(teachers))
        return {"expression": expression, "seen": _directions(raw)}

    return {key: Targets(*row) for key, row in looked_at(faces, cache, look).items()}


class Teachers:
    """The frozen networks.

    Args:
        folder: Of their weights.

    Raises:
        ModelMissing: A file is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.expression = load_face_expression(folder / EXPRESSION_FILE)
        self.recognition = load_face_recognition(folder / RECOGNITION_FILE)

    def look(self, picture: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """(N, 3, S, S) in [-1, 1] -> logits (N, 7), and what each teacher sees, (N, ...)."""
        one = self.expression
        maps = one.input(picture)
        for block in (one.dense0, one.dense1, one.dense2, one.dense3):
            maps = block(maps)
        logits = one.classifier(maps.float().mean((2, 3)))
        two = self.recognition
        middle = F.max_pool2d(F.relu(two.stem(two.input(picture))), 3, 2)
        for stage in (two.stage32, two.stage64, two.stage128):
            middle = stage(middle)
        return logits, {"expression": _in_cells(maps), "recognition": _in_cells(middle)}


def _in_cells(maps: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(maps.float(), CELLS).flatten(1)


@torch.no_grad()
def _shown(faces: FaceSet, teachers: Teachers) -> tuple[F32, dict[str, Tensor]]:
    """Probabilities (N, 7), and what each teacher sees."""
    expression: list[Tensor] = []
    seen: dict[str, list[Tensor]] = {}
    for pictures in stacks(faces, SIZE, AT_ONCE):
        with torch.autocast("cpu", torch.bfloat16):
            logits, maps = teachers.look(as_picture(torch.from_numpy(pictures)))
        expression.append(torch.softmax(logits.float() / TEMPERATURE, 1))
        for name, value in maps.items():
            seen.setdefault(name, []).append(value.half())
    return torch.cat(expression).numpy(), {name: torch.cat(parts) for name, parts in seen.items()}


def _directions(seen: Mapping[str, Tensor]) -> F32:
    """(N, D): main directions of all teachers, each teacher with the same say."""
    parts = []
    for value in seen.values():
        centred = value.float() - value.float().mean(0)
        parts.append(centred / (centred.std(0) + 1e-3) / centred.shape[1] ** 0.5)
    together = torch.cat(parts, 1)
    count = min(DIRECTIONS, *together.shape)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        left, _, _ = torch.pca_lowrank(together, count, center=False)
    directions = np.zeros((len(left), DIRECTIONS), np.float32)
    falloff = np.arange(1, DIRECTIONS + 1, dtype=np.float32) ** -0.5
    falloff /= np.square(falloff).mean() ** 0.5
    directions[:, :count] = left.numpy() * len(left) ** 0.5
    return directions * falloff
