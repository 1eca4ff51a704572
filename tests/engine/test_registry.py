"""Names to objects that are imported when they are asked for."""

from __future__ import annotations

import sys

import pytest

from ecgan.engine.errors import OptionError
from ecgan.engine.registry import Registry


@pytest.fixture
def parts() -> Registry:
    return Registry("part", {"wave": "wave:open", "words": "textwrap:wrap"})


def test_names_come_in_order_without_importing(
    parts: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    assert (list(parts), len(parts), "wave" in parts) == (["wave", "words"], 2, True)
    assert "waves" not in parts
    assert parts.target("wave") == "wave:open"
    assert "wave" not in sys.modules
    import wave

    assert parts["wave"] is wave.open


def test_an_unknown_name_is_answered_with_the_choices_and_the_nearest(parts: Registry) -> None:
    with pytest.raises(OptionError) as caught:
        parts["wrods"]
    assert caught.value.message == "unknown part 'wrods'; choose from wave, words"
    assert caught.value.hint == "did you mean 'words'?"
    with pytest.raises(OptionError) as caught:
        parts["xyz"]
    assert caught.value.hint is None
