from __future__ import annotations

import numpy as np
import pytest

from ecgan.benchmarks.runtimes.agreement import Agreement, compare
from ecgan.engine.models import GENERATOR, SEGMENTER

MASK = np.zeros((1, 8, 8), np.uint8)
MASK[:, 4:] = 255


def _outputs(step: int = 0, outside: int = 0, moved: int = 0) -> dict[str, np.ndarray]:
    painted = np.full((1, 8, 8, 3), 100, np.uint8)
    painted[:, 4:] += np.uint8(step)
    painted[:, :4] += np.uint8(outside)
    mask = np.zeros((1, 8, 8), np.uint8)
    mask.reshape(-1)[:moved] = 255
    return {GENERATOR: painted, SEGMENTER: mask}


def test_a_step_of_one_everywhere_is_48_decibel_and_moves_nothing_else() -> None:
    found = compare(_outputs(step=1), _outputs(), MASK)
    assert found.psnr == pytest.approx(20 * np.log10(255))  # 48.13
    assert (found.worst, found.outside, found.mask_share) == (1, 0, 0.0)
    assert found.failure("bf16") is None
    assert "48.1 dB from torch, 60 dB are expected" in str(found.failure("fp32"))


def test_equal_outputs_agree_at_any_precision() -> None:
    found = compare(_outputs(), _outputs(), MASK)
    assert np.isinf(found.psnr)
    assert found.failure("fp32") is None


def test_a_change_outside_the_mask_fails_however_small() -> None:
    found = compare(_outputs(outside=1), _outputs(), MASK)
    assert found.failure("int8") == "changes pixels outside the mask by up to 1 of 255"


def test_a_moved_mask_fails() -> None:
    assert compare(_outputs(moved=1), _outputs(), MASK).mask_share == pytest.approx(1 / 64)
    assert "1.56 % of the mask" in str(compare(_outputs(moved=1), _outputs(), MASK).failure("bf16"))


def test_a_result_that_is_no_number_fails() -> None:
    assert Agreement(float("nan"), 0, 0, 0.0).failure("int8") is not None
