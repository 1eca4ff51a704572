"""Data named by text: `PATH`, `READER:PATH`, with a weight `PATH=2.0`; several as `ONE,OTHER=0.5`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ecgan.engine.errors import DatasetError, OptionError

from .base import Reader
from .faces import FaceSet
from .readers import READERS

_READER = re.compile(r"([A-Za-z][A-Za-z0-9_-]+):(.+)", re.DOTALL)  # one letter is a drive: C:\data
_WEIGHT = re.compile(r"(.+)=([^=/\\]*)", re.DOTALL)


@dataclass(frozen=True)
class DataSpec:
    """One data set that was named.

    Attributes:
        path: File or folder.
        reader: Name of its form; "" to find out.
        weight: How often a picture of it comes, relative to the others of a mixture.
    """

    path: Path
    reader: str = ""
    weight: float = 1.0

    def open(self) -> Reader:
        """The reader of its form.

        Raises:
            DatasetError: There is no such path, or no form fits.
        """
        if not self.path.exists():
            raise DatasetError(f"'{self.path}' does not exist")
        if self.reader:
            named: Reader = READERS[self.reader]()
            return named
        for name in READERS:
            reader: Reader = READERS[name]()
            if reader.recognises(self.path):
                return reader
        raise DatasetError(
            f"'{self.path}' has no known form",
            hint=f"name one, as in rafdb:{self.path}; known: {', '.join(READERS)}",
        )


def parse_spec(text: str) -> DataSpec:
    """Read one name of data: `PATH`, `READER:PATH`, `PATH=WEIGHT`.

    A path that exists as it is written is taken so.

    Raises:
        OptionError: Unknown reader, or a weight that is no number above 0.
    """
    weight = 1.0
    weighted = _WEIGHT.fullmatch(text)
    if weighted and not Path(text).exists():
        text, amount = weighted.groups()
        weight = _weight(amount)
    named = _READER.fullmatch(text)
    if named is None or (named[1] not in READERS and Path(text).exists()):
        return DataSpec(Path(text), "", weight)
    if named[1] not in READERS:
        READERS[named[1]]  # names the choices
    return DataSpec(Path(named[2]), named[1], weight)


def split_specs(text: str) -> list[str]:
    """Names of data with commas between; a path that exists as it is written is one."""
    if text and Path(text).exists():
        return [text]
    return [part.strip() for part in text.split(",") if part.strip()]


def load_data(data: str | Sequence[str]) -> FaceSet:
    """The faces of one or several data sets.

    Args:
        data: What ``parse_spec`` reads, or several of it, in a list or with commas between; their
            weights go into the rows.

    Raises:
        OptionError: A name that cannot be read.
        DatasetError: Nothing named, a data set that is missing or broken, or one without landmarks.
    """
    texts = split_specs(data) if isinstance(data, str) else list(data)
    if not texts:
        raise DatasetError("no data named", hint="--data FOLDER, as ecgan prepare writes it")
    specs = [parse_spec(text) for text in texts]
    sets = [(spec.weight, spec.open().faces(spec.path)) for spec in specs]
    if len(sets) == 1:
        return sets[0][1]  # a weight relative to nothing
    return FaceSet(replace(row, weight=weight) for weight, faces in sets for row in faces)


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not 0.0 < weight < float("inf"):
        raise OptionError(f"weight '{text}' of a data set is not a number above 0")
    return weight
