"""From a checkpoint to a model folder that the engine takes, in both precisions."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ecgan.engine.errors import InputError, ModelMismatch, ModelMissing, OptionError, OutputError
from ecgan.engine.models import GENERATOR, SEGMENTER, load_manifest, verified_path
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import U8, FaceStatus
from ecgan.trainer.checkpoint import save_checkpoint
from ecgan.trainer.export import RANGES, ModelFile, check, export_checkpoint
from ecgan.trainer.export import folder as folder_module
from ecgan.trainer.export.crops import photo_crops, random_crops, training_crops
from ecgan.trainer.export.folder import describe
from ecgan.trainer.export.trained import read_trained
from ecgan.trainer.export.write import Exported
from ecgan.trainer.networks.ecgan import Ecgan, EcganBaseline

from .conftest import small_network

ROOT = Path(__file__).resolve().parents[3]
ASTRONAUT = ROOT / "examples" / "astronaut.jpg"

CONFIGS: dict[str, dict[str, Any]] = {
    "ecgan-fast": {"widths": (8, 8, 16, 16), "head": 8},
    "segmenter": {"widths": (4, 4, 8, 8, 8), "photo_share": 0.3},
    "ecgan": {"width": 8, "shared_norm": True},
}


def checkpoint(folder: Path, name: str, *, named: bool = True) -> Path:
    """As ecgan train writes it; the first version did not name the network."""
    state = {"ema": small_network(name).state_dict(), "config": CONFIGS[name], "seen": 64}
    save_checkpoint(folder / f"{name}.pt", state | ({"network": name} if named else {}))
    return folder / f"{name}.pt"


@pytest.mark.slow
def test_a_checkpoint_becomes_a_folder_that_unmask_takes_in_both_precisions(
    tmp_path: Path, masked_photo: U8
) -> None:
    folder = tmp_path / "models"
    exported = export_checkpoint(
        checkpoint(tmp_path, "ecgan"), folder, licence="mine", photos=[ASTRONAUT]
    )
    assert exported.figures["fp16_psnr"] >= check.MIN_PSNR
    manifest = load_manifest(folder)
    assert {m.kind for m in manifest.models} == {"segmenter", "generator", "detector"}
    assert manifest.models[0].name == "ecgan"
    for row in manifest.models:
        for precision in ("fp32", *row.precisions):
            assert verified_path(folder, row, precision).is_file()
    entry = manifest.of_kind(GENERATOR)
    assert (entry.licence, entry.samples_seen, entry.auto) == ("mine", 64, False)
    assert entry.precisions == {"fp16": "ecgan.fp16.onnx"}
    mask = np.zeros(masked_photo.shape[:2], np.float32)
    mask[100:, :] = 1
    results = []
    for precision in ("fp32", "fp16"):
        with Unmasker(models=folder, device="cpu", threads=2, precision=precision) as unmasker:
            found = unmasker.unmask(masked_photo, "happy", mask=mask)
            assert [face.status for face in found.faces] == [FaceStatus.CHANGED]
            results.append(found.image.astype(int))
            with pytest.raises(OptionError, match="cannot do expression 'auto'"):
                unmasker.unmask(masked_photo, mask=mask)
    assert (results[0] != masked_photo).any()
    assert np.abs(results[0] - results[1]).max() <= 3


def test_a_second_generator_is_the_default_and_the_first_stays(
    exports: dict[str, tuple[nn.Module, Exported]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def copied(
        _network: nn.Module, target: Path, name: str, _crops: U8, *, half: bool, **_: Any
    ) -> Exported:
        made = exports[name][1].full
        path = Path(shutil.copy(made.path, target))
        assert not half
        return Exported(ModelFile(path, made.sha256), None, {})

    monkeypatch.setattr(folder_module, "export_onnx", copied)
    folder, small = tmp_path / "models", tmp_path / "small.pt"
    for name, extra in (("segmenter", {}), ("ecgan", {}), ("ecgan-fast", {"small": small})):
        export_checkpoint(checkpoint(tmp_path, name), folder, licence="b", half=False, **extra)
    manifest = load_manifest(folder)
    assert [row.name for row in manifest.models[:3]] == ["ecgan-fast", "ecgan", "segmenter"]
    assert len(manifest.models) == 4  # and the detector
    assert manifest.of_kind(GENERATOR).precisions == {}
    assert read_trained(small).samples_seen == 64
    with pytest.raises(OptionError, match="has no 'fp16' file, only fp32") as caught:
        Unmasker(models=folder, precision="fp16").describe()
    assert "ecgan export" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["ecgan-fast", "segmenter"])
def test_checkpoints_of_the_first_version_say_what_they_are_by_their_settings(
    tmp_path: Path, name: str
) -> None:
    trained = read_trained(checkpoint(tmp_path, name, named=False))
    assert (trained.name, trained.kind) == (name, SEGMENTER if name == SEGMENTER else GENERATOR)
    assert not trained.network.training


def hollow(network: type[Ecgan]) -> dict[str, Tensor]:
    with torch.device("meta"):
        state = network().state_dict()
    return {name: torch.full((), 0.5).expand(tensor.shape) for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("kind", "name", "auto", "classes"),
    [(Ecgan, "ecgan", False, 7), (EcganBaseline, "ecgan-baseline", True, 0)],
)
def test_a_checkpoint_of_the_paper_s_code_is_known_with_its_range(
    tmp_path: Path, kind: type[Ecgan], name: str, auto: bool, classes: int
) -> None:
    torch.save({"gen": hollow(kind), "gen_opt": {}}, tmp_path / "36400.pth")
    trained = read_trained(tmp_path / "36400.pth", "imagenet")
    assert trained.scale == RANGES["imagenet"]
    file = ModelFile(tmp_path / f"{name}.onnx", "0" * 64)
    row = asdict(describe(trained, Exported(file, None, {"x": 1.0}), "unstated"))
    assert (row["name"], row["auto"], len(row["classes"])) == (name, auto, classes)
    assert row["gflop"] == pytest.approx(32.1, abs=0.06)
    assert round(row["parameters"] / 1e6, 2) == 56.63
    assert row["origin"] == "checkpoint of the paper's own code"


@pytest.mark.parametrize(
    "state",
    [
        {"ema": {}},
        {"ema": {"x": torch.zeros(1)}, "config": {"widths": (4, 4, 8, 8, 8)}},
        {"ema": {}, "config": {}, "network": "resnet"},
        {"model": 3},
    ],
)
def test_foreign_checkpoints_are_refused_and_nothing_is_written(
    tmp_path: Path, state: dict[str, Any]
) -> None:
    save_checkpoint(tmp_path / "x.pt", state)
    with pytest.raises(ModelMismatch, match="not a checkpoint of ecgan train, nor of the paper"):
        export_checkpoint(tmp_path / "x.pt", tmp_path / "m", licence="none")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(("size", "side"), [(None, 256), (128, 128)])
def test_the_paper_s_network_keeps_the_side_it_was_trained_at(
    tmp_path: Path, size: int | None, side: int
) -> None:
    state = {"network": "ecgan", "ema": small_network("ecgan").state_dict()}
    config = CONFIGS["ecgan"] | ({} if size is None else {"size": size})
    save_checkpoint(tmp_path / "x.pt", state | {"config": config})
    assert read_trained(tmp_path / "x.pt").scale.side == side


def test_a_side_that_does_not_divide_the_crop_is_refused(tmp_path: Path) -> None:
    state = {"network": "ecgan", "ema": small_network("ecgan").state_dict()}
    save_checkpoint(tmp_path / "x.pt", state | {"config": CONFIGS["ecgan"] | {"size": 96}})
    with pytest.raises(ModelMismatch, match="trained at 96 px, which does not divide 256"):
        read_trained(tmp_path / "x.pt")


def test_mistakes_are_named(tmp_path: Path) -> None:
    ours = checkpoint(tmp_path, "segmenter")
    with pytest.raises(OptionError, match=r"pictures are always -1\.\.1") as caught:
        read_trained(ours, "imagenet")
    assert caught.value.hint == "leave --input-range out"
    with pytest.raises(OptionError, match="unknown input range 'bytes'"):
        read_trained(ours, "bytes")
    with pytest.raises(ModelMissing, match="does not exist"):
        read_trained(tmp_path / "gone.pt")
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="cannot write to"):
        export_checkpoint(ours, tmp_path / "taken", licence="none")


def test_crops_are_aligned_faces_and_the_random_ones_never_change(
    faces_folder: Path, tmp_path: Path
) -> None:
    assert random_crops().shape == (4, 256, 256, 3)
    np.testing.assert_array_equal(random_crops(), random_crops())
    [face] = photo_crops([ASTRONAUT])
    assert face.shape == (256, 256, 3)
    assert training_crops([str(faces_folder)]).shape == (8, 256, 256, 3)
    assert training_crops([str(tmp_path / "gone")]).shape == (0, 256, 256, 3)
    Image.new("RGB", (300, 200)).save(tmp_path / "black.png")
    with pytest.raises(InputError, match="no face is found"):
        photo_crops([tmp_path / "black.png"])
