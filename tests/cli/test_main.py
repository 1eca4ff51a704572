"""The program itself: help, version, exit codes."""

from __future__ import annotations

import ast
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import pytest
import typer

from ecgan.engine.errors import InputError
from ecgan.engine.media.writer import PRESETS
from ecgan_cli import console, main
from ecgan_cli.commands import COMMANDS
from ecgan_cli.interrupts import Terminated
from ecgan_cli.options import Preset

from .conftest import Run, environment

HEAVY = ("torch", "cv2", "av", "onnxruntime", "onnx", "numpy", "PIL", "tensorrt")
MAX_CPU_SECONDS = 0.3
ROOT = Path(__file__).resolve().parents[2]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")


def cpu_of_help() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "ecgan_cli.main", "--help"]
    subprocess.run(command, capture_output=True, check=True, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_is_quick() -> None:
    assert min(cpu_of_help() for _ in range(5)) < MAX_CPU_SECONDS


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys; from ecgan_cli.main import run\n"
        f"sys.argv = ['ecgan', *{arguments}]; code = run()\n"
        f"print('LOADED', [name for name in {HEAVY} if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment()
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_help_lists_every_command(ecgan: Run) -> None:
    done = ecgan("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert re.search(rf"^│ {re.escape(name)} ", done.stdout, re.MULTILINE)


def test_first_lines_of_help_say_that_the_face_is_invented(ecgan: Run) -> None:
    top = " ".join(ecgan("unmask", "--help").stdout.split("╭")[0].split())
    assert "The lower face is invented to fit what is visible." in top
    assert "It is not what the person looks like" in top


def texts(folder: str) -> Iterator[tuple[str, str]]:
    """File name and text of each string of a package, docstrings among them."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.name, node.value


def test_presets_are_those_of_the_encoder() -> None:
    """The option spells them out, so that help need not load the encoder's module."""
    literal, _ = get_args(get_args(Preset)[0])
    assert get_args(literal) == PRESETS


def test_options_that_messages_name_exist() -> None:
    commands = typer.main.get_command(main.build_app()).commands
    options = {
        name: {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        for name, command in commands.items()
    }
    foreign = {"--force-reinstall", "--extra-index-url", "--always", "--dirty"}  # pip's, git's
    known = {"--help", "--version"}.union(*options.values())
    wrong = []
    for folder in ("engine", "trainer", "ecgan_cli"):
        for name, text in texts(folder):
            wrong += [(name, o) for o in OPTION.findall(text) if o not in known | foreign]
            for command, rest in re.findall(
                r"\becgan ([a-z-]+)((?: [A-Z]+| --?[a-z0-9-]+)*)", text
            ):
                given = options.get(command, set())
                wrong += [(name, f"{command} {o}") for o in OPTION.findall(rest) if o not in given]
    assert not wrong


def test_version(ecgan: Run) -> None:
    done = ecgan("--version")
    assert (done.returncode, done.stdout) == (0, f"ecgan {version('ecgan')}\n")


@pytest.mark.parametrize(
    "arguments", [[], ["unmsk"], ["unmask"], ["unmask", "a.jpg", "--nonsense"]]
)
def test_wrong_usage_exits_2(ecgan: Run, arguments: list[str]) -> None:
    assert ecgan(*arguments).returncode == 2


# --- errors to exit codes ----------------------------------------------------------------------


@pytest.fixture
def run_raising(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[BaseException], tuple[int, str]]:
    """Run the program with a command that raises: exit code and stderr."""

    def run(problem: BaseException) -> tuple[int, str]:
        def app(prog_name: str) -> None:
            raise problem

        monkeypatch.setattr(main, "build_app", lambda: app)
        monkeypatch.setattr(main.signal, "signal", lambda number, handler: None)
        code = main.run()
        return code, capsys.readouterr().err

    return run


def test_error_is_one_line_and_a_hint(
    run_raising: Callable[[BaseException], tuple[int, str]],
) -> None:
    code, err = run_raising(InputError("no file 'a [bold]b.jpg'", hint="look again"))
    assert code == 3
    assert err == "ecgan: error: no file 'a [bold]b.jpg'\nhint: look again\n"


def test_bug_is_70_without_trace_back(
    run_raising: Callable[[BaseException], tuple[int, str]],
) -> None:
    code, err = run_raising(ZeroDivisionError("division\nby zero"))
    assert code == 70
    assert err.startswith(
        "ecgan: error: internal error: ZeroDivisionError: division by zero\nhint:"
    )
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("problem", "expected"),
    [(KeyboardInterrupt(), 130), (Terminated(), 143), (MemoryError(), 6), (SystemExit(2), 2)],
)
def test_other_ends(
    run_raising: Callable[[BaseException], tuple[int, str]], problem: BaseException, expected: int
) -> None:
    code, err = run_raising(problem)
    assert code == expected
    assert "Traceback" not in err


def test_trace_back_with_v(
    run_raising: Callable[[BaseException], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "is_verbose", lambda: True)
    _, err = run_raising(ZeroDivisionError("oh"))
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("hint: this is a bug")
