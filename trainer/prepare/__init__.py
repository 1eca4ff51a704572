"""From pictures as people have them to aligned faces that training reads."""

from .job import PrepareOptions, Summary, prepare

__all__ = ["PrepareOptions", "Summary", "prepare"]
