from __future__ import annotations

from pathlib import Path

import pytest

from ecgan.benchmarks.runtimes.rows import REFERENCE, ROWS, Model, Row, rows_named
from ecgan.engine.errors import BackendUnavailable, ModelMissing, OptionError
from ecgan.engine.tensorrt import driver

MODEL = Model("tiny", "segmenter", {"fp32": Path("tiny.onnx")})


def test_torch_is_always_among_the_rows_and_all_are_taken_for_no_name() -> None:
    assert [row.name for row in rows_named(("openvino",))] == [REFERENCE, "openvino"]
    assert rows_named(()) == ROWS
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_an_unknown_row_is_an_option_error() -> None:
    with pytest.raises(OptionError, match="unknown row 'tensort'; choose from torch, "):
        rows_named(("tensort",))


def test_a_file_that_is_missing_is_named_with_what_makes_it() -> None:
    row = Row("x", "X", "int8", backend="onnxruntime")
    with pytest.raises(ModelMissing, match="tiny has no int8 file") as caught:
        row.open(MODEL, 1)
    assert "ecgan.trainer.quantize" in str(caught.value.hint)


@pytest.mark.parametrize("row", [row for row in ROWS if row.device != "cpu"], ids=lambda r: r.name)
def test_a_row_for_a_card_asks_the_driver_before_anything_else(
    row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_driver() -> None:
        raise BackendUnavailable("there is no NVIDIA driver")

    monkeypatch.setattr(driver, "_load", no_driver)
    with pytest.raises(BackendUnavailable, match="there is no NVIDIA driver"):
        row.open(MODEL, 1)


def test_bfloat16_is_asked_of_openvino_with_the_float32_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ecgan.engine.backends.openvino import OpenVinoBackend

    asked = {}
    monkeypatch.setattr(
        OpenVinoBackend, "open", lambda path, **options: asked.update(options, path=path)
    )
    Row("x", "X", "bf16", backend="openvino").open(MODEL, 3)
    assert asked == {
        "path": Path("tiny.onnx"),
        "device": "cpu",
        "threads": 3,
        "precision": "bf16",
    }
