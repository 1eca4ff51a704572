"""Many files, one after the other: a bad one never stops the rest, a done one is not done again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ..errors import EcganError, InternalError, OutputError, PartialFailure, out_of_memory
from ..media.output import check_output
from .inputs import VIDEO, Task
from .report import FileReport, FileStatus, Progress, UnmaskOptions

if TYPE_CHECKING:
    from ..pipeline import Unmasker

log = logging.getLogger(__name__)

Watch = Callable[[int, Task], Progress | None]
"""Called before each file with its index; what it returns is told about the frames."""


def run_batch(
    open_unmasker: Callable[[], Unmasker],
    tasks: Sequence[Task],
    options: UnmaskOptions,
    *,
    preview: bool = False,
    watch: Watch | None = None,
) -> list[FileReport]:
    """Unmask files.

    Args:
        open_unmasker: Loads the models; called once, when the first file needs them.
        tasks: What ``inputs.plan_outputs`` made.
        options: What to do with each.
        preview: Write numbered stills in place of unmasked files.
        watch: Told about each file before it starts.

    Returns:
        One report a task, in their order. Failures are in the reports; ``check_reports`` raises
        them. An error of ``open_unmasker`` is raised here, since no file can do without models.
    """
    reports = []
    with ExitStack() as stack:
        unmasker: Unmasker | None = None
        for index, task in enumerate(tasks):
            report = _without_models(task, options, alone=len(tasks) == 1)
            if report is None:
                if unmasker is None:
                    unmasker = stack.enter_context(open_unmasker())
                progress = watch(index, task) if watch is not None else None
                report = _attempt(unmasker, task, options, preview, progress)
            reports.append(report)
    return reports


def _without_models(task: Task, options: UnmaskOptions, *, alone: bool) -> FileReport | None:
    """The report of a task that needs no work; None for one that does."""
    source = task.source
    if source.problem is not None:
        return _failed(task, source.problem)
    done_before = task.target.exists() and not options.overwrite
    if done_before and not (alone and source.named):
        return FileReport(source.path, source.kind, status=FileStatus.SKIPPED, output=task.target)
    try:
        check_output(source.path, task.target, overwrite=options.overwrite)
    except OutputError as error:
        return _failed(task, error)
    return None


def _attempt(
    unmasker: Unmasker,
    task: Task,
    options: UnmaskOptions,
    preview: bool,
    progress: Progress | None,
) -> FileReport:
    """One task, its error caught into its report."""
    begin = time.perf_counter()
    try:
        report = _run(unmasker, task, options, preview, progress)
    except EcganError as error:
        log.debug("'%s' failed", task.source.path, exc_info=True)
        report = _failed(task, error)
    except MemoryError:
        log.debug("'%s' failed", task.source.path, exc_info=True)
        report = _failed(task, out_of_memory())
    except Exception as error:  # a bug met in one file must not lose the others
        log.debug("'%s' failed", task.source.path, exc_info=True)
        report = _failed(task, InternalError(error))
    report.seconds = report.seconds or time.perf_counter() - begin
    return report


def _run(
    unmasker: Unmasker,
    task: Task,
    options: UnmaskOptions,
    preview: bool,
    progress: Progress | None,
) -> FileReport:
    source = task.source
    if source.kind == VIDEO:
        from . import video

        if preview:
            return video.preview_video(unmasker, source.path, task.target, options)
        return video.unmask_video(unmasker, source.path, task.target, options, progress)
    from . import photo

    job = photo.preview_photo if preview else photo.unmask_photo
    return job(unmasker, source.path, task.target, options)


def _failed(task: Task, error: EcganError) -> FileReport:
    return FileReport(
        task.source.path,
        task.source.kind,
        status=FileStatus.FAILED,
        error=error.message,
        hint=error.hint,
        exit_code=error.exit_code,
    )


def check_reports(reports: Sequence[FileReport]) -> None:
    """Raise the failures of a batch, if any.

    Raises:
        EcganError: The only file failed: its own message, hint and exit code.
        PartialFailure: Some of several failed; the message counts them, the reports name them.
    """
    failed = [report for report in reports if report.status is FileStatus.FAILED]
    if not failed:
        return
    if len(reports) == 1:
        error = EcganError(failed[0].error or "failed", failed[0].hint)
        error.exit_code = failed[0].exit_code
        raise error
    raise PartialFailure(f"{len(failed)} of {len(reports)} files failed")
