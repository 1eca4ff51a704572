"""How much memory a process has taken."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine import memory


def test_the_peak_grows_with_what_is_held() -> None:
    before = memory.peak_memory_mib()
    held = np.ones((64 + int(before), 2**20), np.uint8)  # more than was ever held before
    assert memory.peak_memory_mib() >= held.nbytes / 2**20


@pytest.mark.skipif(not memory.STATUS.is_file(), reason="Linux alone has both ways")
def test_without_the_status_file_the_peak_is_no_smaller(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = memory.peak_memory_mib()
    monkeypatch.setattr(memory, "STATUS", tmp_path / "status")
    assert memory.peak_memory_mib() > own - 8  # pages are counted in batches


def test_a_system_that_does_not_tell_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert memory.peak_memory_mib() == 0
