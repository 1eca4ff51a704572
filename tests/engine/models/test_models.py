"""The manifest beside the model files, and the check that the files are those it names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ecgan.engine.errors import ModelMismatch, ModelMissing, OptionError
from ecgan.engine.models import (
    CLASSIFIER,
    DETECTOR,
    GENERATOR,
    SEGMENTER,
    Manifest,
    ModelEntry,
    load_manifest,
    model_folder,
    verified_path,
)
from ecgan.engine.models.manifest import MANIFEST_NAME


def entry(folder: Path, name: str = "net.onnx", kind: str = GENERATOR) -> ModelEntry:
    """A file with its row."""
    content = f"network {name}".encode()
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return ModelEntry(Path(name).stem, kind, name, digest, "test", "drawn", figures={"psnr": 1.5})


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = Manifest([entry(tmp_path), entry(tmp_path, "old.onnx")])
    (tmp_path / MANIFEST_NAME).write_text(written.to_json(), encoding="utf-8")
    found = load_manifest(tmp_path)
    assert found == written
    assert found.of_kind(GENERATOR).name == "net"  # the first of a kind
    with pytest.raises(ModelMissing, match="names no segmenter"):
        found.of_kind(SEGMENTER)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "has manifest format 'None', expected '1'"),
        ('{"format": 2, "models": []}', "has manifest format '2', expected '1'"),
        ('{"format": 1}', "is not a model manifest"),
        ('{"format": 1, "models": [{"name": "x"}]}', "is not a model manifest"),
        ('{"format": 1, "models": [{"size": 3}]}', "is not a model manifest"),
    ],
)
def test_a_broken_manifest_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / MANIFEST_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ModelMismatch, match=message):
        load_manifest(tmp_path)


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no 'manifest\.json' in"):
        load_manifest(tmp_path)


def test_only_the_file_that_the_manifest_names_is_taken(tmp_path: Path) -> None:
    row = entry(tmp_path)
    assert verified_path(tmp_path, row) == tmp_path / "net.onnx"
    (tmp_path / "net.onnx").write_bytes(b"network net.onny")
    with pytest.raises(ModelMismatch, match="has sha256"):
        verified_path(tmp_path, row)
    (tmp_path / "net.onnx").unlink()
    with pytest.raises(ModelMissing, match=r"net\.onnx' is missing"):
        verified_path(tmp_path, row)


def test_another_precision_is_another_file_with_its_own_hash(tmp_path: Path) -> None:
    half = entry(tmp_path, "half.onnx")
    row = replace(
        entry(tmp_path), precisions={"fp16": half.file}, precision_sha256={"fp16": half.sha256}
    )
    assert verified_path(tmp_path, row, "fp16") == tmp_path / "half.onnx"
    with pytest.raises(OptionError, match="model 'net' has no 'int8' file") as caught:
        verified_path(tmp_path, row, "int8")
    assert "ecgan.trainer.quantize" in str(caught.value.hint)


def test_what_ships_is_complete_whole_and_says_its_terms() -> None:
    folder = model_folder()
    manifest = load_manifest(folder)
    kinds = {row.kind for row in manifest.models}
    assert kinds - {CLASSIFIER} == {DETECTOR, GENERATOR, SEGMENTER}  # evaluate does without
    for row in manifest.models:
        assert verified_path(folder, row).is_file()
        assert row.licence
        assert row.origin
    named = {row.file for row in manifest.models}
    named |= {file for row in manifest.models for file in row.precisions.values()}
    assert named == {path.name for path in folder.glob("*.onnx")}
    document = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    assert document["format"] == 1
