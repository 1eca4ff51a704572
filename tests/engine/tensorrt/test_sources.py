"""Models by name, file and folder, and where their engines go."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

import pytest

from ecgan.engine.errors import EcganError, ModelMismatch, OptionError, OutputError
from ecgan.engine.models import Manifest
from ecgan.engine.models import model_folder as shipped_models
from ecgan.engine.models.manifest import MANIFEST_NAME, load_manifest
from ecgan.engine.tensorrt.sources import Source, find_sources, plan_engines


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """The tiny networks; the segmenter has an fp16 file too."""
    made = Path(shutil.copytree(model_folder, tmp_path / "models"))
    half = made / "segmenter.fp16.onnx"
    half.write_bytes(b"half")
    rows = [
        dataclasses.replace(
            row,
            precisions={"fp16": half.name},
            precision_sha256={"fp16": hashlib.sha256(b"half").hexdigest()},
        )
        if row.kind == "segmenter"
        else row
        for row in load_manifest(made).models
    ]
    (made / MANIFEST_NAME).write_text(Manifest(rows).to_json())
    return made


def test_those_that_ship() -> None:
    names = {source.path.name for source in find_sources([], None)}
    assert names == {"ecgan-fast.onnx", "segmenter.onnx"}


def test_by_name() -> None:
    [source] = find_sources(["segmenter"], None)
    assert source == Source(shipped_models() / "segmenter.onnx", "fp32")
    assert source.engine_name == "segmenter.engine"


def test_a_name_twice_is_one() -> None:
    assert len(find_sources(["segmenter", "segmenter"], None)) == 1


@pytest.mark.parametrize("name", ["segmentr", "retinaface", "no/such/folder", ""])
def test_unknown_name(name: str) -> None:
    with pytest.raises(OptionError, match=f"unknown model '{name}'; choose from ecgan-fast, "):
        find_sources([name], None)


def test_a_folder_without_its_detector(folder: Path) -> None:
    names = [source.path.name for source in find_sources([str(folder)], None)]
    assert names == ["generator.onnx", "segmenter.onnx"]


def test_a_file_computes_in_what_it_does(tmp_path: Path) -> None:
    path = str(tmp_path / "a.fp16.onnx")
    assert find_sources([path], None) == [Source(Path(path), None)]
    assert find_sources([path], "fp16") == [Source(Path(path), "fp16")]
    assert find_sources([path], None)[0].engine_name == "a.fp16.engine"


def test_the_fp16_file_of_a_folder(folder: Path) -> None:
    row = load_manifest(folder)
    (folder / MANIFEST_NAME).write_text(
        Manifest([entry for entry in row.models if entry.kind == "segmenter"]).to_json()
    )
    [source] = find_sources([str(folder)], "fp16")
    assert source == Source(folder / "segmenter.fp16.onnx", "fp16")


def test_a_model_without_an_fp16_file(folder: Path) -> None:
    with pytest.raises(EcganError, match="'tiny-generator' has no 'fp16' file"):
        find_sources([str(folder)], "fp16")


def test_a_file_that_is_not_what_the_manifest_names(folder: Path) -> None:
    (folder / "generator.onnx").write_bytes(b"other")
    with pytest.raises(ModelMismatch):
        find_sources([str(folder)], None)


KEPT = Path("kept")
SOURCES = [Source(Path("x/a.onnx"), None), Source(Path("x/b.fp16.onnx"), "fp16")]


def test_engines_go_into_a_folder(tmp_path: Path) -> None:
    planned = plan_engines(SOURCES, tmp_path / "new", kept=KEPT, overwrite=False)
    assert list(planned) == [tmp_path / "new/a.engine", tmp_path / "new/b.fp16.engine"]
    assert list(planned.values()) == SOURCES


def test_engines_go_where_they_are_looked_for() -> None:
    ships = find_sources(["segmenter"], None)
    planned = plan_engines([*SOURCES, *ships], None, kept=KEPT, overwrite=False)
    assert list(planned) == [
        Path("x/a.engine"),
        Path("x/b.fp16.engine"),
        Path("kept/segmenter.engine"),
    ]


def test_one_engine_may_be_named(tmp_path: Path) -> None:
    assert list(plan_engines(SOURCES[:1], tmp_path / "my.engine", kept=KEPT, overwrite=False)) == [
        tmp_path / "my.engine"
    ]


def test_two_engines_do_not_replace_each_other(tmp_path: Path) -> None:
    for sources, output in (
        (SOURCES, tmp_path / "my.engine"),
        ([SOURCES[0], Source(Path("y/a.onnx"), None)], tmp_path),
    ):
        with pytest.raises(OptionError, match="would both become"):
            plan_engines(sources, output, kept=KEPT, overwrite=True)


def test_an_engine_that_exists(tmp_path: Path) -> None:
    (tmp_path / "a.engine").write_bytes(b"")
    with pytest.raises(OutputError, match="exists"):
        plan_engines(SOURCES, tmp_path, kept=KEPT, overwrite=False)
    assert len(plan_engines(SOURCES, tmp_path, kept=KEPT, overwrite=True)) == 2
