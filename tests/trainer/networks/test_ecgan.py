import pytest
import torch
from torch import nn

from ecgan.trainer.networks.ecgan import AtrousChain, Ecgan, EcganBaseline, centre_crop


@pytest.fixture(scope="module")
def generator() -> Ecgan:
    torch.manual_seed(0)
    return Ecgan().eval()


@torch.no_grad()
def test_one_hot_weights_are_the_label(generator: Ecgan) -> None:
    picture = torch.rand(2, 6, 32, 32) * 2 - 1
    one_hot = torch.eye(7)[[2, 6]]
    found = generator(picture, one_hot)
    torch.testing.assert_close(found, generator(picture, torch.tensor([2, 6])), rtol=0, atol=1e-6)
    assert found.abs().max() < 1


@torch.no_grad()
def test_output_is_rounded_down_to_a_multiple_of_32(generator: Ecgan) -> None:
    assert generator(torch.zeros(1, 6, 70, 102), torch.tensor([0])).shape == (1, 3, 64, 96)


def test_a_picture_that_is_too_small_is_refused(generator: Ecgan) -> None:
    with pytest.raises(ValueError, match="picture of 64x31 is too small, 32 is the least side"):
        generator(torch.zeros(1, 6, 31, 64), torch.tensor([0]))


def test_a_missing_label_is_refused(generator: Ecgan) -> None:
    with pytest.raises(ValueError, match="7 classes and needs a label"):
        generator(torch.zeros(1, 6, 32, 32))


def test_centre_crop_cuts_where_the_published_code_cuts() -> None:
    row = torch.arange(25.0).expand(1, 1, 17, 25)
    # Half of 25 rounded down is 12; half of 24 is 12: the crop starts at 0, not at 0.5 or 1.
    assert centre_crop(row, 16, 24)[0, 0, 0, 0] == 0
    assert centre_crop(row, 16, 20)[0, 0, 0].tolist() == list(range(2, 22))


@torch.no_grad()
def test_own_norms_train_alike_but_remember_each_layer() -> None:
    torch.manual_seed(0)
    shared, own = AtrousChain(16).train(), AtrousChain(16, shared_norm=False).train()
    convolutions = {k: v for k, v in shared.state_dict().items() if "aconv" in k}
    own.load_state_dict(convolutions, strict=False)
    x = torch.randn(4, 16, 8, 8)
    trained = own(x)
    torch.testing.assert_close(trained, shared(x))
    assert [int(norm.num_batches_tracked or 0) for _, norm in own.stages()] == [1, 1, 1, 1]
    assert shared.batchnorm.num_batches_tracked == 4
    # Once settled, each layer's own statistics make evaluation agree with training (up to the
    # unbiased variance); one set for four layers cannot.
    for _ in range(150):
        own(x)
        shared(x)
    assert float((own.eval()(x) - trained).abs().max()) < 0.1
    assert float((shared.eval()(x) - trained).abs().max()) > 1


def test_dropout_is_in_three_blocks_and_can_be_switched_off() -> None:
    with torch.device("meta"):
        plain = [name for name, part in Ecgan().named_modules() if isinstance(part, nn.Dropout)]
        without = [part for part in Ecgan(dropout=0.0).modules() if isinstance(part, nn.Dropout)]
    assert plain == ["contract1.dropout", "contract2.dropout", "contract3.dropout"]
    assert without == []


def test_baseline_ignores_the_label() -> None:
    baseline = EcganBaseline().eval()
    picture = torch.rand(1, 6, 32, 32)
    with torch.no_grad():
        assert torch.equal(baseline(picture), baseline(picture, torch.tensor([3])))
