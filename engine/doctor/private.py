"""Takes out of a report what tells who and where somebody is: folders, user names, host names."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .base import Finding

PUBLIC_NAMES = {
    "root",
    "user",
    "admin",
    "home",
    "localhost",
    "host",
    "runner",
    "ubuntu",
    "debian",
    "app",
    "dev",
    "test",
    "docker",
    "server",
    "worker",
    "desktop",
    "laptop",
    "linux",
    "windows",
    "nvidia",
    "jetson",
    "gpu",
    "cpu",
    "cuda",
    "python",
    "torch",
    "ecgan",
}
"""Names that tell nobody, and that the report uses as words."""
SHORTEST_NAME = 3

_START = r"(?<![\w.:/\\~-])"
_QUOTED = re.compile(r"(['\"])(?:[A-Za-z]:)?[\\/](?:[^'\"]*[\\/])?([^'\"\\/]*)\1")
_BARE = re.compile(_START + r"(?:[A-Za-z]:)?[\\/](?:[^\s'\",:;()]+[\\/])?([^\s'\",:;()\\/]+)")

_INSIDE = r"[\\/](?:(?:(?!\s[\\/])[^'\",:;()])*[\\/])?(?=[^\s'\",:;()\\/])"
"""After a folder that is known: those below it, whose names may hold spaces too."""


def anonymous(finding: Finding) -> Finding:
    """A finding that can be shown to anybody."""
    command = None if finding.command is None else anonymous_text(finding.command)
    return replace(finding, text=anonymous_text(finding.text), command=command)


def anonymous_text(text: str) -> str:
    """Shorten paths to the file's name, and blot out the names of the user and the machine."""
    text = text.replace("file://", "")
    for folder in _folders():
        text = re.sub(re.escape(folder) + _INSIDE, ".../", text)
        text = re.sub(re.escape(folder) + r"(?![^\s'\",:;()\\/])", "/~", text)
    text = _QUOTED.sub(r"\1.../\2\1", text)
    text = _BARE.sub(r".../\1", text)
    for name, instead in _names():
        text = re.sub(
            rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", instead, text, flags=re.IGNORECASE
        )
    return text


def _home() -> Path | None:
    """None for a user without one, as a container may run as."""
    with contextlib.suppress(RuntimeError):
        return Path.home()
    return None


def _folders() -> list[str]:
    """The home and working folders, longest first: they may hold spaces, which end a bare path."""
    home = _home()
    found = set() if home is None else {str(home), str(home.resolve())}
    with contextlib.suppress(OSError):  # the working folder is gone
        found.add(str(Path.cwd()))
    return sorted(found - {"/"}, key=len, reverse=True)


def _names() -> Iterator[tuple[str, str]]:
    host, home = platform.node(), _home()
    users = {os.environ.get(key, "") for key in ("USER", "LOGNAME", "USERNAME")}
    if home is not None:
        users.add(home.name)
    with contextlib.suppress(OSError, KeyError, ImportError):  # a user without an entry
        users.add(getpass.getuser())
    known = [(name, "USER") for name in users] + [(host, "HOST"), (host.split(".")[0], "HOST")]
    for name, instead in sorted(known, key=lambda pair: len(pair[0]), reverse=True):
        if len(name) >= SHORTEST_NAME and name.lower() not in PUBLIC_NAMES:
            yield name, instead
