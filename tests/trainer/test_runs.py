"""From a request to a plan, from a plan to stages that begin one from the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ecgan.engine.errors import ConfigError, OptionError
from ecgan.trainer import runs
from ecgan.trainer.checkpoint import load_checkpoint
from ecgan.trainer.recipes.generator import GeneratorRecipe


def names(plan: runs.Plan) -> tuple[str, ...]:
    return (plan.network, *(stage.name for stage in plan.stages))


def test_a_preset_finds_its_network_and_a_network_its_first_preset() -> None:
    chain = ("ecgan-fast", "recon", "coarse", "labelled", "exact", "fine")
    for network, preset, wanted in [
        (None, None, chain),
        (None, "fast", chain),
        ("ecgan-fast", None, chain),
        (None, "paper", ("ecgan", "paper")),
        (None, "tiny", ("ecgan-fast", "tiny")),
        ("ecgan", "tiny", ("ecgan", "tiny")),
        ("ecgan-baseline", None, ("ecgan-baseline", "paper")),
        ("segmenter", None, ("segmenter", "drawn")),
    ]:
        assert names(runs.make_plan(network, preset, None, {})) == wanted


def test_unknown_networks_and_presets_are_named() -> None:
    with pytest.raises(
        OptionError, match="unknown preset 'course' of ecgan-fast; choose"
    ) as caught:
        runs.make_plan(None, "course", None, {})
    assert caught.value.hint == "did you mean 'coarse'?"
    with pytest.raises(OptionError, match="unknown network 'segmentor'"):
        runs.make_plan("segmentor", None, None, {})


def test_a_table_holds_for_its_stage_alone(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text("batch = 6\n[fine]\nbatch = 2\nsize = 256\n")
    plan = runs.make_plan(None, "fast", path, {"start": "here.pt", "seed": 3})
    assert [stage.config.batch for stage in plan.stages] == [6, 6, 6, 6, 2]
    assert [stage.config.start for stage in plan.stages] == ["here.pt", "", "", "", ""]
    assert {stage.config.seed for stage in plan.stages} == {3}
    path.write_text(plan.as_toml())
    assert runs.make_plan(None, "fast", path, {"start": "here.pt"}) == plan
    path.write_text("[fines]\nbatch = 2\n")
    with pytest.raises(ConfigError, match="table 'fines' is for no stage of this plan") as caught:
        runs.make_plan(None, "fast", path, {})
    assert caught.value.hint == "did you mean 'fine'?"


@pytest.mark.slow
def test_stages_begin_one_from_the_other(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = GeneratorRecipe.presets["tiny"]
    short = {"samples": 8, "reconstruction_only": 4, "learning_rate": 1e-9, "device": "cpu"}
    presets = {"coarse": {**tiny, **short}, "fine": {**tiny, **short, "size": 256}}
    monkeypatch.setattr(GeneratorRecipe, "presets", presets)
    monkeypatch.setattr(GeneratorRecipe, "chains", {"both": ("coarse", "fine")})
    plan = runs.make_plan(None, "both", None, {"data": str(faces_folder)})
    runs.train(plan, tmp_path)
    coarse, fine = (load_checkpoint(tmp_path / name) for name in ("coarse", "fine"))
    assert (coarse["config"]["size"], fine["config"]["size"]) == (64, 256)
    for name, value in coarse["generator"].items():
        if name.endswith("weight"):  # nothing was learned at that rate: it is where it began
            assert torch.allclose(value, fine["generator"][name], atol=1e-5), name
    # the discriminators of another size are new
    assert coarse["whole"]["layers.0.weight"].shape != fine["whole"]["layers.0.weight"].shape
    lines = (tmp_path / "fine" / "metrics.jsonl").read_text().splitlines()
    assert "val_psnr" in json.loads(lines[-1])
    assert list((tmp_path / "fine").glob("samples_*.png"))
    runs.train(plan, tmp_path)  # all is there: nothing to do
    assert (tmp_path / "fine" / "metrics.jsonl").read_text().splitlines() == lines
