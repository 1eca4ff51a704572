"""The paper's training: what is updated when, on what, and that it learns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ecgan.engine.errors import ConfigError, DatasetError, ModelMismatch
from ecgan.trainer.checkpoint import small_checkpoint
from ecgan.trainer.losses.adversarial import bce_generator, composite
from ecgan.trainer.losses.reconstruction import reconstruction
from ecgan.trainer.networks.ecgan import Ecgan, EcganBaseline
from ecgan.trainer.networks.patch_discriminator import WholeDiscriminator
from ecgan.trainer.networks.warm_start import begin_from_similar
from ecgan.trainer.recipes import RECIPES
from ecgan.trainer.recipes.paper import BaselineRecipe, PaperConfig, PaperRecipe


def tiny(kind: type[PaperRecipe] = PaperRecipe, **changes: Any) -> PaperRecipe:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # so small a network only waits for a second one
    recipe = kind(PaperConfig(**{**kind.presets["tiny"], "size": 32, "dropout": 0.0, **changes}))
    recipe.wire(Fabric(accelerator="cpu", devices=1))
    return recipe


def drawn_batch(count: int = 2, size: int = 32) -> dict[str, Tensor]:
    """Random faces, the lower half masked in blue."""
    random = torch.Generator().manual_seed(0)
    face = torch.randint(0, 256, (count, size, size, 3), generator=random, dtype=torch.uint8)
    masked, mask = face.clone(), torch.zeros(count, size, size)
    masked[:, size // 2 :] = torch.tensor([120, 170, 215], dtype=torch.uint8)
    mask[:, size // 2 :] = 1
    weights = torch.eye(7)[torch.arange(count) % 7]
    return {
        "face": face,
        "masked": masked,
        "mask": mask,
        "valid": torch.ones(count, size, size),
        "weights": weights,
    }


def moved(recipe: PaperRecipe, batch: Mapping[str, Tensor], seen: int) -> set[str]:
    """Modules that a step changes."""
    before = {
        name: [p.detach().clone() for p in module.parameters()]
        for name, module in recipe.modules.items()
    }
    recipe.step(batch, seen)
    return {
        name
        for name, module in recipe.modules.items()
        if any(
            not torch.equal(a, b) for a, b in zip(before[name], module.parameters(), strict=True)
        )
    }


def test_the_discriminators_take_their_turns_and_the_mask_s_joins_at_its_share() -> None:
    recipe = tiny(batch=2, samples=40, discriminator_every=5, mask_from=0.5)
    batch = drawn_batch()
    assert moved(recipe, batch, 0) == {"generator", "whole"}
    assert moved(recipe, batch, 2) == {"generator"}
    assert moved(recipe, batch, 18) == {"generator"}
    assert moved(recipe, batch, 20) == {"generator", "whole", "mask"}
    assert "g_mask" not in recipe.step(batch, 18)
    assert "g_mask" in recipe.step(batch, 22)


def test_a_step_is_one_forward_pass_and_the_mask_s_discriminator_sees_composites_alone() -> None:
    recipe = tiny(batch=2, samples=2, mask_from=0.0)
    batch = drawn_batch()
    calls: dict[str, list[Tensor]] = {name: [] for name in recipe.modules}
    for name, module in recipe.modules.items():
        module.register_forward_pre_hook(
            lambda _module, inputs, name=name: calls[name].append(inputs[0].detach().clone())
        )
    recipe.step(batch, 0)
    assert len(calls["generator"]) == 1
    # Real and painted in one call for the discriminator's turn, the painted for the generator's.
    assert [len(seen) for seen in calls["mask"]] == [4, 2]
    masked = batch["masked"].permute(0, 3, 1, 2).float() / 127.5 - 1
    for seen in (calls["mask"][0][2:], calls["mask"][1]):
        assert torch.equal(seen[..., :16, :], masked[..., :16, :])
        assert not torch.equal(seen[..., 16:, :], masked[..., 16:, :])
    assert not torch.equal(calls["whole"][1][..., :16, :], masked[..., :16, :])
    torch.testing.assert_close(calls["mask"][1], calls["mask"][0][2:])


def test_the_generator_s_loss_is_the_paper_s_sum() -> None:
    recipe = tiny(batch=2, samples=2, mask_from=0.0, discriminator_every=3)
    batch = drawn_batch()
    face, masked = (batch[k].permute(0, 3, 1, 2).float() / 127.5 - 1 for k in ("face", "masked"))
    binary, label = batch["mask"][:, None] * 2 - 1, batch["weights"]
    picture = torch.cat([masked, binary.expand(-1, 3, -1, -1)], 1)
    total: list[Tensor] = []
    update = recipe.update

    def spy(name: str, loss: Tensor, *, clip: float = 0.0) -> Tensor:
        total.append(loss.detach().clone())
        return update(name, loss, clip=clip)

    recipe.update = spy  # type: ignore[method-assign]
    modules = recipe.modules
    with torch.no_grad():
        fake = modules["generator"].train()(picture, label)
        whole = bce_generator(modules["whole"](fake, picture, label))
        modules["mask"].eval()  # its dropout would draw anew
        pasted = composite(masked, fake, binary)
        mask = bce_generator(modules["mask"](pasted, picture, label))
        wanted = 100 * reconstruction(fake, face) + 0.3 * whole + 0.7 * mask
    log = recipe.step(batch, 2)
    assert len(total) == 1  # step 1: no discriminator's turn
    torch.testing.assert_close(total[0], wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(log["g_mask"], mask, rtol=1e-4, atol=1e-4)


def test_what_is_no_photo_is_not_judged() -> None:
    recipe = tiny(batch=2, samples=2)
    batch = drawn_batch() | {"valid": torch.zeros(2, 32, 32)}
    assert float(recipe.step(batch, 2)["reconstruction"]) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("kind", [PaperRecipe, BaselineRecipe])
def test_a_tiny_network_learns_four_faces(kind: type[PaperRecipe], faces_folder: Path) -> None:
    recipe = tiny(kind, data=str(faces_folder), samples=200, learning_rate=3e-3)
    samples = recipe.open_data(faces_folder)
    items = [samples.draw(row, np.random.default_rng(row)) for row in range(4)]
    batch = {key: torch.from_numpy(np.stack([i[key] for i in items])) for key in items[0]}
    losses = [float(recipe.step(batch, 4 * n)["reconstruction"]) for n in range(30)]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    found = recipe.validate(recipe.modules["generator"].eval())
    assert found.figures.keys() == {"val_psnr", "val_ssim"}
    assert 3 < found.figures["val_psnr"] < 40
    # masked, paint, seven expressions where there are any, truth
    assert {len(row) for row in found.rows} == {10 if recipe.knows_expressions else 3}


def test_outside_the_mask_a_sample_is_the_truth_and_unlabelled_faces_stay_out(
    faces_folder: Path,
) -> None:
    samples = tiny(data=str(faces_folder)).open_data(faces_folder)
    everybody = tiny(BaselineRecipe, data=str(faces_folder)).open_data(faces_folder)
    assert len(everybody.weights) == 24
    assert 0 < len(samples.weights) < 24
    for row in range(len(samples.weights)):
        item = samples.draw(row, np.random.default_rng(row))
        assert item["weights"].sum() == 1
        bare = item["mask"] == 0
        np.testing.assert_array_equal(item["masked"][bare], item["face"][bare])
        assert (item["masked"] != item["face"]).any()


def test_data_without_any_label_is_refused(faces_folder: Path, tmp_path: Path) -> None:
    table = (faces_folder / "faces" / "faces.csv").read_text().splitlines()
    (tmp_path / "faces").mkdir()
    bare = [table[0], *(line.rsplit(",", 1)[0] + "," for line in table[1:])]
    (tmp_path / "faces" / "faces.csv").write_text("\n".join(bare))
    (tmp_path / "faces" / "drawn.tar").symlink_to(faces_folder / "faces" / "drawn.tar")
    with pytest.raises(DatasetError, match="no face has an expression") as caught:
        tiny(data=str(tmp_path)).open_data(tmp_path)
    assert "ecgan-baseline" in str(caught.value.hint)


@pytest.mark.slow
def test_the_paper_s_preset_runs_its_real_network() -> None:
    """56.6 million weights for three steps of one face, the mask's discriminator from the second."""
    changes = {"batch": 1, "samples": 2, "size": 64, "teachers": "", "discriminator_every": 1}
    recipe = PaperRecipe(PaperConfig(**{**PaperRecipe.presets["paper"], **changes}))
    recipe.wire(Fabric(accelerator="cpu", devices=1))
    assert isinstance(recipe.modules["generator"], Ecgan)
    count = sum(p.numel() for p in recipe.modules["generator"].parameters())
    assert round(count / 1e6, 2) == 56.63
    first, second, third = (recipe.step(drawn_batch(1, 64), seen) for seen in range(3))
    assert all(np.isfinite(float(v)) for log in (first, second, third) for v in log.values())
    assert "d_mask" in second
    assert float(third["reconstruction"]) < float(first["reconstruction"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 48}, "size '48' is not a multiple of 32"),
        ({"width": 12}, "width '12' is not a multiple of 8"),
        ({"discriminator_every": 0}, "'discriminator_every' has value '0', expected 1 or more"),
        ({"feature_network": "vgg19"}, "feature_network 'vgg19' has no weights"),
        ({"dropout": 1.5}, "'dropout' has value '1.5', expected 0 to 1"),
    ],
)
def test_values_that_build_no_network_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PaperRecipe(PaperConfig(**{**PaperRecipe.presets["tiny"], **changes}))


def test_the_registry_knows_both() -> None:
    assert RECIPES["ecgan"] is PaperRecipe
    assert RECIPES["ecgan-baseline"] is BaselineRecipe


@torch.no_grad()
def test_a_run_begins_from_the_baseline_with_small_labels() -> None:
    torch.manual_seed(0)
    baseline = EcganBaseline(width=8).eval()
    network = Ecgan(width=8, shared_norm=False).eval()
    begin_from_similar(network, baseline.state_dict())
    picture = torch.rand(1, 6, 64, 64) * 2 - 1
    gap = (network(picture, torch.tensor([3])) - baseline(picture)).abs().mean()
    other = (Ecgan(width=8).eval()(picture, torch.tensor([3])) - baseline(picture)).abs().mean()
    assert 0 < gap < 0.3 * other
    judge, plain = WholeDiscriminator(), WholeDiscriminator(classes=0)
    begin_from_similar(judge, plain.state_dict())
    assert torch.equal(judge.upfeature.conv.weight[:, :9], plain.upfeature.conv.weight)
    with pytest.raises(ModelMismatch, match="not those of a Ecgan"):
        begin_from_similar(network, nn.Linear(2, 2).state_dict())


def test_a_run_begins_from_a_checkpoint_of_the_paper_s_code() -> None:
    torch.manual_seed(1)
    saved = Ecgan(width=8)
    recipe = tiny(shared_norm=True)
    whole = WholeDiscriminator()
    recipe.begin_from({"gen": saved.state_dict(), "disc_whole": whole.state_dict()})
    for module, wanted in (("generator", saved), ("whole", whole)):
        found = recipe.modules[module].state_dict()
        assert all(torch.equal(found[name], value) for name, value in wanted.state_dict().items())


def test_a_small_checkpoint_keeps_all_that_a_run_begins_with() -> None:
    source = tiny()
    state = {"ema": source.modules["generator"].state_dict(), "optimizers": {}}
    state |= {name: source.modules[name].state_dict() for name in ("whole", "mask")}
    recipe = tiny()
    for module in recipe.modules.values():
        for parameter in module.parameters():
            nn.init.zeros_(parameter)
    recipe.begin_from(small_checkpoint(state))
    for name, module in recipe.modules.items():
        for key, value in source.modules[name].state_dict().items():
            torch.testing.assert_close(module.state_dict()[key], value, rtol=1e-3, atol=1e-4)
