"""Inception against torch-fidelity's, run once on the same weights and picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ecgan.engine.errors import ModelMismatch, ModelMissing
from ecgan.trainer.evaluate.inception import Inception, load_inception

EXPECTED = [4.254039764, 4.764229774, 0.555899143, 0.368739575, 0.353524833, 0.213355198]
"""First features by torch-fidelity 0.4.0, ``inception-v3-compat``, on ``weights()``; all together have
the mean below."""
EXPECTED_MEAN = 1.921348690


def weights() -> dict[str, Tensor]:
    """Seeded weights under which nothing dies out and nothing explodes."""
    rng, state = np.random.default_rng(0), {}
    for name, tensor in Inception().state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("conv.weight"):
            scale = np.float32((2 / tensor[0].numel()) ** 0.5)
            value = rng.standard_normal(tensor.shape, dtype=np.float32) * scale
        elif name.endswith("running_var"):
            value = rng.uniform(0.5, 1.5, tensor.shape).astype(np.float32)
        elif name.endswith("bn.weight"):
            value = rng.uniform(0.8, 1.2, tensor.shape).astype(np.float32)
        else:
            value = (0.1 * rng.standard_normal(tensor.shape)).astype(np.float32)
        state[name] = torch.from_numpy(value)
    return state


def test_features_are_those_of_the_published_graph(tmp_path: Path) -> None:
    path = tmp_path / "inception.pth"
    # as it is passed on, the file also holds the classes' layer
    torch.save(
        weights() | {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}, path
    )
    network = load_inception(path)
    y, x = np.mgrid[:256, :256]
    picture = np.stack([(x + y) // 2, 255 - x, (y * 3) % 256]).astype(np.float32)
    with torch.no_grad():
        [features] = network(torch.from_numpy(picture)[None] / 127.5 - 1)
    assert features.shape == (2048,)
    assert features[:6].tolist() == pytest.approx(EXPECTED, rel=1e-4)
    assert features.mean().item() == pytest.approx(EXPECTED_MEAN, rel=1e-5)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    with pytest.raises(ModelMissing, match=r"other\.pth"):
        load_inception(path)
    torch.save({"conv.weight": torch.zeros(1)}, path)
    with pytest.raises(ModelMismatch, match="not the Inception of published"):
        load_inception(path)
    torchvision_s = {k: torch.zeros(1) for k in weights()} | {"AuxLogits.fc.weight": torch.zeros(1)}
    torch.save(torchvision_s, path)
    with pytest.raises(ModelMismatch, match="not the Inception of published"):
        load_inception(path)
    torch.save({k: torch.zeros(1) for k in weights()}, path)
    with pytest.raises(ModelMismatch, match="other shapes"):
        load_inception(path)
