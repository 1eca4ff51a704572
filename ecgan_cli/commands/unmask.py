"""`ecgan unmask`: files, folders and globs in, unmasked files out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ecgan.engine.errors import EcganError, InputError, OptionError
from ecgan.engine.jobs.inputs import UNKNOWN, VIDEO, Task, collect, plan_outputs
from ecgan.engine.jobs.report import UnmaskOptions

from .. import console, options

if TYPE_CHECKING:
    from ecgan.engine.pipeline import Unmasker


def command(
    inputs: options.Inputs,
    expression: options.Expression = UnmaskOptions.expression,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    save_mask: options.SaveMask = False,
    preview: options.Preview = False,
    no_provenance: options.NoProvenance = False,
    intensity: options.Intensity = UnmaskOptions.intensity,
    faces: options.Faces = UnmaskOptions.faces,
    face: options.Face = None,
    min_face: options.MinFace = UnmaskOptions.min_face,
    mask: options.Mask = None,
    max_pixels: options.MaxPixels = UnmaskOptions.max_pixels,
    crf: options.Crf = None,
    preset: options.Preset = None,
    start: options.Start = None,
    end: options.End = None,
    model: options.Model = None,
    backend: options.Backend = "onnxruntime",
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    threads: options.Threads = None,
    batch: options.Batch = None,
    detector: options.Detector = "retinaface",
    detector_model: options.DetectorModel = None,
    as_json: options.Json = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Take the masks off the faces of photos and videos.

    The lower face is invented to fit what is visible. It is not what the person looks like: do not
    use it to recognise anybody, and ask people before you show it. Every result is marked as
    synthetic. A face without a mask is left alone.
    """
    with _json_errors(as_json):
        asked = UnmaskOptions(
            expression=expression,
            intensity=intensity,
            faces=faces,
            face_expressions=_face_expressions(face or []),
            min_face=min_face,
            mask=mask,
            save_mask=save_mask,
            overwrite=overwrite,
            provenance=not no_provenance,
            max_pixels=max_pixels,
            crf=UnmaskOptions.crf if crf is None else crf,
            preset=preset or UnmaskOptions.preset,
            start=start,
            end=end,
        )
        _check_request(asked)
        tasks = plan_outputs(
            collect(inputs, output), output, preview=preview, save_mask=save_mask and not preview
        )
        encoding = {"--crf": crf, "--preset": preset}
        if not any(task.source.kind in (VIDEO, UNKNOWN) for task in tasks):
            _refuse({**encoding, "--start": start, "--end": end}, "no input is a video")
        if preview:
            _refuse(encoding | _unlike_default(asked), "--preview only numbers the faces")

        def open_unmasker() -> Unmasker:
            from ecgan.engine.pipeline import Unmasker
            from ecgan.trainer.torch_backend import register

            register()
            return Unmasker(
                models=model,
                backend=backend,
                device=device,
                detector=detector,
                threads=threads,
                precision=precision,
                batch=batch,
                detector_options=None if detector_model is None else {"path": detector_model},
            )

        failure = _run(open_unmasker, tasks, asked, preview=preview, as_json=as_json)
    if failure is not None:
        raise failure


@contextmanager
def _json_errors(wanted: bool) -> Iterator[None]:
    """With --json, an error that ends all before a file was looked at is a document too."""
    try:
        yield
    except EcganError as error:
        if wanted:
            from .. import summary

            console.json_result(summary.document([], {}, error))
        raise


def _face_expressions(texts: Sequence[str]) -> dict[int, str]:
    """Read ``--face 1=happy`` options."""
    requests: dict[int, str] = {}
    for text in texts:
        number, equals, request = text.partition("=")
        if not (equals and request and number.strip().isdecimal() and int(number) > 0):
            raise OptionError(
                f"--face '{text}' is not a face and its expression",
                hint="write it as --face 1=happy; --preview shows the numbers",
            )
        if int(number) in requests:
            raise OptionError(f"--face {int(number)} is given twice")
        requests[int(number)] = request
    return requests


def _check_request(asked: UnmaskOptions) -> None:
    """Refuse wrong values before anything is loaded or read."""
    from ecgan.engine.expressions import ALL, EXPRESSIONS, face_weights, means
    from ecgan.engine.selection import parse_faces

    is_all = means(asked.expression, ALL)
    requests = {0: EXPRESSIONS[0] if is_all else asked.expression, **asked.face_expressions}
    face_weights(requests, asked.intensity)
    parse_faces(asked.faces)
    if asked.mask is not None and not asked.mask.is_file():
        raise InputError(f"no file '{asked.mask}' for --mask")


def _refuse(given: Mapping[str, object], reason: str) -> None:
    """An option without effect is an error, not a surprise."""
    for name, value in given.items():
        if value is not None:
            raise OptionError(f"{name} has no effect: {reason}")


def _unlike_default(asked: UnmaskOptions) -> dict[str, object]:
    """The options about painting that were given, by name."""
    names = {
        "expression": "--expression",
        "intensity": "--intensity",
        "faces": "--faces",
        "face_expressions": "--face",
        "min_face": "--min-face",
        "mask": "--mask",
        "save_mask": "--save-mask",
        "provenance": "--no-provenance",
    }
    default = UnmaskOptions()
    return {
        name: True
        for field, name in names.items()
        if getattr(asked, field) != getattr(default, field)
    }


def _run(
    open_unmasker: Callable[[], Unmasker],
    tasks: Sequence[Task],
    asked: UnmaskOptions,
    *,
    preview: bool,
    as_json: bool,
) -> EcganError | None:
    """Do it, say what was done, and return what failed."""
    from ecgan.engine.jobs.batch import check_reports, run_batch

    from .. import summary
    from ..interrupts import GracefulStop, warning_if_stopped
    from ..progress import BatchProgress

    engine: dict[str, Any] = {}

    def open_and_describe() -> Unmasker:
        unmasker = open_unmasker()
        engine.update(unmasker.describe())
        return unmasker

    again = "; run it again to go on with the rest" if len(tasks) > 1 else ""
    with (
        warning_if_stopped(f"no half file was left{again}"),
        GracefulStop() as stop,
        BatchProgress(len(tasks), stop.check) as bars,
    ):
        reports = run_batch(open_and_describe, tasks, asked, preview=preview, watch=bars.begin)
    failure: EcganError | None = None
    try:
        check_reports(reports)
    except EcganError as error:
        failure = error
    summary.show(reports, engine, preview=preview)
    if as_json:
        console.json_result(summary.document(reports, engine, failure))
    else:
        summary.print_results(reports)
    return failure
