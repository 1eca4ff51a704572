"""The packages that ecgan needs, and those of which only one may be installed."""

from __future__ import annotations

import importlib
import re
from importlib import metadata

from ..errors import one_line
from .base import Finding, Status

DISTRIBUTION = "ecgan"
MODULES = {"opencv-python-headless": "cv2", "pillow": "PIL"}
"""Import names that differ from the package's."""
ONE_OF = {
    "cv2": (
        "opencv-python-headless",
        "opencv-python",
        "opencv-contrib-python-headless",
        "opencv-contrib-python",
    ),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
}
"""Module -> packages that all write its folder, so that two of them spoil each other."""
KEEP = {"onnxruntime": "onnxruntime-gpu"}
"""Module -> the package to keep of several; elsewhere the first."""


def required() -> list[Finding]:
    """Whether each package of the base install is there, new enough, and can be imported."""
    found = [_package(text) for text in metadata.requires(DISTRIBUTION) or [] if ";" not in text]
    wrong = [finding for finding in found if finding.status is not Status.OK]
    versions = ", ".join(f"{one.subject} {one.text}" for one in found if one not in wrong)
    return [Finding("packages", Status.OK, versions), *wrong] if versions else wrong


def doubled() -> list[Finding]:
    """Packages that overwrite each other's files."""
    findings = []
    for module, names in ONE_OF.items():
        present = [name for name in names if version_of(name)]
        if len(present) > 1:
            keep = KEEP.get(module, names[0])
            command = f"pip uninstall -y {' '.join(present)} && pip install {keep}"
            text = f"{' and '.join(present)} are both installed and overwrite each other's files"
            findings.append(Finding(module, Status.WARNING, text, command))
    return findings


def version_of(distribution: str) -> str | None:
    """The version of an installed package, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _package(requirement: str) -> Finding:
    """Check one line such as "av>=18.1,<20"."""
    name, limits = re.fullmatch(r"([\w.-]+)\s*(.*)", requirement).groups()  # type: ignore[union-attr]
    install = f"pip install '{name}{limits}'"
    version = _provided(name)
    if version is None:
        return Finding(name, Status.PROBLEM, "not installed", install)
    if not all(_holds(version, limit) for limit in limits.split(",") if limit):
        text = f"version '{version}' is installed, expected {limits}"
        return Finding(name, Status.PROBLEM, text, install)
    try:
        importlib.import_module(MODULES.get(name, name))
    except (ImportError, OSError) as error:
        again = f"pip install --force-reinstall '{name}{limits}'"
        return Finding(name, Status.PROBLEM, f"cannot be imported: {one_line(error)}", again)
    return Finding(name, Status.OK, version)


def _provided(name: str) -> str | None:
    """Version of a package, or of another that brings the same module."""
    alike = next((names for names in ONE_OF.values() if name in names), (name,))
    return next((version for one in alike if (version := version_of(one))), None)


def _holds(version: str, limit: str) -> bool:
    operator, bound = re.fullmatch(r"\s*(>=|<)\s*([\d.]+)\s*", limit).groups()  # type: ignore[union-attr]
    is_older = _release(version) < _release(bound)
    return is_older if operator == "<" else not is_older


def _release(version: str) -> list[int]:
    """The numbers of "2.4.6rc1", for comparing; ends without zeros, so that 18 equals 18.0."""
    numbers = [int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3]]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers
