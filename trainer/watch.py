"""Who looks on while a network trains."""

from __future__ import annotations


class Watch:
    """Follows a run, and may stop it. This one does neither."""

    def begin(self, name: str, seen: int, samples: int) -> None:
        """A run goes from ``seen`` samples to ``samples``."""

    def advance(self, seen: int) -> None:
        """A step was done."""

    def check(self) -> None:
        """Called between steps; whatever it raises ends the run, after a checkpoint."""
