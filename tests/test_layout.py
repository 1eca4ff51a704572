"""The arrows between the packages, the package list, and the registries."""

from __future__ import annotations

import ast
import importlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ecgan.engine.registry import Registry
from ecgan_cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = PROJECT["tool"]["setuptools"]["package-dir"]
"""Import name -> folder, such as ``ecgan.engine`` -> ``engine``."""

# From left to right: a package may import itself and what stands to its right.
ORDER = ["ecgan_cli", "ecgan.benchmarks", "ecgan.trainer", "ecgan.engine"]
HEAVY = {"torch", "onnx"}
"""What the engine must do without."""


def sources(folder: str) -> Iterator[Path]:
    """The Python files of a top-level folder."""
    return (ROOT / folder).rglob("*.py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of each import of a file; relative imports resolved."""
    package = path.relative_to(ROOT).parent.parts
    top = next(name for name, folder in FOLDERS.items() if folder == package[0])
    here = [*top.split("."), *package[1:]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def is_under(name: str, package: str) -> bool:
    """Whether an import name is a package or lies in it."""
    return name == package or name.startswith(f"{package}.")


def test_packages_and_order_name_the_same_packages() -> None:
    assert set(ORDER) == set(FOLDERS)


@pytest.mark.parametrize("package", ORDER)
def test_no_import_points_left(package: str) -> None:
    left = ORDER[: ORDER.index(package)]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(FOLDERS[package])
        for line, name in imported(path)
        if any(is_under(name, other) for other in left)
    ]
    assert not wrong


def test_engine_imports_no_training_library() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources("engine")
        for line, name in imported(path)
        if name.split(".")[0] in HEAVY
    ]
    assert not wrong


def test_nothing_imports_a_folder_by_its_bare_name() -> None:
    bare = {folder for name, folder in FOLDERS.items() if name != folder}
    files = [path for folder in [*FOLDERS.values(), "examples"] for path in sources(folder)]
    tests = [ROOT / "tests" / name for name in ("conftest.py", "test_layout.py")]
    wrong = []
    for path in [*files, *tests, *(ROOT / "tests").rglob("test_*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            wrong += [f"{path}:{node.lineno} imports {n}" for n in names if n.split(".")[0] in bare]
    assert not wrong


def test_relative_imports_stay_within_their_package() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in FOLDERS.values()
        for path in sources(folder)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.level > len(path.relative_to(ROOT).parent.parts)
    ]
    assert not wrong


def test_every_folder_is_a_listed_package_and_the_other_way_round() -> None:
    on_disk = {
        ".".join([name, *path.parent.relative_to(ROOT / folder).parts])
        for name, folder in FOLDERS.items()
        for path in sources(folder)
    }
    assert on_disk == set(PROJECT["tool"]["setuptools"]["packages"])


def test_every_package_has_an_init_and_no_folder_is_called_ecgan() -> None:
    for name in PROJECT["tool"]["setuptools"]["packages"]:
        top = next(known for known in FOLDERS if is_under(name, known))
        below = name.removeprefix(top).strip(".").split(".")
        assert ROOT.joinpath(FOLDERS[top], *filter(None, below), "__init__.py").is_file(), name
    assert not (ROOT / "ecgan").exists()


def registries() -> list[tuple[str, Registry]]:
    """Every registry of an ``__init__`` or a module of a listed package."""
    found = []
    for name in PROJECT["tool"]["setuptools"]["packages"]:
        module: ModuleType = importlib.import_module(name)
        found += [(name, value) for value in vars(module).values() if isinstance(value, Registry)]
    return found


def test_every_registry_entry_imports() -> None:
    known = registries()
    assert {registry.kind for _, registry in known} >= {"backend", "detector"}
    for _, registry in known:
        assert len(registry) > 0
        for entry in registry:
            assert registry[entry] is not None


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    command = importlib.import_module(COMMANDS[name]).command
    assert command.__doc__
    assert command.__module__ in sys.modules
