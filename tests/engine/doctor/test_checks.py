"""Each check on machines that are made up: what is missing is said, with what mends it."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import types
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from ecgan.engine.doctor import (
    CHECKS,
    Finding,
    Status,
    codecs,
    default_path,
    models,
    packages,
    runtimes,
    system,
)
from ecgan.engine.errors import BackendUnavailable
from ecgan.engine.models import Manifest, load_manifest
from ecgan.engine.models.manifest import MANIFEST_NAME
from ecgan.engine.tensorrt.driver import Gpu

CARD = Gpu(0, "NVIDIA GeForce RTX 4070", (8, 9), (13, 0))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Versions of the packages that are "installed"; a test fills it."""
    versions: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    return versions


def no_driver(index: int = 0) -> Gpu:
    raise BackendUnavailable("no NVIDIA driver was found ('libcuda.so.1' cannot be loaded)")


def one_card(index: int = 0) -> Gpu:
    if index:
        raise BackendUnavailable(f"GPU {index} was asked for, and the driver has 1")
    return CARD


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], Gpu]], None]:
    """Puts a made-up driver in the place of the real one."""

    def put(find: Callable[[int], Gpu]) -> None:
        for user in (system, runtimes):
            monkeypatch.setattr(user, "find_gpu", find)
        for module in ("driver", "flavour"):
            monkeypatch.setattr(f"ecgan.engine.tensorrt.{module}.find_gpu", find)

    return put


def test_every_check_of_the_registry_is_a_function_with_a_name_of_its_own() -> None:
    targets = [CHECKS.target(name) for name in CHECKS]
    assert len(set(targets)) == len(targets)
    assert all(callable(CHECKS[name]) for name in CHECKS)


# --- system ----------------------------------------------------------------------------------


def test_python_tells_its_version() -> None:
    [found] = system.python()
    assert found.status is Status.OK
    assert sys.version.split()[0] in found.text


def test_an_old_python_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    [found] = system.python()
    assert found.status is Status.PROBLEM
    assert "3.11" in str(found.command)


def test_no_driver_is_no_problem_where_there_is_no_card(driver, monkeypatch, tmp_path) -> None:
    driver(no_driver)
    monkeypatch.setattr(system, "_PCI", tmp_path)
    [found] = system.gpu()
    assert found.status is Status.ABSENT
    assert found.text == (
        "no NVIDIA driver was found ('libcuda.so.1' cannot be loaded); networks run on the CPU"
    )


@pytest.mark.parametrize(
    ("vendor", "kind", "status"),
    [
        ("0x10de", "0x030000", Status.WARNING),  # a card by NVIDIA
        ("0x10de", "0x040300", Status.ABSENT),  # its sound
        ("0x8086", "0x030000", Status.ABSENT),  # another maker's card
    ],
)
def test_a_card_without_a_driver_is_a_warning(
    driver, monkeypatch, tmp_path, vendor, kind, status
) -> None:
    driver(no_driver)
    device = tmp_path / "0000:01:00.0"
    device.mkdir()
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")
    monkeypatch.setattr(system, "_PCI", tmp_path)
    [found] = system.gpu()
    assert found.status is status
    assert "nvidia.com/drivers" in str(found.command)


def test_driver_and_cards_are_named(driver, monkeypatch, tmp_path) -> None:
    driver(one_card)
    module = tmp_path / "version"
    module.write_text("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release")
    monkeypatch.setattr(system, "_MODULE", module)
    found = system.gpu()
    assert [(one.subject, one.status, one.text) for one in found] == [
        ("driver", Status.OK, "for CUDA 13.0, kernel module 580.95.05"),
        ("GPU 0", Status.OK, "NVIDIA GeForce RTX 4070 (sm89)"),
    ]


# --- packages --------------------------------------------------------------------------------


def test_the_packages_of_this_environment_are_as_required() -> None:
    [found] = packages.required()
    assert found.status is Status.OK
    for name in ("numpy", "pillow", "opencv-python-headless", "onnxruntime", "av", "typer", "rich"):
        assert f"{name} {metadata.version(name)}" in found.text


@pytest.mark.parametrize(
    ("version", "limits", "is_fine"),
    [
        ("18.1.0", ">=18.1,<20", True),
        ("20.0", ">=18.1,<20", False),
        ("18.0.9", ">=18.1,<20", False),
        ("9.2", ">=18.1", False),  # numbers, not letters
        ("18.1rc1", ">=18.1", True),
        ("2.13.0+cpu", ">=2.7", True),
        ("20", "<20.0", False),
    ],
)
def test_versions_are_held_against_their_limits(
    installed, monkeypatch, version, limits, is_fine
) -> None:
    installed["wave"] = version
    monkeypatch.setattr(metadata, "requires", lambda _: [f"wave{limits}", "else>=1; extra == 'x'"])
    [found] = packages.required()
    assert (found.status is Status.OK) == is_fine
    if not is_fine:
        assert found.text == f"version '{version}' is installed, expected {limits}"
        assert found.command == f"pip install 'wave{limits}'"


def test_a_missing_package_and_one_that_does_not_import_are_problems(
    installed, monkeypatch
) -> None:
    installed["wave"] = "1.0"
    monkeypatch.setitem(sys.modules, "wave", None)
    monkeypatch.setattr(metadata, "requires", lambda _: ["wave>=1", "gone>=2"])
    broken, missing = packages.required()
    assert broken.status is missing.status is Status.PROBLEM
    assert broken.text.startswith("cannot be imported: ")
    assert broken.command == "pip install --force-reinstall 'wave>=1'"
    assert (missing.text, missing.command) == ("not installed", "pip install 'gone>=2'")


def test_another_package_with_the_same_module_does_as_well(installed, monkeypatch) -> None:
    installed["onnxruntime-gpu"] = "1.31.1"
    monkeypatch.setattr(metadata, "requires", lambda _: ["onnxruntime>=1.20"])
    [found] = packages.required()
    assert (found.status, found.text) == (Status.OK, "onnxruntime 1.31.1")


def test_two_opencvs_are_found_with_the_command_that_mends_it(installed) -> None:
    installed.update({"opencv-python-headless": "5.0", "onnxruntime": "1.32"})
    assert packages.doubled() == []
    installed["opencv-python"] = "5.0"
    [found] = packages.doubled()
    assert (found.subject, found.status) == ("cv2", Status.WARNING)
    assert "opencv-python-headless and opencv-python" in found.text
    assert found.command == (
        "pip uninstall -y opencv-python-headless opencv-python "
        "&& pip install opencv-python-headless"
    )


def test_of_two_onnxruntimes_the_one_for_gpus_is_kept(installed) -> None:
    installed.update({"onnxruntime": "1.32", "onnxruntime-gpu": "1.31"})
    [found] = packages.doubled()
    assert str(found.command).endswith("&& pip install onnxruntime-gpu")


# --- runtimes --------------------------------------------------------------------------------


def test_the_default_runtime_computes() -> None:
    [found] = runtimes.onnxruntime()
    assert (found.status, found.text) == (
        Status.OK,
        f"{metadata.version('onnxruntime')}, computes on the CPU",
    )


def test_a_default_runtime_that_does_not_import_is_a_problem(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    [found] = runtimes.onnxruntime()
    assert (found.status, found.exit_code) == (Status.PROBLEM, 4)
    assert found.command == "pip install onnxruntime"


@pytest.mark.parametrize(
    ("check", "command"),
    [
        (runtimes.openvino, "pip install 'ecgan[openvino]'"),
        (runtimes.torch, "pip install 'ecgan[train]'"),
        (
            runtimes.tensorrt,
            "pip install --extra-index-url https://pypi.nvidia.com 'ecgan[tensorrt]'",
        ),
        (runtimes.tensorrt_rtx, "pip install 'ecgan[rtx]'"),
        (runtimes.cuda_python, "pip install 'ecgan[rtx]'"),
        (runtimes.pycuda, "pip install 'ecgan[pycuda]'"),
    ],
)
def test_a_runtime_that_is_not_installed_names_what_installs_it(
    installed, monkeypatch, check: Callable[[], list[Finding]], command: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    [found] = check()
    assert (found.status, found.text, found.command) == (Status.ABSENT, "not installed", command)


def test_without_a_gpu_what_needs_one_is_not_touched(installed, driver, monkeypatch) -> None:
    driver(no_driver)
    installed.update({"tensorrt": "11.4", "cuda-python": "13.4", "onnxruntime-gpu": "1.31"})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr("importlib.import_module", lambda name: pytest.fail(f"imported {name}"))
    found = [*runtimes.tensorrt(), *runtimes.cuda_python(), *runtimes.onnxruntime_cuda()]
    assert [one.text for one in found] == [
        f"{version}, needs an NVIDIA GPU and its driver" for version in ("11.4", "13.4", "1.31")
    ]
    assert {one.status for one in found} == {Status.ABSENT}
    assert {one.command for one in found} == {system.GET_DRIVER}


def tensorrt_module(name: str, monkeypatch: pytest.MonkeyPatch, *targets: str) -> None:
    module = types.ModuleType(name)
    module.__version__ = "1.7.1"
    module.ComputeCapability = types.SimpleNamespace(__members__=dict.fromkeys(targets))
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


def test_rtx_without_a_gpu_still_builds(driver, monkeypatch) -> None:
    driver(no_driver)
    tensorrt_module("tensorrt_rtx", monkeypatch, "SM89")
    [found] = runtimes.tensorrt_rtx()
    assert found.status is Status.ABSENT
    assert found.text == "1.7.1, builds engines; to run one needs an NVIDIA GPU and its driver"


@pytest.mark.parametrize(
    ("targets", "status"),
    [
        (("NONE", "SM86", "SM89"), Status.OK),
        (("NONE", "SM75", "SM86"), Status.ABSENT),
    ],
)
def test_rtx_is_for_the_gpus_that_it_names(driver, monkeypatch, targets, status) -> None:
    driver(one_card)
    tensorrt_module("tensorrt_rtx", monkeypatch, *targets)
    [found] = runtimes.tensorrt_rtx()
    assert found.status is status
    assert "sm89" in found.text


def test_tensorrt_on_a_gpu_is_usable(driver, monkeypatch) -> None:
    driver(one_card)
    tensorrt_module("tensorrt", monkeypatch)
    [found] = runtimes.tensorrt()
    assert (found.status, found.text) == (Status.OK, "1.7.1, on NVIDIA GeForce RTX 4070 (sm89)")


def test_bindings_without_their_library_are_a_warning(driver, monkeypatch) -> None:
    driver(one_card)
    tensorrt_module("tensorrt", monkeypatch)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    [found] = runtimes.tensorrt()
    assert found.status is Status.WARNING
    assert "'tensorrt' cannot be imported" in found.text


def test_a_gpu_that_a_library_cannot_open_is_a_warning(installed, driver, monkeypatch) -> None:
    driver(one_card)
    installed["pycuda"] = "2026.1"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "pycuda", None)
    [found] = runtimes.pycuda()
    assert (found.status, found.command) == (Status.WARNING, "pip install 'ecgan[pycuda]'")


def test_a_runtime_for_the_cpu_beside_a_gpu_is_said_with_its_command(driver) -> None:
    if packages.version_of("onnxruntime-gpu"):
        pytest.skip("onnxruntime-gpu is installed here")
    driver(one_card)
    [found] = runtimes.onnxruntime_cuda()
    assert (found.status, found.command) == (Status.ABSENT, runtimes.INSTALL_GPU)


# --- codecs ----------------------------------------------------------------------------------


def test_pictures_and_videos_can_be_written_here() -> None:
    assert codecs.pictures()[0].status is Status.OK
    [video] = codecs.video()
    assert video.status is Status.OK
    assert "libx264" in video.text


def test_missing_codecs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.features.check", lambda codec: codec not in ("avif", "webp"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    have, lack, heic = codecs.pictures()
    assert "JPEG, PNG, TIFF" in have.text
    assert lack.status is Status.WARNING
    assert lack.text == "this Pillow was built without WebP, AVIF"
    assert (heic.status, heic.command) == (Status.ABSENT, "pip install pillow-heif")


def test_an_encoder_that_is_not_there_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "ENCODER", "libx999")
    [found] = codecs.video()
    assert found.status is Status.WARNING
    assert "libx999" in found.text
    assert found.command == "pip install --force-reinstall av"


# --- models and the default path -------------------------------------------------------------


def test_shipped_models_are_verified_and_their_licences_named() -> None:
    found = models.shipped()
    assert {one.status for one in found} == {Status.OK}
    texts = " ".join(one.text for one in found)
    assert "licence: MIT" in texts
    assert "non-commercial" in texts


def test_a_changed_and_a_missing_model_are_problems(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(model_folder, folder)
    (folder / "segmenter.onnx").write_bytes(b"changed")
    (folder / "generator.onnx").unlink()
    monkeypatch.setattr(models, "model_folder", lambda: folder)
    missing, changed, fine = models.shipped()
    assert [one.status for one in (missing, changed, fine)] == ["FAIL", "FAIL", "ok"]
    assert (missing.exit_code, changed.exit_code) == (4, 5)
    assert "the manifest says" in changed.text


def test_a_missing_file_of_another_precision_is_a_problem(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(model_folder, folder)
    first, *others = load_manifest(folder).models
    half = dataclasses.replace(
        first, precisions={"fp16": "half.onnx"}, precision_sha256={"fp16": "0" * 64}
    )
    (folder / MANIFEST_NAME).write_text(Manifest([half, *others]).to_json())
    monkeypatch.setattr(models, "model_folder", lambda: folder)
    assert [one.status for one in models.shipped()] == ["FAIL", "ok", "ok"]


def test_the_default_path_unmasks_the_portrait() -> None:
    [found] = default_path.unmask_a_portrait()
    assert found.status is Status.OK
    assert "by onnxruntime on" in found.text


def test_a_default_path_that_paints_nothing_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    bare = tmp_path / "bare.jpg"
    portrait = Path(__file__).resolve().parents[3] / "examples" / "astronaut.jpg"
    Image.open(portrait).crop((100, 0, 356, 256)).resize((192, 192)).save(bare)
    monkeypatch.setattr(default_path, "PORTRAIT", bare)
    [found] = default_path.unmask_a_portrait()
    assert (found.status, found.exit_code) == (Status.PROBLEM, 6)
    assert "0 were seen and 0 painted" in found.text
