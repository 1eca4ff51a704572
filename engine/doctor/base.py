"""What a check finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ..errors import EcganError


class Status(StrEnum):
    """How a thing stands."""

    OK = "ok"
    ABSENT = "no"
    """Not usable, and not needed either."""
    WARNING = "warn"
    PROBLEM = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: What it is about: "onnxruntime", "libx264".
        status: How it stands.
        text: Version and state, or why not; one line.
        command: What mends it, where something does.
        exit_code: Of the error that was met; 0 without one.
    """

    subject: str
    status: Status
    text: str
    command: str | None = None
    exit_code: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"status": str(self.status)}


def failed(subject: str, error: EcganError, status: Status = Status.PROBLEM) -> Finding:
    """What an error says, as a finding."""
    return Finding(subject, status, error.message, error.hint, error.exit_code)
