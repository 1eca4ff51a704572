"""Start batches now, and take their results later: on runtimes that can do so, work overlaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .base import Array, Backend

Feed = Array | Sequence[Array]
"""One input of a batch: one array, or its rows."""


def start(
    backend: Backend, feeds: Mapping[str, Feed], output: str, limit: int
) -> Callable[[], list[Array]]:
    """Begin to compute.

    Args:
        backend: The network. One that has a method ``submit`` is told to begin, and is waited for
            at the end; any other has computed everything when this returns.
        feeds: Every input, of the same number of rows.
        output: Name of the output that is wanted.
        limit: Most rows that the network is given at once.

    Returns:
        What waits for the results: one array for each part of at most ``limit`` rows.

    Raises:
        EcganError: As ``Backend.run`` does; what is waited for may also raise it.
    """
    count = len(next(iter(feeds.values())))
    parts = [slice(begin, begin + limit) for begin in range(0, count, limit)]
    submit = getattr(backend, "submit", None)
    if submit is not None:
        pending = [submit({name: feed[part] for name, feed in feeds.items()}) for part in parts]
        return lambda: [each.result()[output] for each in pending]
    done = [
        backend.run({name: _whole(feed[part]) for name, feed in feeds.items()})[output]
        for part in parts
    ]
    return lambda: done


def _whole(feed: Feed) -> Array:
    """An input as one array whose rows lie one after the other."""
    return np.ascontiguousarray(feed)
