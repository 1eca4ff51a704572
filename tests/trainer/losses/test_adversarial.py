import math

import pytest
import torch

from ecgan.trainer.losses.adversarial import bce_discriminator, bce_generator, composite


def test_undecided_logits_cost_ln_2_on_both_sides() -> None:
    zeros = torch.zeros(2, 1, 4, 4)
    assert float(bce_generator(zeros)) == pytest.approx(math.log(2))
    assert float(bce_discriminator(zeros, zeros)) == pytest.approx(math.log(2))


def test_the_sides_pull_in_opposite_directions() -> None:
    sure = torch.full((1, 1, 2, 2), 20.0)
    assert float(bce_generator(sure)) < 1e-6
    assert float(bce_generator(-sure)) == pytest.approx(20)
    assert float(bce_discriminator(sure, -sure)) < 1e-6
    # The mean of both halves: a discriminator that takes everything for real is half wrong.
    assert float(bce_discriminator(sure, sure)) == pytest.approx(10)


def test_composite_takes_the_fake_inside_and_blends_linearly() -> None:
    masked, fake = torch.full((1, 3, 1, 3), -0.5), torch.full((1, 3, 1, 3), 0.5)
    binary = torch.tensor([-1.0, 0.0, 1.0]).expand(1, 1, 1, 3)
    wanted = torch.tensor([-0.5, 0.0, 0.5]).expand(1, 3, 1, 3)
    torch.testing.assert_close(composite(masked, fake, binary), wanted)


def test_composite_keeps_the_surroundings_exactly_and_gives_them_no_gradient() -> None:
    masked, fake = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4, requires_grad=True)
    binary = torch.full((1, 3, 4, 4), -1.0)
    binary[..., 2:] = 1
    pasted = composite(masked, fake, binary)
    assert torch.equal(pasted[..., :2], masked[..., :2])
    pasted.sum().backward()
    assert fake.grad is not None
    assert torch.equal(fake.grad, (binary + 1) / 2)
