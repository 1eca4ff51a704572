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
from .data.samples import draw_sample
from .networks.face_expression import FaceExpression

TEMPERATURE = 3.0
"""Divides the logits: the network is overconfident (its median highest probability is 0.996)."""


def read_expressions(faces: FaceSet, network: FaceExpression, cache: Path) -> dict[str, F32]:
    """Soft labels of all faces.

    Args:
        faces: The set; labelled rows are read too, their label wins later.
        network: Frozen, on the CPU.
        cache: `.npz` file that holds the result of an earlier call.

    Returns:
        File name -> (7,) float32 probabilities.
    """
    if cache.exists():
        with np.load(cache) as archive:
            return dict(zip(archive["files"].tolist(), archive["weights"], strict=True))
    rng = np.random.default_rng(0)
    rows: list[np.ndarray] = []
    for begin in range(0, len(faces), 32):
        indices = range(begin, min(begin + 32, len(faces)))
        pictures = np.stack([draw_sample(faces, i, rng, 128, jitter=0).image for i in indices])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
            rows.append(torch.softmax(network(x) / TEMPERATURE, 1).float().numpy())
    weights = np.concatenate(rows).astype(np.float32)
    files = [record.file for record in faces]
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(cache, files=np.array(files), weights=weights)
    return dict(zip(files, weights, strict=True))
