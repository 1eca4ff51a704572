"""What every network promises, over the whole registry."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ecgan.trainer.networks import NETWORKS

FACE, PICTURE, LABEL = (2, 3, 32, 32), (2, 6, 32, 32), torch.tensor([3, 5])


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


# Name -> inputs for two faces, and the shape of the (first) output.
CASES: dict[str, tuple[tuple[Tensor, ...], tuple[int, ...]]] = {
    "ecgan-fast": (
        (noise(2, 3, 256, 256), torch.ones(2, 1, 256, 256), torch.eye(7)[:2]),
        (2, 3, 256, 256),
    ),
    "segmenter": ((noise(2, 3, 256, 256),), (2, 1, 256, 256)),
    "ecgan": ((noise(*PICTURE), LABEL), FACE),
    "ecgan-baseline": ((noise(*PICTURE),), FACE),
    "expression-judge": ((noise(2, 3, 53, 40),), (2, 7)),
    "ecgan-disc-whole": ((noise(*FACE), noise(*PICTURE), LABEL), (2, 1, 2, 2)),
    "ecgan-disc-mask": ((noise(*FACE), noise(*PICTURE), LABEL), (2, 1, 2, 2)),
}


def first(found: Tensor | tuple[Tensor, ...]) -> Tensor:
    return found if isinstance(found, Tensor) else found[0]


def test_every_network_has_a_case() -> None:
    assert CASES.keys() == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_answers_each_face_by_itself_and_learns_with_all_its_weights(name: str) -> None:
    """Built without arguments; a batch must not change an answer in evaluation mode."""
    inputs, shape = CASES[name]
    torch.manual_seed(0)
    network: nn.Module = NETWORKS[name]().eval()
    with torch.no_grad():
        together = first(network(*inputs))
        alone = first(network(*(part[:1] for part in inputs)))
    assert together.shape == shape
    torch.testing.assert_close(alone, together[:1], rtol=1e-3, atol=1e-4)

    before = {key: tensor.clone() for key, tensor in network.named_parameters()}
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
    first(network.train()(*inputs)).square().mean().backward()
    lost = [key for key, parameter in network.named_parameters() if parameter.grad is None]
    assert not lost
    optimiser.step()
    assert any(not torch.equal(before[key], p) for key, p in network.named_parameters())
    assert all(torch.isfinite(p).all() for p in network.parameters())
