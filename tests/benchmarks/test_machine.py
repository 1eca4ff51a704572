import platform
from importlib import metadata
from pathlib import Path

import pytest

from ecgan.benchmarks import machine
from ecgan.engine.tensorrt.driver import Gpu


def test_line_names_processor_cores_and_versions() -> None:
    line = machine.machine_line()
    assert "\n" not in line
    assert " cores" in line
    assert f"Python {platform.python_version()}" in line
    assert f"numpy {metadata.version('numpy')}" in line


def test_processor_comes_from_cpuinfo_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "CPUINFO", cpuinfo)
    assert machine.machine_line().startswith(platform.processor() or platform.machine())
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\n")
    assert machine.machine_line().startswith("Some CPU @ 2.00GHz, ")


def test_a_library_that_is_not_there_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LIBRARIES", ("numpy", "no-such-library-anywhere"))
    assert "no-such-library" not in machine.machine_line()


def test_machine_names_what_is_installed_and_the_card_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = machine.machine()
    assert found["versions"]["numpy"] == metadata.version("numpy")
    assert found["cores"] >= 1
    gpu = Gpu(0, "Some GPU", (8, 9), (13, 0))
    monkeypatch.setattr(machine, "answering_gpu", lambda: gpu)
    assert machine.machine()["gpu"] == {
        "name": "Some GPU",
        "target": "sm89",
        "driver": "CUDA 13.0",
    }
