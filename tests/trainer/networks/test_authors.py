from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ecgan.engine.errors import ModelMismatch, ModelMissing
from ecgan.trainer.checkpoint import load_checkpoint
from ecgan.trainer.networks.authors import generator_of
from ecgan.trainer.networks.ecgan import Ecgan, EcganBaseline
from ecgan.trainer.networks.patch_discriminator import MaskDiscriminator, WholeDiscriminator


def authors_file(path: Path, generator: dict[str, Any]) -> Path:
    """A checkpoint as the paper's code writes it, its Adam states after one step."""
    document: dict[str, Any] = {"gen": generator, "gen_opt": {"state": {}, "param_groups": []}}
    for name, network in (("disc_whole", WholeDiscriminator()), ("disc_mask", MaskDiscriminator())):
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
        sum(p.sum() for p in network.parameters()).backward()
        optimiser.step()
        document |= {name: network.state_dict(), f"{name}_opt": optimiser.state_dict()}
    torch.save(document, path)
    return path


def read(path: Path) -> Ecgan:
    return generator_of(load_checkpoint(path), path)


def hollow(network: type[nn.Module]) -> dict[str, Tensor]:
    """A state dictionary of the right shapes that takes no room: each tensor is one number."""
    with torch.device("meta"):
        state = network().state_dict()
    return {name: torch.full((), 0.5).expand(tensor.shape) for name, tensor in state.items()}


def test_a_checkpoint_gives_the_generator_it_was_saved_from(tmp_path: Path) -> None:
    torch.manual_seed(0)
    saved = Ecgan().eval()
    found = read(authors_file(tmp_path / "37.pth", saved.state_dict()))
    picture, label = torch.rand(1, 6, 32, 32) * 2 - 1, torch.tensor([4])
    with torch.no_grad():
        assert torch.equal(found(picture, label), saved(picture, label))
    assert not found.training


def test_a_file_without_label_table_is_the_baseline(tmp_path: Path) -> None:
    path = authors_file(tmp_path / "base.pth", hollow(EcganBaseline))
    assert isinstance(read(path), EcganBaseline)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"checkpoint '.*none\.pth' does not exist"):
        read(tmp_path / "none.pth")


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    torch.save({"gen": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(ModelMismatch, match="is not a checkpoint"):
        read(tmp_path / "bomb.pth")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 cut short"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(ModelMismatch, match="is not a checkpoint"):
        read(path)


def test_missing_and_wrong_entries_are_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.pth"
    torch.save({"model": {}, "epoch": 3}, path)
    with pytest.raises(ModelMismatch, match="has no 'gen', found 'model', 'epoch'"):
        read(path)
    torch.save([1, 2], path)
    with pytest.raises(ModelMismatch, match="holds a 'list', expected a dictionary"):
        read(path)
    torch.save({"gen": 3}, path)
    with pytest.raises(ModelMismatch, match=r"'gen' of '.*' is not a state dictionary"):
        read(path)

    state = hollow(Ecgan)
    del state["se1.excitation.0.weight"]
    torch.save({"gen": state}, path)
    with pytest.raises(ModelMismatch, match=r"lacks 'se1\.excitation\.0\.weight'$"):
        read(path)
    torch.save({"gen": hollow(Ecgan) | {"extra": torch.zeros(1), "more": torch.zeros(1)}}, path)
    with pytest.raises(ModelMismatch, match="has the unknown 'extra' and 1 more"):
        read(path)
    torch.save({"gen": hollow(Ecgan) | {"label_emb.weight": torch.zeros(8, 7)}}, path)
    with pytest.raises(ModelMismatch, match=r"has shape '\(8, 7\)', expected '\(7, 7\)'"):
        read(path)
