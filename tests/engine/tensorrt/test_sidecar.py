"""The sidecar comes back as it was written, and lets nothing run that does not fit."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from ecgan.engine.errors import ModelMismatch, ModelMissing, OutputError
from ecgan.engine.tensorrt.sidecar import Sidecar, Tensor, runs_on, sidecar_path

PLAN = bytes(range(256)) * 4
MODEL_HASH = "ab" * 32


@pytest.fixture
def sidecar() -> Sidecar:
    return Sidecar(
        flavour="rtx",
        version="1.7.1.116",
        targets=["sm86", "sm89"],
        device="",
        precision="fp16",
        layers={"CONVOLUTION": {"float16": 4, "float32": 1}},
        inputs=[Tensor("crop", "uint8", [-1, 256, 256, 3])],
        outputs=[Tensor("mask", "uint8", [-1, 256, 256])],
        min_batch=1,
        opt_batch=4,
        max_batch=16,
        onnx="a.onnx",
        onnx_sha256=MODEL_HASH,
        plan_sha256=hashlib.sha256(PLAN).hexdigest(),
        plan_bytes=len(PLAN),
        build_s=1.5,
        peak_memory_mib=240.0,
        parity={"worst": 1.0, "mean": 0.01},
    )


def verify(
    sidecar: Sidecar,
    *,
    plan: bytes = PLAN,
    flavour: str = "rtx",
    version: str = "1.7.1.116",
    capability: tuple[int, int] = (8, 6),
    onnx_sha256: str | None = MODEL_HASH,
) -> None:
    sidecar.verify(
        Path("a.engine"),
        plan,
        flavour=flavour,
        version=version,
        capability=capability,
        onnx_sha256=onnx_sha256,
    )


def test_round_trip(sidecar: Sidecar, tmp_path: Path) -> None:
    engine = tmp_path / "a.engine"
    sidecar.save(engine)
    assert sidecar_path(engine).name == "a.engine.json"
    assert Sidecar.load(engine) == sidecar
    assert [path.name for path in tmp_path.iterdir()] == ["a.engine.json"]


def test_what_fits(sidecar: Sidecar) -> None:
    verify(sidecar)
    verify(sidecar, capability=(8, 9), onnx_sha256=None)


@pytest.mark.parametrize("place", [0, 511, 1023])
def test_a_changed_byte(place: int, sidecar: Sidecar) -> None:
    plan = bytearray(PLAN)
    plan[place] ^= 1
    with pytest.raises(ModelMismatch, match=r"engine 'a.engine' was changed or damaged"):
        verify(sidecar, plan=bytes(plan))


@pytest.mark.parametrize("plan", [b"", PLAN[:-1], PLAN + b"\0"])
def test_a_changed_length(plan: bytes, sidecar: Sidecar) -> None:
    with pytest.raises(ModelMismatch, match="changed or damaged"):
        verify(sidecar, plan=plan)


def test_another_version(sidecar: Sidecar) -> None:
    with pytest.raises(ModelMismatch, match=r"with rtx 1\.7\.1\.116, here is rtx 1\.8\.0\.1"):
        verify(sidecar, version="1.8.0.1")


def test_another_flavour(sidecar: Sidecar) -> None:
    with pytest.raises(ModelMismatch, match=r"here is tensorrt 11\.4"):
        verify(sidecar, flavour="tensorrt", version="11.4")


def test_another_gpu(sidecar: Sidecar) -> None:
    with pytest.raises(ModelMismatch, match="is for sm86, sm89, the GPU here is sm90") as caught:
        verify(sidecar, capability=(9, 0))
    assert caught.value.exit_code == 5
    assert "--target sm90" in str(caught.value.hint)


def test_another_model(sidecar: Sidecar) -> None:
    with pytest.raises(ModelMismatch, match="another model"):
        verify(sidecar, onnx_sha256="cd" * 32)


@pytest.mark.parametrize(
    ("targets", "capability", "expected"),
    [
        (["sm86"], (8, 6), True),
        (["sm86"], (8, 9), False),
        (["sm120"], (12, 0), True),
        (["ampere+"], (7, 5), False),
        (["ampere+"], (8, 0), True),
        (["ampere+"], (12, 1), True),
        ([], (8, 6), False),
    ],
)
def test_runs_on(targets: list[str], capability: tuple[int, int], expected: bool) -> None:
    assert runs_on(targets, capability) is expected


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"a\.engine\.json', which describes"):
        Sidecar.load(tmp_path / "a.engine")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[]", "has format 'None'"),
        (b'{"format": 2}', "has format '2', expected '1'"),
        (b'{"format": 1}', "does not describe an engine"),
        (b'{"format": 1, "inputs": 3}', "does not describe an engine"),
    ],
)
def test_damaged(text: bytes, words: str, tmp_path: Path) -> None:
    sidecar_path(tmp_path / "a.engine").write_bytes(text)
    with pytest.raises(ModelMismatch, match=words):
        Sidecar.load(tmp_path / "a.engine")


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Sidecar)])
def test_a_field_is_missing(field: str, sidecar: Sidecar, tmp_path: Path) -> None:
    document = sidecar.to_json()
    del document[field]
    sidecar_path(tmp_path / "a.engine").write_text(json.dumps(document))
    with pytest.raises(ModelMismatch, match=field):
        Sidecar.load(tmp_path / "a.engine")


def test_cannot_be_written(sidecar: Sidecar, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        sidecar.save(tmp_path / "file" / "a.engine")
