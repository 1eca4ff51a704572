import pytest
import torch

from ecgan.trainer.networks.patch_discriminator import (
    MaskDiscriminator,
    PatchDiscriminator,
    WholeDiscriminator,
)


def test_logits_are_one_for_each_16_pixels() -> None:
    network = WholeDiscriminator()
    logits = network(torch.zeros(2, 3, 96, 64), torch.zeros(2, 6, 96, 64), torch.tensor([0, 6]))
    assert logits.shape == (2, 1, 6, 4)


def test_only_the_mask_discriminator_drops_values() -> None:
    torch.manual_seed(0)
    face, picture, label = torch.rand(1, 3, 32, 32), torch.rand(1, 6, 32, 32), torch.tensor([1])
    whole, mask = WholeDiscriminator().train(), MaskDiscriminator().train()
    assert torch.equal(whole(face, picture, label), whole(face, picture, label))
    assert not torch.equal(mask(face, picture, label), mask(face, picture, label))


def test_without_classes_there_is_no_label() -> None:
    network = PatchDiscriminator(classes=0)
    assert network.upfeature.conv.in_channels == 9
    assert network(torch.zeros(1, 3, 32, 32), torch.zeros(1, 6, 32, 32)).shape == (1, 1, 2, 2)


def test_a_missing_label_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a label"):
        WholeDiscriminator()(torch.zeros(1, 3, 32, 32), torch.zeros(1, 6, 32, 32))
