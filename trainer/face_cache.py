"""Keep what a slow network saw in each face, so that a run that goes on need not look again."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ecgan.engine.media.output import atomic_file

from .data.faces import FaceSet


def looked_at(
    faces: FaceSet, cache: Path, look: Callable[[], dict[str, np.ndarray]]
) -> dict[str, tuple[np.ndarray, ...]]:
    """What was seen in each face: from the cache where it holds all of them, else looked at anew.

    Args:
        faces: The set.
        cache: `.npz` file of an earlier call; one that cannot be read counts as none.
        look: Name -> array with a row for each face of the set, in its order.

    Returns:
        ``FaceRecord.key`` -> its row of each array, in ``look``'s order.

    Raises:
        OutputError: The cache cannot be written.
    """
    keys = [record.key for record in faces]
    try:
        with cache.open("rb") as file, np.load(file) as archive:
            kept = [archive[name] for name in archive.files if name != "keys"]
            found = dict(zip(archive["keys"].tolist(), zip(*kept, strict=True), strict=True))
        if found.keys() >= set(keys):
            return found
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass
    seen = look()
    rows: dict[str, Any] = seen | {"keys": np.array(keys)}
    with atomic_file(cache) as part, part.open("wb") as handle:
        np.savez_compressed(handle, **rows)
    return dict(zip(keys, zip(*seen.values(), strict=True), strict=True))
