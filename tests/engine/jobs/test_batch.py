"""A batch: what is skipped, what fails, and that nothing stops the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from ecgan.engine.errors import EcganError, MediaError, ModelMissing, PartialFailure
from ecgan.engine.jobs import photo
from ecgan.engine.jobs.batch import check_reports, run_batch
from ecgan.engine.jobs.inputs import Task, collect, plan_outputs
from ecgan.engine.jobs.report import FileReport, UnmaskOptions

JPEG = b"\xff\xd8\xff\xe0" + bytes(40)


class FakeUnmasker:
    """Counts how often the models were opened and closed."""

    opened = 0
    closed = 0

    def __enter__(self) -> Self:
        FakeUnmasker.opened += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None
    ) -> None:
        FakeUnmasker.closed += 1


@pytest.fixture
def fake_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Photo jobs that copy, and fail where the file's name says so."""

    def job(unmasker: object, source: Path, target: Path, options: UnmaskOptions) -> FileReport:
        if "bad" in source.name:
            raise MediaError(f"'{source}' is damaged", hint="take another")
        if "bug" in source.name:
            raise ZeroDivisionError("division\nby zero")
        if "large" in source.name:
            raise MemoryError
        if "stop" in source.name:
            raise KeyboardInterrupt
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        return FileReport(source, "image", output=target, faces=1, masked=1, changed=1)

    monkeypatch.setattr(photo, "unmask_photo", job)
    monkeypatch.setattr(FakeUnmasker, "opened", 0)
    monkeypatch.setattr(FakeUnmasker, "closed", 0)


@pytest.fixture
def tasks(tmp_path: Path) -> Callable[..., list[Task]]:
    def plan(*names: str) -> list[Task]:
        for name in names:
            (tmp_path / name).write_bytes(JPEG)
        output = tmp_path / "out"
        return plan_outputs(collect([str(tmp_path / name) for name in names], output), output)

    return plan


def run(tasks: list[Task], **options: Any) -> list[FileReport]:
    return run_batch(FakeUnmasker, tasks, UnmaskOptions(**options))  # type: ignore[arg-type]


pytestmark = pytest.mark.usefixtures("fake_job")


def test_a_bad_file_and_a_bug_stop_no_other(tasks: Callable[..., list[Task]]) -> None:
    reports = run(tasks("a.jpg", "bad.jpg", "bug.jpg", "z.jpg"))
    assert [report.status for report in reports] == ["written", "failed", "failed", "written"]
    assert [report.exit_code for report in reports] == [0, 3, 70, 0]
    assert reports[1].hint == "take another"
    assert reports[2].error == "internal error: ZeroDivisionError: division by zero"
    assert (FakeUnmasker.opened, FakeUnmasker.closed) == (1, 1)
    with pytest.raises(PartialFailure, match="2 of 4 files failed"):
        check_reports(reports)


def test_memory_that_runs_out_is_no_bug(tasks: Callable[..., list[Task]]) -> None:
    reports = run(tasks("large.jpg", "z.jpg"))
    assert [report.status for report in reports] == ["failed", "written"]
    assert (reports[0].error, reports[0].exit_code) == ("memory ran out", 6)


def test_the_only_file_fails_with_its_own_code(tasks: Callable[..., list[Task]]) -> None:
    with pytest.raises(EcganError, match="is damaged") as failure:
        check_reports(run(tasks("bad.jpg")))
    assert failure.value.exit_code == 3
    assert failure.value.hint == "take another"


def test_second_run_skips_what_is_done_and_opens_no_model(
    tasks: Callable[..., list[Task]],
) -> None:
    plan = tasks("a.jpg", "b.jpg")
    run(plan)
    plan[1].target.unlink()
    reports = run(plan)
    assert [report.status for report in reports] == ["skipped", "written"]
    assert [report.status for report in run(plan)] == ["skipped", "skipped"]
    assert FakeUnmasker.opened == 2
    check_reports(reports)
    assert [report.status for report in run(plan, overwrite=True)] == ["written", "written"]


def test_a_single_named_file_with_a_result_is_an_error(tasks: Callable[..., list[Task]]) -> None:
    plan = tasks("a.jpg")
    run(plan)
    [report] = run(plan)
    assert (report.status, report.exit_code) == ("failed", 3)
    assert report.hint == "--overwrite replaces it"


def test_missing_models_and_ctrl_c_end_the_batch(tasks: Callable[..., list[Task]]) -> None:
    def no_models() -> Any:
        raise ModelMissing("no 'manifest.json'")

    with pytest.raises(ModelMissing):
        run_batch(no_models, tasks("a.jpg", "b.jpg"), UnmaskOptions())
    plan = tasks("a.jpg", "stop.jpg", "z.jpg")
    with pytest.raises(KeyboardInterrupt):
        run(plan)
    assert [task.target.exists() for task in plan] == [True, False, False]
    assert FakeUnmasker.closed == 1


def test_watch_sees_each_file_that_needs_work(tasks: Callable[..., list[Task]]) -> None:
    plan = tasks("a.jpg", "b.jpg", "c.jpg")
    plan[1].target.parent.mkdir()
    plan[1].target.write_bytes(b"done")
    seen: list[int] = []
    run_batch(FakeUnmasker, plan, UnmaskOptions(), watch=lambda i, task: seen.append(i))  # type: ignore[arg-type,func-returns-value]
    assert seen == [0, 2]
