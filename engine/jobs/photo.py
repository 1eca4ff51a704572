"""One photo: read it, take the masks off, write it marked; or number its faces."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import NoFaceError, OutputError
from ..expressions import ALL, EXPRESSIONS, means
from ..media.drawing import contact_sheet, draw_numbers
from ..media.encode import encode, format_of
from ..media.images import check_format, read_image, write_image
from ..media.mask_file import read_mask
from ..media.metadata import Metadata
from ..media.output import atomic_file, check_output, mask_path
from ..media.provenance import make_mark, sidecar_path
from ..media.still import StillImage
from ..types import F32, U8, FaceResult, FaceStatus, Result
from .inputs import IMAGE
from .report import ENLARGED_PX, NOT_MARKED, FileReport, FileStatus, UnmaskOptions
from .stages import Stages

if TYPE_CHECKING:
    from ..pipeline import Unmasker

_SHEET_MARGIN = 0.55
"""What a cell of the seven shows around a face's centre, in sides of its crop."""


def unmask_photo(
    unmasker: Unmasker, source: Path, target: Path, options: UnmaskOptions
) -> FileReport:
    """Take the masks off one photo.

    Args:
        unmasker: The loaded models.
        source: The photo; it stays as it is.
        target: The result; its extension names its format.
        options: What to do. With expression "all" the result shows all seven side by side.

    Returns:
        What was done. Status "left alone" means that no face wears a mask and nothing was written.

    Raises:
        MediaError: The photo cannot be read.
        InputError: The mask file does not fit.
        NoFaceError: No face was found.
        OptionError: An option has a wrong value, or names a face that is not there.
        OutputError: The result cannot be written; checked before any work where possible.
    """
    report = FileReport(source, IMAGE)
    stages = Stages(report.stages)
    begin = time.perf_counter()
    mask_target = _check_targets(source, target, options)
    with stages("read"):
        still = read_image(source, options.max_pixels)
        check_format(target)  # after reading, so that HEIC without its plugin names the input
        report.notes += still.notes
        mask = None
        if options.mask is not None:
            size = still.rgb.shape[1], still.rgb.shape[0]
            mask = read_mask(options.mask, size, source, options.max_pixels)
    with stages("unmask"):
        results = _results(unmasker, still, mask, options)
        result = next(results)
        cells = _cells(result, results) if _wants_all(options) else None
    _count(report, source, result)
    if report.changed:
        with stages("write"):
            written, patches = still, result.patches
            if cells is not None:
                written, patches = _as_shown(still, contact_sheet(cells, EXPRESSIONS)), []
                if (still.mode, still.is_deep) != ("RGB", False):
                    report.notes.append("the picture of all seven is 8-bit RGB")
            mark = make_mark(options.expression) if options.provenance else None
            mask_file = None if mask_target is None else _mask_png(result.mask)
            del result, results  # their full-size arrays would only wait beside the encoder
            with ExitStack() as stack:
                if mask_target is not None and mask_file is not None:
                    stack.enter_context(atomic_file(mask_target)).write_bytes(mask_file)
                report.notes += write_image(target, written, patches, mark)
        report.output, report.mask_output = target, mask_target
        if mark is None:
            report.notes.append(NOT_MARKED)
    report.seconds = time.perf_counter() - begin
    return report


def preview_photo(
    unmasker: Unmasker, source: Path, target: Path, options: UnmaskOptions
) -> FileReport:
    """Write the photo with a box and a number on each face, as ``--faces`` and ``--face`` take it.

    Raises:
        MediaError: The photo cannot be read.
        NoFaceError: No face was found.
        OutputError: The still cannot be written.
    """
    report = FileReport(source, IMAGE)
    stages = Stages(report.stages)
    begin = time.perf_counter()
    check_output(source, target, overwrite=options.overwrite)
    check_format(target)
    with stages("read"):
        still = read_image(source, options.max_pixels)
    with stages("detect"):
        faces = unmasker.detect(still.rgb)
    if not faces:
        raise _no_face(source)
    with stages("write"):
        numbered = draw_numbers(still.rgb, list(enumerate(faces, 1)))
        report.notes += write_image(target, _as_shown(still, numbered), [], None)
    report.output, report.faces = target, len(faces)
    report.frames = report.frames_with_face = 1
    report.seconds = time.perf_counter() - begin
    return report


def _wants_all(options: UnmaskOptions) -> bool:
    return means(options.expression, ALL)


def _no_face(source: Path) -> NoFaceError:
    return NoFaceError(
        f"no face found in '{source}'",
        hint="faces need to be about 20 pixels high or more and to look roughly this way",
    )


# --- before the work ---------------------------------------------------------------------------


def _check_targets(source: Path, target: Path, options: UnmaskOptions) -> Path | None:
    """Refuse outputs that must not be written; returns where the mask goes, if it is asked for."""
    check_output(source, target, overwrite=options.overwrite)
    if format_of(target) == "BMP" and options.provenance:
        check_output(source, sidecar_path(target), overwrite=options.overwrite)
    if not options.save_mask:
        return None
    mask_target = mask_path(target, ".png")
    check_output(source, mask_target, overwrite=options.overwrite)
    if mask_target == target:
        raise OutputError(
            f"'{target}' is where --save-mask writes the mask", hint="give another name with -o"
        )
    if options.mask is not None:
        check_output(options.mask, mask_target, overwrite=options.overwrite)
    return mask_target


# --- the work ----------------------------------------------------------------------------------


def _results(
    unmasker: Unmasker, still: StillImage, mask: F32 | None, options: UnmaskOptions
) -> Iterator[Result]:
    return unmasker.unmask_each(
        still.rgb,
        EXPRESSIONS if _wants_all(options) else [options.expression],
        intensity=options.intensity,
        faces=options.faces,
        face_expressions=options.face_expressions,
        min_face=options.min_face,
        mask=mask,
    )


def _count(report: FileReport, source: Path, result: Result) -> None:
    """Fill the report from what was done with each face."""
    if not result.faces:
        raise _no_face(source)
    changed = [face for face in result.faces if face.status is FaceStatus.CHANGED]
    report.faces, report.masked, report.changed = len(result.faces), len(changed), len(changed)
    report.reasons = dict(Counter(str(face.status) for face in result.faces if face not in changed))
    report.frames = report.frames_with_face = 1
    report.frames_masked = report.frames_changed = int(bool(changed))
    report.enlarged = sum(face.side_px > ENLARGED_PX for face in changed)
    if not changed:
        report.status = FileStatus.LEFT_ALONE


def _cells(first: Result, others: Iterator[Result]) -> list[U8]:
    """The part of each result that shows the changed faces."""
    changed = [face for face in first.faces if face.status is FaceStatus.CHANGED]
    if not changed:
        return []
    x0, y0, x1, y1 = _surroundings(changed, first.image)
    cells = [first.image[y0:y1, x0:x1].copy()]
    cells += [other.image[y0:y1, x0:x1].copy() for other in others]
    return cells


def _surroundings(faces: list[FaceResult], frame: U8) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of what the crops of these faces cover in the frame."""
    boxes = np.array([face.face.bbox for face in faces], np.float64)
    reach = np.array([face.side_px for face in faces])[:, None] * _SHEET_MARGIN
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    low = np.maximum(np.floor((middles - reach).min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil((middles + reach).max(axis=0)), frame.shape[1::-1]).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


# --- what is written ---------------------------------------------------------------------------


def _as_shown(still: StillImage, picture: U8) -> StillImage:
    """A new 8-bit RGB picture that keeps the photo's profile, where that is one for RGB."""
    icc = still.metadata.icc
    kept = icc if icc is not None and icc[16:20] == b"RGB " else None
    return replace(
        still,
        mode="RGB",
        samples=picture,
        rgb=picture,
        metadata=Metadata(icc=kept, lossless=still.metadata.lossless),
    )


def _mask_png(alpha: F32) -> bytes:
    """Blend weights as an 8-bit grey PNG, 255 = repainted."""
    import cv2

    levels = cv2.convertScaleAbs(alpha, alpha=255)  # in one pass, without wide numbers in between
    return encode(levels, "L", "PNG", Metadata(), None)[0]
