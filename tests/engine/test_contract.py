"""Models whose inputs or outputs are not those of the contract are refused before they run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ecgan.engine.backends import TensorSpec
from ecgan.engine.contract import INPUTS, OUTPUTS, output_name
from ecgan.engine.errors import ModelMismatch


def model(kind: str, **changes: TensorSpec | None) -> Any:
    """A model of that kind with some tensors changed, or dropped where None is given."""
    inputs = {**INPUTS[kind], **changes}
    outputs = {"found": inputs.pop("found", OUTPUTS[kind])}
    return SimpleNamespace(
        inputs={name: spec for name, spec in inputs.items() if spec is not None},
        outputs={name: spec for name, spec in outputs.items() if spec is not None},
    )


def spec(dtype: type, *shape: int | None) -> TensorSpec:
    return TensorSpec(np.dtype(dtype), shape)


@pytest.mark.parametrize("kind", INPUTS)
def test_the_output_may_have_any_name(kind: str) -> None:
    assert output_name(model(kind), kind) == "found"


def test_sizes_that_the_exporter_left_open_are_fine() -> None:
    assert output_name(model("segmenter", found=spec(np.uint8, None, None, None)), "segmenter")


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("segmenter", {"crop": spec(np.float32, None, 256, 256, 3)}),
        ("segmenter", {"crop": spec(np.uint8, 1, 256, 256, 3)}),
        ("segmenter", {"crop": spec(np.uint8, None, 3, 256, 256)}),
        ("segmenter", {"found": spec(np.uint8, None, 256, 256, 1)}),
        ("segmenter", {"found": None}),
        ("segmenter", {"more": spec(np.uint8, None)}),
        ("generator", {"expression": spec(np.float32, None, 8)}),
        ("generator", {"mask": None}),
    ],
)
def test_what_differs_is_refused_with_both_sides(
    kind: str, changes: dict[str, TensorSpec | None]
) -> None:
    with pytest.raises(ModelMismatch) as caught:
        output_name(model(kind, **changes), kind)
    assert f"the {kind} is" in caught.value.message
    assert "expected crop uint8 (N, 256, 256, 3)" in caught.value.message
