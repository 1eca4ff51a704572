"""A model file becomes an engine, with its sidecar beside it."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ..media.output import write_atomic
from ..memory import MIB, peak_memory_mib
from .driver import Gpu, answering_gpu, current
from .explain import explain
from .flavour import AUTO, RTX, Flavour, load_flavour
from .log import Lines, listening, shared_log
from .network import (
    check_batches,
    check_inputs,
    check_precision,
    inputs_of,
    layers_by_type,
    outputs_of,
    parse_model,
    precision_of,
    read_model,
)
from .parity import Run, check_parity
from .progress import BuildProgress, make_monitor
from .sidecar import Sidecar, runs_on
from .versions import (
    CURRENT,
    PORTABLE,
    choose_targets,
    load_timing_cache,
    save_timing_cache,
    set_targets,
    without_turing,
)

OPT_BATCH = 4
"""Batch that an engine is fastest for where nobody says: a group of people in a frame."""

T = TypeVar("T")

Opener = Callable[[Path, bytes], AbstractContextManager[Run]]
"""Loads an engine, given its path to be and its bytes; the context is what runs it."""


@dataclass(frozen=True)
class BuildOptions:
    """What to build.

    Attributes:
        flavour: "tensorrt", "rtx", or "auto" for the first that is usable; with targets that are
            named, "auto" is "rtx", which alone can build for other GPUs.
        target: "current", "portable", or names such as "sm86,sm89"; None for "current" where a GPU
            answers and "portable" elsewhere.
        precision: "fp16" or "fp32" to refuse a model that computes in the other; None to accept it.
        min_batch: Smallest batch.
        opt_batch: Batch to be fastest for; None for 4, or the nearest to it that the others allow.
        max_batch: Largest batch, at most 16.
        workspace_mib: Most memory that one layer may take for scratch, in MiB.
        timing_cache: File of timings to begin with and to add to; full TensorRT only.
        gpu: Number of the GPU that "current" stands for.
    """

    flavour: str = AUTO
    target: str | None = None
    precision: str | None = None
    min_batch: int = 1
    opt_batch: int | None = None
    max_batch: int = 16
    workspace_mib: int = 1024
    timing_cache: Path | None = None
    gpu: int = 0

    @property
    def builder(self) -> str:
        """The flavour, where the targets say more of it than ``flavour`` does."""
        named = self.target not in (None, CURRENT, PORTABLE)
        return RTX if self.flavour == AUTO and named else self.flavour

    @property
    def batches(self) -> tuple[int, int, int]:
        """Smallest, best and largest batch."""
        best = self.opt_batch
        if best is None:
            best = max(self.min_batch, min(OPT_BATCH, self.max_batch))
        return self.min_batch, best, self.max_batch


def build_engine(
    onnx: Path,
    target: Path,
    options: BuildOptions,
    progress: BuildProgress | None = None,
    *,
    opener: Opener | None = None,
) -> Sidecar:
    """Build an engine and write it, whole or not at all, with its sidecar.

    Args:
        onnx: The model file, behind the contract of ``ecgan.engine.contract``.
        target: Path of the engine; an existing one is replaced.
        options: What to build.
        progress: Is told how far the build is, and may raise to stop it, KeyboardInterrupt too.
        opener: Loads what was built, to hold it against the model before it gets its name; used
            where the GPU here is among those it was built for.

    Returns:
        What was built.

    Raises:
        OptionError: Batches, targets or precision that do not fit the model or the flavour.
        BackendUnavailable: No TensorRT is usable, or a GPU is needed and none answers.
        ModelMissing: There is no such model file.
        InputError: TensorRT cannot read or run the model.
        BuildFailed: TensorRT failed for another reason, which the message carries.
        OutOfMemory: The GPU's memory ran out.
        ParityError: The engine does not compute what the model does.
        OutputError: The files cannot be written.
    """
    check_batches(*options.batches)
    flavour = load_flavour(options.builder)
    gpu = answering_gpu(options.gpu)
    targets = choose_targets(flavour, options.target, gpu)
    content = read_model(onnx)
    started = time.perf_counter()
    build = _apart(lambda: _Build(flavour, options, content, onnx), gpu)
    if options.target == PORTABLE or (options.target is None and gpu is None):
        targets = without_turing(flavour, targets, build.layers, onnx)
    plan = build.run(targets, progress, gpu)
    here = gpu is not None and runs_on(targets, gpu.capability)
    sidecar = Sidecar(
        flavour=flavour.name,
        version=flavour.version,
        targets=targets,
        device=gpu.name if gpu is not None and here else "",
        precision=precision_of(build.layers),
        layers=build.layers,
        inputs=build.inputs,
        outputs=build.outputs,
        min_batch=options.batches[0],
        opt_batch=options.batches[1],
        max_batch=options.batches[2],
        onnx=onnx.name,
        onnx_sha256=hashlib.sha256(content).hexdigest(),
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        build_s=round(time.perf_counter() - started, 3),
        peak_memory_mib=round(peak_memory_mib(), 1),
        parity={},
    )
    if opener is not None and here:
        with opener(target, plan) as run:
            sidecar = replace(sidecar, parity=check_parity(onnx, sidecar, run))
    write_atomic(target, plan)
    sidecar.save(target)
    return sidecar


def _apart(
    call: Callable[[], T], gpu: Gpu | None, stop: Callable[[BaseException], None] | None = None
) -> T:
    """Let a thread work. Signals then reach this one, not a callback that TensorRT deafens.

    Args:
        call: The work.
        gpu: Whose work it is: TensorRT times its kernels on the thread's GPU.
        stop: Is told what ends the waiting, to end the work as well; without it, it is waited for.
    """
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(_on, gpu, call)
        try:
            return work.result()
        except BaseException as error:
            if stop is not None:
                stop(error)
            raise


def _on(gpu: Gpu | None, call: Callable[[], T]) -> T:
    # a new thread is on the first GPU already
    with current(gpu) if gpu is not None and gpu.index else contextlib.nullcontext():
        return call()


class _Build:
    """One run of TensorRT's builder.

    Args:
        flavour: What builds.
        options: What to build.
        content: The model file.
        onnx: Its path, for messages.
    """

    def __init__(self, flavour: Flavour, options: BuildOptions, content: bytes, onnx: Path) -> None:
        self._flavour, self._options, self._onnx = flavour, options, onnx
        self._builder = self._make_builder()
        self._model = parse_model(flavour, self._builder, content, onnx)
        self.inputs = inputs_of(self._model.network)
        self.outputs = outputs_of(self._model.network)
        self.layers = layers_by_type(self._model.network)
        check_inputs(onnx, self.inputs)
        if options.precision is not None:
            check_precision(onnx, self.layers, options.precision)

    def run(self, targets: list[str], progress: BuildProgress | None, gpu: Gpu | None) -> bytes:
        """Build for targets as ``choose_targets`` gives them, and return the engine's bytes."""
        with listening() as said:
            config = _apart(lambda: self._configure(targets, said), gpu)
            monitor = make_monitor(self._flavour, progress)
            config.progress_monitor = monitor

            def stop(error: BaseException) -> None:
                monitor.stopped = monitor.stopped or error

            build = self._builder.build_serialized_network
            plan = _apart(lambda: build(self._model.network, config), gpu, stop)
        if monitor.stopped is not None:
            raise monitor.stopped
        if plan is None:
            raise explain(said.errors, self._onnx)
        save_timing_cache(config, self._options.timing_cache)
        return bytes(plan)

    def _make_builder(self) -> Any:
        with listening() as said:
            try:
                return self._flavour.module.Builder(shared_log(self._flavour))
            except TypeError as error:  # how a factory that failed shows in Python
                raise explain([*said.errors, str(error)], self._onnx) from error

    def _configure(self, targets: list[str], said: Lines) -> Any:
        options = self._options
        config = self._builder.create_builder_config()
        workspace = self._flavour.module.MemoryPoolType.WORKSPACE
        config.set_memory_pool_limit(workspace, options.workspace_mib * MIB)
        set_targets(self._flavour, config, targets)
        load_timing_cache(self._flavour, config, options.timing_cache)
        profile = self._builder.create_optimization_profile()
        for tensor in self.inputs:
            shapes = [(batch, *tensor.shape[1:]) for batch in options.batches]
            profile.set_shape(tensor.name, *shapes)
        if config.add_optimization_profile(profile) < 0:
            raise explain(said.errors, self._onnx)
        return config
