"""A name -> class table whose entries are imported on first use.

Listing the names of a registry must never import a heavy library, so entries are
``"module:attribute"`` strings.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from .errors import OptionError, did_you_mean


class Registry(Mapping[str, Any]):
    """Maps names to objects given as ``"package.module:attribute"``.

    Args:
        kind: What the entries are, for messages: "backend", "detector", ...
        entries: Name -> import path.
    """

    def __init__(self, kind: str, entries: Mapping[str, str]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Any:
        """Import and return an entry.

        Raises:
            OptionError: The name is unknown; the message lists the choices.
        """
        if name not in self._entries:
            raise OptionError(
                f"unknown {self.kind} '{name}'; choose from {', '.join(self._entries)}",
                hint=did_you_mean(name, self._entries),
            )
        module, _, attribute = self._entries[name].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # Mapping's own would import the entry, or raise

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def target(self, name: str) -> str:
        """The import path of an entry, which is not imported."""
        return self._entries[name]

    def add(self, name: str, target: str) -> None:
        """Register an entry from outside, for a part that this package must not name itself.

        Args:
            name: New name; adding the same entry again changes nothing.
            target: ``"package.module:attribute"``.

        Raises:
            OptionError: The name stands for something else already.
        """
        if self._entries.setdefault(name, target) != target:
            raise OptionError(f"{self.kind} '{name}' is registered twice, now as '{target}'")
