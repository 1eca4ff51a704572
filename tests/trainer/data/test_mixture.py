"""Data named by text: readers, weights, mixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgan.engine.errors import DatasetError, OptionError
from ecgan.trainer.data import load_data, parse_spec
from ecgan.trainer.data.mixture import split_specs
from ecgan.trainer.data.samples import source_weights


@pytest.mark.parametrize(
    ("text", "path", "reader", "weight"),
    [
        ("data", "data", "", 1.0),
        ("../a/data", "../a/data", "", 1.0),
        ("rafdb:/x/RAF-DB=2.5", "/x/RAF-DB", "rafdb", 2.5),
        ("data=0.5", "data", "", 0.5),
        ("C:\\data", "C:\\data", "", 1.0),
        ("a=b/data", "a=b/data", "", 1.0),
    ],
)
def test_specs_are_read(text: str, path: str, reader: str, weight: float) -> None:
    spec = parse_spec(text)
    assert (spec.path, spec.reader, spec.weight) == (Path(path), reader, weight)


def test_a_path_that_exists_as_written_is_taken_so(tmp_path: Path) -> None:
    odd = tmp_path / "v=2,old"
    odd.mkdir()
    assert parse_spec(str(odd)).path == odd
    assert split_specs(str(odd)) == [str(odd)]
    assert split_specs("a, b=2") == ["a", "b=2"]
    assert split_specs("") == []  # as a path it would be the working folder


@pytest.mark.parametrize("weight", ["0", "-1", "two", "inf", "nan", ""])
def test_a_weight_that_is_none_is_named(weight: str) -> None:
    with pytest.raises(OptionError, match=f"weight '{weight}'"):
        parse_spec(f"data={weight}")


def test_an_unknown_reader_names_the_choices() -> None:
    with pytest.raises(OptionError, match="unknown data reader 'rafd'; choose from prepared") as e:
        parse_spec("rafd:/data")
    assert e.value.hint == "did you mean 'rafdb'?"


def test_a_mixture_carries_its_weights(faces_folder: Path) -> None:
    faces = load_data([str(faces_folder), f"prepared:{faces_folder}=3"])
    assert len(faces) == 64
    weights = source_weights(faces, {"drawn": 0.5})
    assert weights[:32].sum() == pytest.approx(16)
    assert weights[32:].sum() == pytest.approx(48)
    assert faces.image(40).shape == (256, 256, 3)
    assert len(load_data(f"{faces_folder},{faces_folder}")) == 64


def test_what_cannot_be_trained_on_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        load_data(str(tmp_path / "nowhere"))
    with pytest.raises(DatasetError, match="no data named"):
        load_data([])
    with pytest.raises(DatasetError, match="have no landmarks yet"):
        load_data(f"photos:{tmp_path}")
    other = tmp_path / "x.txt"
    other.write_text("")
    with pytest.raises(DatasetError, match="has no known form"):
        load_data(str(other))
