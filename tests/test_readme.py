"""README and docs: their commands are real, their links lead somewhere, their Python runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from ecgan.engine.expressions import ALIASES, AUTO, EXPRESSIONS, expression_name
from ecgan_cli.main import build_app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced code blocks of README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    """The commands of README's shell blocks, without comments."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in (re.sub(r"\s+#.*", "", line).strip() for line in lines) if line]


ECGAN_LINES = [line for line in shell_lines() if re.match(r"(\.venv/bin/)?ecgan ", line)]
MAKE_TARGETS = {
    word
    for command in [*shell_lines(), *re.findall(r"`((?:\S+ )?make [^`]+)`", README)]
    if "make " in command
    for word in command.split("make ", 1)[1].split()
    if "=" not in word
}


def test_readme_has_commands() -> None:
    assert len(ECGAN_LINES) >= 5
    assert {"demo", "test"} <= MAKE_TARGETS


@pytest.mark.parametrize("line", ECGAN_LINES)
def test_ecgan_command_parses(line: str) -> None:
    arguments = shlex.split(line)[1:]
    program = typer.main.get_command(build_app())
    with program.make_context("ecgan", arguments) as context:
        name, command, rest = program.resolve_command(context, arguments)  # type: ignore[attr-defined]
        assert command is not None, name
        with command.make_context(name, rest, parent=context) as parsed:
            expression = parsed.params.get("expression", AUTO)
    for part in expression.split(","):
        word = part.partition(":")[0]
        assert word in (AUTO, "all") or expression_name(word)


@pytest.mark.parametrize("target", sorted(MAKE_TARGETS))
def test_make_target_exists(target: str) -> None:
    assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.MULTILINE)


def test_other_shell_lines_are_known() -> None:
    other = [line for line in shell_lines() if line not in ECGAN_LINES and "make " not in line]
    assert other == ["pip install ."]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)", text) + re.findall(r'(?:src|href)="([^"#]+)"', text)
    missing = [
        target
        for target in targets
        if not target.startswith(("http://", "https://"))
        and not (document.parent / target).exists()
    ]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_paths_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    folders = "ecgan_cli|engine|trainer|benchmarks|tests|docs|examples"
    named = re.findall(rf"`((?:{folders})/[\w./]*)`", text)
    named = [name for name in named if "/x." not in name]
    assert not [name for name in named if not (ROOT / name).exists()]


def test_expression_table_is_the_engine_s() -> None:
    rows = dict(re.findall(r"^\| `(\w+)`(?: \(default\))? \| (.+) \|$", README, re.MULTILINE))
    assert set(rows) == {*EXPRESSIONS, AUTO}
    for name in EXPRESSIONS:
        assert rows[name].split(", ") == [alias for alias in ALIASES if ALIASES[alias] == name]


def test_python_example_runs(tmp_path: Path, model_folder: Path) -> None:
    [code] = blocks("python")
    assert "Unmasker()" in code
    code = code.replace("Unmasker()", f"Unmasker(models=Path({str(model_folder)!r}))")
    code = code.replace("examples/", f"{ROOT}/examples/")
    done = subprocess.run(
        [sys.executable, "-c", f"from pathlib import Path\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "changed" in done.stdout
    assert (tmp_path / "astronaut.unmasked.png").is_file()
