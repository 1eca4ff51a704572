"""What is known about a source of pictures: which part of each is photo, and which part may be judged.

Some pictures are filling in parts: a hull cut out onto black, a chip whose edge was continued. A network
that is judged there learns the filling, and a classifier reads the class from it. A data folder states
such facts in a file `sources.toml`:

    [affhull]
    region = "surround"          # black around the face: only what is not black is judged
    [chips]
    photo = [59, 83, 200, 224]   # x0, y0, x1, y1 of the photo, at 256 px
    [stock]
    region = "hull"              # the background tells the class: only the face is judged
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgan.engine.errors import DatasetError

FACTS_NAME = "sources.toml"

WHOLE, SURROUND, HULL = "whole", "surround", "hull"
REGIONS = (WHOLE, SURROUND, HULL)


@dataclass(frozen=True)
class SourceFacts:
    """What holds for every picture of a source.

    Attributes:
        region: Where a picture may be judged: "whole"; "surround" = what is not the black around a
            face; "hull" = the face's outline, as its landmarks tell it.
        photo: x0, y0, x1, y1 at 256 px outside which the picture is filling; None where all is photo.
    """

    region: str = WHOLE
    photo: tuple[float, float, float, float] | None = None


ALL_PHOTO = SourceFacts()
"""Nothing special."""

KNOWN_FACTS = {
    "affhull": SourceFacts(region=SURROUND),
    "utkface": SourceFacts(photo=(59, 83, 200, 224)),
}
"""Sources that are known by name; a data folder's own file wins."""


def read_facts(folder: Path) -> dict[str, SourceFacts]:
    """What `sources.toml` in a data folder says, over what is known by name.

    Raises:
        DatasetError: The file is not TOML, or holds something unknown.
    """
    path = folder / FACTS_NAME
    if not path.is_file():
        return dict(KNOWN_FACTS)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DatasetError(f"'{path}' is not valid TOML: {error}") from error
    return KNOWN_FACTS | {name: _facts(path, name, table) for name, table in tables.items()}


def _facts(path: Path, name: str, table: Any) -> SourceFacts:
    if not isinstance(table, dict):
        raise DatasetError(f"'{path}': '{name}' is not a table; expected [{name}]")
    unknown = sorted(table.keys() - {"region", "photo"})
    if unknown:
        raise DatasetError(
            f"'{path}': unknown key '{unknown[0]}' of [{name}]; known: region, photo"
        )
    region = table.get("region", WHOLE)
    if region not in REGIONS:
        raise DatasetError(
            f"'{path}': region '{region}' of [{name}] is not one of {', '.join(REGIONS)}"
        )
    box = table.get("photo")
    if box is None:
        return SourceFacts(region)
    numbers = isinstance(box, list) and all(type(v) in (int, float) for v in box)
    if not numbers or len(box) != 4 or box[0] >= box[2] or box[1] >= box[3]:
        raise DatasetError(f"'{path}': photo of [{name}] is '{box}', expected x0, y0, x1, y1")
    return SourceFacts(region, (box[0], box[1], box[2], box[3]))
