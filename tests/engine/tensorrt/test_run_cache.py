"""Engines are built once, and one that does not fit is never run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ecgan.engine.errors import EcganError, ModelMismatch, OutputError
from ecgan.engine.tensorrt import cache, fake_trt
from ecgan.engine.tensorrt.build import BuildOptions
from ecgan.engine.tensorrt.cache import EngineCache
from ecgan.engine.tensorrt.driver import Gpu
from ecgan.engine.tensorrt.fake_device import FakeDevice
from ecgan.engine.tensorrt.fake_trt import fake_build, fake_flavour
from ecgan.engine.tensorrt.flavour import Flavour
from ecgan.engine.tensorrt.sidecar import sidecar_path

from .stand_in import GPU, StandIn


@pytest.fixture
def onnx(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(model_folder / "segmenter.onnx", tmp_path / "net.onnx"))


@pytest.fixture
def here(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path / "engines")


def start(here: StandIn, onnx: Path) -> None:
    """What a start of the program does with a model."""
    here.platform().open(onnx).close()
    assert here.is_clean


def engine_of(here: StandIn) -> Path:
    (path,) = here.folder.glob("*.engine")
    return path


def test_the_second_start_does_not_build(
    here: StandIn, onnx: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(here, onnx)
    assert here.built == ["net.onnx"]
    (said,) = [record.message for record in caplog.records]
    assert said.startswith("building the TensorRT engine of 'net.onnx', about 1 s; it is kept")
    caplog.clear()
    for _ in range(2):
        start(here, onnx)
    assert here.built == ["net.onnx"]
    assert caplog.records == []


def _damage(engine: Path) -> None:
    content = bytearray(engine.read_bytes())
    content[len(content) // 2] ^= 1
    engine.write_bytes(content)


def _cut(engine: Path) -> None:
    engine.write_bytes(engine.read_bytes()[:-100])


def _edit(**fields: object) -> Callable[[Path], None]:
    def edit(engine: Path) -> None:
        path = sidecar_path(engine)
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return edit


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_damage, "was changed or damaged"),
        (_cut, "was changed or damaged"),
        (lambda engine: engine.write_bytes(b""), "was changed or damaged"),
        (lambda engine: sidecar_path(engine).unlink(), "which describes the engine, is missing"),
        (lambda engine: sidecar_path(engine).write_text("{"), "is not valid JSON"),
        (lambda engine: sidecar_path(engine).write_text("[]"), "has format 'None'"),
        (_edit(layers=None, surplus=1), "does not describe an engine"),
        (_edit(version="9.9"), "was built with rtx 9.9, here is rtx 0.0.fake"),
        (_edit(flavour="tensorrt"), "was built with tensorrt 0.0.fake, here is rtx"),
        (_edit(targets=["sm120"]), "is for sm120, the GPU here is sm86"),
        (_edit(onnx_sha256="0" * 64), "was built from another model"),
    ],
)
def test_what_does_not_fit_is_said_and_built_again(
    spoil: Callable[[Path], None],
    words: str,
    here: StandIn,
    onnx: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    start(here, onnx)
    spoil(engine_of(here))
    caplog.clear()
    start(here, onnx)
    assert here.built == ["net.onnx"] * 2
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert words in said[0]
    assert said[0].endswith("it is not used")
    assert not any("\n" in line for line in said)
    caplog.clear()
    start(here, onnx)
    assert here.built == ["net.onnx"] * 2


def test_an_engine_that_tensorrt_refuses_is_built_again(
    here: StandIn, onnx: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(here, onnx)
    load, refused = fake_trt._Runtime.deserialize_cuda_engine, []

    def refuses_once(self: fake_trt._Runtime, plan: bytes) -> object:
        if refused:
            return load(self, plan)
        refused.append(plan)
        self._log.log(fake_trt.Severity.ERROR, "IRuntime: Version tag does not match")
        return None

    monkeypatch.setattr(fake_trt._Runtime, "deserialize_cuda_engine", refuses_once)
    caplog.clear()
    start(here, onnx)
    assert here.built == ["net.onnx"] * 2
    assert "was built with another version of TensorRT; it is not used" in caplog.text


def test_one_that_is_always_refused_is_an_error(
    here: StandIn, onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(self: fake_trt._Runtime, plan: bytes) -> None:
        self._log.log(
            fake_trt.Severity.ERROR, "The engine cannot run on this GPU, which has compute"
        )

    monkeypatch.setattr(fake_trt._Runtime, "deserialize_cuda_engine", refuses)
    with pytest.raises(ModelMismatch, match="does not support the GPU here") as caught:
        start(here, onnx)
    assert caught.value.exit_code == 5
    assert here.built == ["net.onnx"]
    assert here.is_clean


def test_a_build_that_leaves_a_wrong_engine_is_an_error(here: StandIn, onnx: Path) -> None:
    def build(source: Path, target: Path, options: BuildOptions) -> object:
        made = fake_build(source, target, options)
        _damage(target)
        return made

    with pytest.raises(ModelMismatch, match="is not what was built a moment ago"):
        here.platform(build).open(onnx)  # type: ignore[arg-type]
    assert here.is_clean


def test_one_beside_the_model_comes_first(
    here: StandIn, onnx: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As ``ecgan build-engine`` makes them; one for another GPU is passed over."""
    beside = onnx.with_suffix(".engine")
    fake_build(onnx, beside, BuildOptions(flavour="rtx"))
    start(here, onnx)
    assert here.built == []
    _edit(targets=["sm75"])(beside)
    start(here, onnx)
    assert here.built == ["net.onnx"]
    assert "is for sm75" in caplog.text
    start(here, onnx)
    assert here.built == ["net.onnx"]


def test_one_that_takes_no_single_face_is_passed_over(
    here: StandIn, onnx: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake_build(onnx, onnx.with_suffix(".engine"), BuildOptions(flavour="rtx", min_batch=2))
    start(here, onnx)
    assert here.built == ["net.onnx"]
    assert "takes 2 faces at least, not one; it is not used" in caplog.text


def test_another_of_anything_is_another_engine(tmp_path: Path, onnx: Path) -> None:
    flavour = fake_flavour(FakeDevice())
    content = onnx.read_bytes()

    def path(
        content: bytes = content,
        flavour: Flavour = flavour,
        gpu: Gpu = GPU,
        options: BuildOptions | None = None,
    ) -> Path:
        return EngineCache(flavour, gpu, options=options, folder=tmp_path).path_of(onnx, content)

    same = BuildOptions(flavour="rtx", target="current")
    assert path() == path(options=same)
    others = [
        path(content + b" "),
        path(flavour=Flavour("rtx", "2.0", None)),
        path(flavour=Flavour("tensorrt", flavour.version, None)),
        path(gpu=Gpu(0, "Another GPU", GPU.capability, GPU.driver)),
        path(gpu=Gpu(0, GPU.name, (8, 9), GPU.driver)),
        path(options=BuildOptions(flavour="rtx", max_batch=8)),
        path(options=BuildOptions(flavour="rtx", workspace_mib=2)),
    ]
    assert len({path(), *others}) == 1 + len(others)
    newer_driver = Gpu(1, GPU.name, GPU.capability, (13, 9))
    assert path(gpu=newer_driver) == path()


def test_a_folder_that_cannot_be_written_names_the_variable(onnx: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    def build(source: Path, target: Path, options: BuildOptions) -> object:
        raise OutputError(f"'{tmp_path / 'file'}' is a file")

    with pytest.raises(OutputError, match="is a file") as caught:
        StandIn(tmp_path / "file" / "engines").platform(build).open(onnx)  # type: ignore[arg-type]
    assert "ECGAN_CACHE" in str(caught.value.hint)


def test_where_engines_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path))
    assert cache.engine_folder() == tmp_path / "engines"
    monkeypatch.delenv(cache.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache.engine_folder() == tmp_path / "x" / "ecgan" / "engines"


def test_a_build_takes_as_long_as_the_last_one(
    here: StandIn, onnx: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(here, onnx)
    _edit(build_s=42.4)(engine_of(here))
    caplog.clear()
    onnx.write_bytes(_with_other_producer(onnx.read_bytes()))
    start(here, onnx)
    assert "about 42 s" in caplog.text


def _with_other_producer(content: bytes) -> bytes:
    """The same network in other bytes."""
    changed = content.replace(b"tests", b"tests"[::-1], 1)
    assert changed != content
    return changed


def test_kernels_of_rtx_are_kept_beside_the_engine(here: StandIn, onnx: Path) -> None:
    start(here, onnx)
    kernels = engine_of(here).with_name(engine_of(here).name + ".kernels")
    content = kernels.read_bytes()
    assert content
    before = kernels.stat().st_mtime_ns
    start(here, onnx)
    assert kernels.stat().st_mtime_ns == before  # nothing new, nothing written
    kernels.write_bytes(b"of another version")
    start(here, onnx)
    assert kernels.read_bytes() == content


def test_full_tensorrt_has_no_kernels_to_keep(tmp_path: Path, onnx: Path) -> None:
    here = StandIn(tmp_path / "engines", "tensorrt")
    start(here, onnx)
    assert sorted(path.suffix for path in here.folder.iterdir()) == [".engine", ".json"]


def test_a_failed_build_is_told_as_it_is(here: StandIn, onnx: Path) -> None:
    def build(source: Path, target: Path, options: BuildOptions) -> object:
        raise EcganError("the build failed")

    with pytest.raises(EcganError, match="the build failed"):
        here.platform(build).open(onnx)  # type: ignore[arg-type]
    assert here.is_clean
