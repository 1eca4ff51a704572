"""The wheel: everything the program needs is in it, and it works without the source tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]
FOLDERS = PROJECT["tool"]["setuptools"]["package-dir"]

pytestmark = pytest.mark.slow


def call(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree; no isolation, so that no index is asked."""
    folder = tmp_path_factory.mktemp("build")
    tree = folder / "tree"
    tree.mkdir()
    junk = shutil.ignore_patterns("__pycache__", "runs")
    for name in [*FOLDERS.values()]:
        shutil.copytree(ROOT / name, tree / name, ignore=junk)
    for name in ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY_NOTICES"):
        shutil.copy(ROOT / name, tree / name)
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, tree, cwd=folder)
    [built] = folder.glob("*.whl")
    return built


def test_wheel_holds_every_source_and_data_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    missing = []
    for name, folder in FOLDERS.items():
        for path in (ROOT / folder).rglob("*"):
            if path.suffix not in (".py", ".typed", ".json", ".toml", ".onnx", ".jpg"):
                continue
            place = f"{name.replace('.', '/')}/{path.relative_to(ROOT / folder).as_posix()}"
            missing += [place] if place not in inside else []
    assert not missing
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    assert any(name.endswith("licenses/THIRD_PARTY_NOTICES") for name in inside)
    roots = {name.split("/")[0] for name in inside if ".dist-info/" not in name}
    assert roots == {"ecgan", "ecgan_cli"}


def test_wheel_works_in_a_clean_environment(
    wheel: Path, tmp_path: Path, model_folder: Path
) -> None:
    venv = tmp_path / "venv"
    call(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path)
    python = venv / "bin" / "python"
    call(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet"),
        *("--no-deps", "--no-index", wheel),
        cwd=tmp_path,
    )
    [packages] = venv.glob("lib/python*/site-packages")
    # The runtime's libraries are borrowed; a path file does not run the editable install's hook.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    where = call(python, "-c", "import ecgan.engine as e; print(e.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(venv)
    photo = shutil.copy(ROOT / "examples" / "astronaut_masked.jpg", tmp_path)
    script = venv / "bin" / "ecgan"
    out = call(script, "unmask", photo, "-e", "happy", "-m", model_folder, cwd=tmp_path)
    assert Path(out.split("\t")[0]).is_file()
