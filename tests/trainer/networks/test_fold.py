import pytest
import torch
from torch import nn

from ecgan.trainer.networks.ecgan import Ecgan, EcganBaseline
from ecgan.trainer.networks.fold import fold_for_export


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def unsettle(network: Ecgan) -> Ecgan:
    """Give the batch norms statistics that are not those of the start."""
    generator = torch.Generator().manual_seed(1)
    for _, norm in network.atrous_conv.stages():
        for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
            assert tensor is not None
            tensor.uniform_(0.3, 1.5, generator=generator)
    return network


@pytest.mark.parametrize(("size", "shared_norm"), [(64, False), (288, True)])
@torch.no_grad()
def test_folding_keeps_the_output_at_other_sizes(size: int, shared_norm: bool) -> None:
    """At 64 px all four dilations reach only padding, at 288 px only the last."""
    torch.manual_seed(0)
    source = unsettle(Ecgan(shared_norm=shared_norm)).eval()
    folded = fold_for_export(source, size)
    kernels = [part.kernel_size[0] for part in folded.network.atrous_conv if hasattr(part, "bias")]
    assert kernels == ([1, 1, 1, 1] if size == 64 else [3, 3, 3, 1])
    picture = torch.rand(1, 6, size, size) * 2 - 1
    weights = torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(
        folded(picture, weights), source(picture, weights), rtol=0, atol=1e-4
    )


@torch.no_grad()
def test_folding_saves_thirty_percent_and_leaves_the_source_alone() -> None:
    torch.manual_seed(0)
    source = unsettle(EcganBaseline()).train()
    before = {name: tensor.clone() for name, tensor in source.state_dict().items()}
    folded = fold_for_export(source)
    # Dead taps; batch norm; five and four cancelled biases.
    dead_taps, norm = 2 * 8 * 1024 * 1024, 2 * 1024
    cancelled = (128 + 256 + 512 + 1024) + (512 + 256 + 128 + 64 + 32)
    assert parameters(folded) == 56_625_859 - dead_taps - norm - cancelled
    assert parameters(folded) / parameters(source) == pytest.approx(0.704, abs=0.001)
    assert source.training
    assert all(torch.equal(before[k], v) for k, v in source.state_dict().items())
    picture = torch.rand(1, 6, 256, 256) * 2 - 1
    torch.testing.assert_close(folded(picture), source.eval()(picture), rtol=0, atol=1e-4)


def test_another_size_is_refused() -> None:
    with torch.device("meta"):
        source = Ecgan()
        folded = fold_for_export(source, 64)
    with pytest.raises(ValueError, match="size 250 is not a multiple of 32"):
        fold_for_export(source, 250)
    with pytest.raises(ValueError, match="picture of 96x64, but the network is folded for 64"):
        folded(torch.zeros(1, 6, 64, 96), torch.tensor([0]))
    with pytest.raises(ValueError, match="needs a label"):
        folded(torch.zeros(1, 6, 64, 64))
