"""Give unlabelled faces a soft expression, read by a frozen expression network.

The generator then learns to tell "what fits" from "what is asked" on every face, not only on the
few that people have labelled.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ecgan.engine.types import F32

from .data.faces import FaceSet
from .data.stacks import stacks
from .face_cache import looked_at
from .networks.face_expression import FaceExpression
from .pictures import as_picture

TEMPERATURE = 3.0
"""Divides the logits: the network is overconfident (its median highest probability is 0.996)."""


def read_expressions(faces: FaceSet, network: FaceExpression, cache: Path) -> dict[str, F32]:
    """Soft labels of all faces.

    Args:
        faces: The set; labelled rows are read too, their label wins later.
        network: Frozen, on the CPU.
        cache: `.npz` file that holds the result of an earlier call; other faces are read anew.

    Returns:
        ``FaceRecord.key`` -> (7,) float32 probabilities.

    Raises:
        BrokenPicture: A picture cannot be decoded.
        OutputError: The cache cannot be written.
    """

    def look() -> dict[str, F32]:
        rows: list[F32] = []
        for pictures in stacks(faces, 128, 32):
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                x = as_picture(torch.from_numpy(pictures))
                rows.append(torch.softmax(network(x) / TEMPERATURE, 1).float().numpy())
        return {"weights": np.concatenate(rows)}

    return {key: row for key, (row,) in looked_at(faces, cache, look).items()}
