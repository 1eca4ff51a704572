"""Real engines, built by TensorRT for RTX on the CPU, and what must not become one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import pytest

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.errors import (
    BackendUnavailable,
    EcganError,
    InputError,
    ModelMissing,
    OptionError,
    OutputError,
    ParityError,
)
from ecgan.engine.models import model_folder as shipped_models
from ecgan.engine.tensorrt import build
from ecgan.engine.tensorrt.build import BuildOptions, Opener, build_engine
from ecgan.engine.tensorrt.driver import Gpu
from ecgan.engine.tensorrt.flavour import TENSORRT, Flavour
from ecgan.engine.tensorrt.network import precision_of
from ecgan.engine.tensorrt.parity import Run
from ecgan.engine.tensorrt.sidecar import Sidecar, Tensor, sidecar_path

from .conftest import FLOAT, HALF, convolutions

pytestmark = pytest.mark.usefixtures("rtx")

SM86 = BuildOptions(flavour="rtx", target="sm86")


def nothing_but(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


# --- what is built -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("portable", ["sm75", "sm80", "sm86", "sm89", "sm120", "sm121"]),
        ("sm86", ["sm86"]),
        ("sm_89, SM80", ["sm89", "sm80"]),
    ],
)
def test_segmenter_that_ships(
    target: str, expected: list[str], rtx: Flavour, tmp_path: Path
) -> None:
    model = shipped_models() / "segmenter.onnx"
    engine = tmp_path / "a.engine"
    made = build_engine(model, engine, BuildOptions(target=target, flavour="rtx"))
    assert made.targets == expected
    assert (made.flavour, made.version, made.device) == ("rtx", rtx.version, "")
    assert made.inputs == [Tensor("crop", "uint8", [-1, 256, 256, 3])]
    assert [(out.dtype, out.shape) for out in made.outputs] == [("uint8", [-1, 256, 256])]
    assert (made.min_batch, made.opt_batch, made.max_batch) == (1, 4, 16)
    assert made.precision == "fp32"  # its weights are stored in half behind a Cast
    assert made.layers["CONVOLUTION"].keys() == {"float32"}
    assert made.onnx_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert made.plan_sha256 == hashlib.sha256(engine.read_bytes()).hexdigest()
    assert made.plan_bytes == engine.stat().st_size > 100_000
    assert 0 < made.build_s < 10  # the bar for this and the generator together
    assert made.peak_memory_mib > 50
    assert Sidecar.load(engine) == made
    sm = [int(name.removeprefix("sm")) for name in expected]
    for capability in [(number // 10, number % 10) for number in sm]:
        plan = engine.read_bytes()
        made.verify(engine, plan, flavour="rtx", version=rtx.version, capability=capability)


def test_generator_that_ships(tmp_path: Path) -> None:
    made = build_engine(shipped_models() / "ecgan-fast.onnx", tmp_path / "a.engine", SM86)
    assert [tensor.name for tensor in made.inputs] == ["crop", "mask", "expression"]
    assert 0 < made.build_s < 10


@pytest.mark.parametrize(
    ("compute", "stored", "precision"),
    [(FLOAT, None, "fp32"), (FLOAT, HALF, "fp32"), (HALF, None, "fp16"), (HALF, FLOAT, "fp16")],
)
def test_precision_is_what_convolutions_compute_in(
    compute: int, stored: int | None, precision: str, tmp_path: Path
) -> None:
    model = tmp_path / "a.onnx"
    model.write_bytes(convolutions(compute, stored))
    made = build_engine(model, tmp_path / "a.engine", SM86)
    assert made.precision == precision
    assert made.layers["CONVOLUTION"] == {"float32" if precision == "fp32" else "float16": 3}


def test_precision_goes_with_the_majority() -> None:
    layers = {"CONVOLUTION": {"float16": 4, "float32": 1}, "MATRIX_MULTIPLY": {"float32": 2}}
    assert precision_of(layers) == "fp16"
    assert precision_of({"CONVOLUTION": {"float16": 1}, "DECONVOLUTION": {"float32": 1}}) == "fp32"
    assert precision_of({"CAST": {"float16": 9}}) == "fp32"


def test_auto_is_rtx_where_targets_are_named(full_model: Path, tmp_path: Path) -> None:
    options = BuildOptions(target="sm89")
    assert options.builder == "rtx"
    assert BuildOptions(target="portable").builder == "auto"
    assert BuildOptions(target="sm89", flavour="tensorrt").builder == "tensorrt"
    made = build_engine(full_model, tmp_path / "a.engine", options)
    assert (made.flavour, made.targets) == ("rtx", ["sm89"])


def test_portable_leaves_out_turing_for_fp32_products(tmp_path: Path, model_folder: Path) -> None:
    """TensorRT for RTX has no fp32 matrix products there; the tiny generator holds one."""
    options = BuildOptions(flavour="rtx", target="portable")
    made = build_engine(model_folder / "generator.onnx", tmp_path / "a.engine", options)
    assert made.layers["MATRIX_MULTIPLY"] == {"float32": 1}
    assert made.targets == ["sm80", "sm86", "sm89", "sm120", "sm121"]


@pytest.mark.usefixtures("ada")
def test_an_engine_for_the_gpu_here_names_it(full_model: Path, tmp_path: Path) -> None:
    made = build_engine(
        full_model, tmp_path / "a.engine", BuildOptions(flavour="rtx", target="sm89")
    )
    assert made.device == "GPU of the test"
    made = build_engine(full_model, tmp_path / "a.engine", SM86)
    assert made.device == ""


# --- the gate ------------------------------------------------------------------------------------


def opener_of(model: Path, opened: list[bytes], error: int) -> Opener:
    """In place of a GPU, ONNX Runtime runs the model, and is off by ``error``."""

    @contextmanager
    def opener(path: Path, plan: bytes) -> Iterator[Run]:
        opened.append(plan)
        backend = OrtBackend.open(model, device="cpu")
        yield lambda feeds: {name: out ^ error for name, out in backend.run(feeds).items()}
        backend.close()

    return opener


@pytest.fixture
def ada(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(0, "GPU of the test", (8, 9), (13, 0))
    monkeypatch.setattr(build, "answering_gpu", lambda index: gpu)


@pytest.mark.usefixtures("ada")
def test_an_engine_is_held_against_its_model(full_model: Path, tmp_path: Path) -> None:
    opened: list[bytes] = []
    options = BuildOptions(flavour="rtx", target="sm89")
    opener = opener_of(full_model, opened, 0)
    made = build_engine(full_model, tmp_path / "a.engine", options, opener=opener)
    assert made.parity == {"psnr": 99.0, "worst": 0.0, "mean": 0.0}
    assert Sidecar.load(tmp_path / "a.engine").parity == made.parity
    assert opened == [(tmp_path / "a.engine").read_bytes()]


@pytest.mark.usefixtures("ada")
def test_an_engine_that_computes_something_else_is_not_kept(
    full_model: Path, tmp_path: Path
) -> None:
    options = BuildOptions(flavour="rtx", target="sm89")
    opener = opener_of(full_model, [], 8)
    with pytest.raises(ParityError, match=r"worst 8 of 255"):
        build_engine(full_model, tmp_path / "a.engine", options, opener=opener)
    assert nothing_but(tmp_path)


@pytest.mark.usefixtures("ada")
def test_an_engine_for_other_gpus_is_not_run(full_model: Path, tmp_path: Path) -> None:
    opened: list[bytes] = []
    opener = opener_of(full_model, opened, 8)
    made = build_engine(full_model, tmp_path / "a.engine", SM86, opener=opener)
    assert (made.parity, opened) == ({}, [])


def test_current_is_the_gpu_that_was_asked_for(
    full_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus = [Gpu(0, "first", (8, 6), (13, 0)), Gpu(1, "second", (8, 9), (13, 0))]
    monkeypatch.setattr(build, "answering_gpu", gpus.__getitem__)
    threads: list[tuple[str, int]] = []

    @contextmanager
    def current(gpu: Gpu) -> Iterator[None]:
        threads.append((gpu.name, threading.get_ident()))
        yield

    monkeypatch.setattr(build, "current", current)
    options = BuildOptions(flavour="rtx", target="current", gpu=1)
    made = build_engine(full_model, tmp_path / "a.engine", options)
    assert (made.targets, made.device) == (["sm89"], "second")
    # parser, configuration and build each have a thread, and none of them is this one
    assert [name for name, _ in threads] == ["second"] * 3
    assert threading.get_ident() not in [number for _, number in threads]


# --- the branch of full TensorRT, run by the library that is here --------------------------------


@pytest.fixture
def full_tensorrt(rtx: Flavour, monkeypatch: pytest.MonkeyPatch) -> None:
    """RTX under the name of the other: it has the calls, though some are without effect."""
    flavour = Flavour(TENSORRT, "11.4", rtx.module)
    gpu = Gpu(0, "GPU of the test", (9, 0), (13, 0))
    monkeypatch.setattr(build, "load_flavour", lambda name: flavour)
    monkeypatch.setattr(build, "answering_gpu", lambda index: gpu)


@pytest.mark.usefixtures("full_tensorrt")
@pytest.mark.filterwarnings("ignore:.*timing cache:DeprecationWarning")  # RTX's, not TensorRT's
def test_full_tensorrt_keeps_its_timings(full_model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "timings"
    for _ in range(2):  # begins it, then goes on with it
        made = build_engine(
            full_model, tmp_path / "a.engine", BuildOptions(target="current", timing_cache=cache)
        )
        assert (made.targets, made.device) == (["sm90"], "GPU of the test")
        assert cache.stat().st_size > 0


@pytest.mark.usefixtures("full_tensorrt")
def test_full_tensorrt_is_portable_from_ampere_on(full_model: Path, tmp_path: Path) -> None:
    made = build_engine(full_model, tmp_path / "a.engine", BuildOptions(target="portable"))
    assert made.targets == ["ampere+"]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(("compute", "wanted"), [(FLOAT, "fp16"), (HALF, "fp32")])
def test_an_engine_is_not_called_what_its_graph_is_not(
    compute: int, wanted: str, tmp_path: Path
) -> None:
    model = tmp_path / "a.onnx"
    model.write_bytes(convolutions(compute, HALF))
    with pytest.raises(OptionError, match=f"3 of 3 .* cannot be called {wanted}"):
        build_engine(model, tmp_path / "a.engine", BuildOptions(flavour="rtx", precision=wanted))
    assert nothing_but(tmp_path, "a.onnx")


@pytest.mark.parametrize("batches", [(0, 1, 2), (2, 1, 4), (1, 4, 2), (1, 4, 17), (-1, -1, -1)])
def test_batches_out_of_order(
    batches: tuple[int, int, int], full_model: Path, tmp_path: Path
) -> None:
    options = BuildOptions(min_batch=batches[0], opt_batch=batches[1], max_batch=batches[2])
    with pytest.raises(OptionError, match="do not fit together"):
        build_engine(full_model, tmp_path / "a.engine", options)


@pytest.mark.parametrize(
    ("given", "expected"), [((2, 2), (2, 2, 2)), ((1, 3), (1, 3, 3)), ((8, 16), (8, 8, 16))]
)
def test_best_batch_follows_the_others(
    given: tuple[int, int], expected: tuple[int, int, int], full_model: Path, tmp_path: Path
) -> None:
    options = BuildOptions(flavour="rtx", target="sm86", min_batch=given[0], max_batch=given[1])
    made = build_engine(full_model, tmp_path / "a.engine", options)
    assert (made.min_batch, made.opt_batch, made.max_batch) == expected


@pytest.mark.parametrize("sizes", [{"batch": 1}, {"side": "H"}])
def test_sizes_that_do_not_fit(sizes: dict[str, int | str], tmp_path: Path) -> None:
    model = tmp_path / "a.onnx"
    model.write_bytes(convolutions(**sizes))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a free batch and no other free size"):
        build_engine(model, tmp_path / "a.engine", SM86)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (BuildOptions(flavour="rtx", target="sm99"), OptionError, "unknown target 'sm99'"),
        (BuildOptions(flavour="rtx", target=""), OptionError, "unknown target ''"),
        (BuildOptions(flavour="rtx", target="sm86,"), OptionError, "unknown target ''"),
        (BuildOptions(flavour="rtx", timing_cache=Path("x")), OptionError, "is of no use"),
        (BuildOptions(flavour="cuda"), OptionError, "unknown TensorRT flavour 'cuda'"),
    ],
)
def test_requests_that_cannot_be(
    options: BuildOptions, error: type[EcganError], words: str, full_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        build_engine(full_model, tmp_path / "a.engine", options)
    assert nothing_but(tmp_path)


def test_current_needs_a_gpu(
    full_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "answering_gpu", lambda index: None)
    options = BuildOptions(flavour="rtx", target="current")
    with pytest.raises(BackendUnavailable, match="needs a GPU"):
        build_engine(full_model, tmp_path / "a.engine", options)


def test_missing_model(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"absent\.onnx' is missing"):
        build_engine(tmp_path / "absent.onnx", tmp_path / "a.engine", SM86)


def test_folder_for_a_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: is a directory"):
        build_engine(tmp_path, tmp_path / "a.engine", SM86)


def test_no_model(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(InputError, match="has no output"):
        build_engine(tmp_path / "a.onnx", tmp_path / "a.engine", SM86)


def test_weights_outside_the_file(tmp_path: Path) -> None:
    model = onnx.load_from_string(convolutions())
    onnx.save(model, tmp_path / "a.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(InputError, match="weights in other files"):
        build_engine(tmp_path / "a.onnx", tmp_path / "a.engine", SM86)


def test_an_engine_that_cannot_be_written(full_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        build_engine(full_model, tmp_path / "file" / "a.engine", SM86)
    assert nothing_but(tmp_path, "file")


# --- progress, and stopping ----------------------------------------------------------------------


def test_progress_never_falls_and_reaches_the_end(full_model: Path, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    build_engine(full_model, tmp_path / "a.engine", SM86, lambda *step: told.append(step))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == pytest.approx(1.0)
    assert len(set(shares)) > 20
    assert all(name for _, name in told)


@pytest.mark.parametrize("after", [0, 5, 50])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_exception_stops_the_build(
    error: type[BaseException],
    after: int,
    full_model: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    engine = tmp_path / "a.engine"
    engine.write_bytes(b"the one before")
    told = []

    def progress(share: float, step: str) -> None:
        told.append(share)
        if len(told) > after:
            raise error

    with pytest.raises(error):
        build_engine(full_model, engine, SM86, progress)
    assert len(told) == after + 1  # nobody is told of a build that was given up
    assert told[-1] < 1.0
    assert engine.read_bytes() == b"the one before"
    assert nothing_but(tmp_path, "a.engine")
    assert capfd.readouterr().err == ""  # TensorRT prints an exception that reaches it
    build_engine(full_model, engine, SM86)  # and the next build is as any other
    assert sidecar_path(engine).is_file()


INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
from ecgan.engine.tensorrt.build import BuildOptions, build_engine

folder, model = Path(sys.argv[1]), Path(sys.argv[2])
threads = threading.active_count()
timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
timer.start()
try:
    for number in range(40):
        build_engine(model, folder / f"{number}.engine", BuildOptions(flavour="rtx", target="sm86"))
except KeyboardInterrupt:
    timer.join()
    patience = time.monotonic() + 5  # the signal may have come while a finished thread was joined
    while threading.active_count() > threads and time.monotonic() < patience:
        time.sleep(0.01)
    print("stopped", threading.active_count() - threads)
"""


def test_ctrl_c_reaches_a_build_that_tells_nobody(tmp_path: Path) -> None:
    """As when a model is built on its first use; the signal comes while TensorRT works."""
    command = [sys.executable, "-c", INTERRUPTED, tmp_path, shipped_models() / "segmenter.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["stopped", "0"]
    assert done.stderr == ""
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]
