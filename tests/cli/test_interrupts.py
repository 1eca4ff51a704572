"""Signals end a job where it checks, or soon after where it does not."""

from __future__ import annotations

import os
import signal
import time

import pytest

from ecgan_cli import interrupts
from ecgan_cli.interrupts import GracefulStop, Terminated

ENDS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "error"), ENDS)
def test_a_signal_waits_for_a_check(number: signal.Signals, error: type[BaseException]) -> None:
    steps = []

    def job() -> None:
        with GracefulStop() as stop:
            send(number)
            steps.append("after the signal")
            stop.check()
            steps.append("after the check")

    with pytest.raises(error):
        job()
    assert steps == ["after the signal"]


def test_the_second_signal_is_raised_at_once() -> None:
    steps = []

    def job() -> None:
        with GracefulStop():
            send(signal.SIGTERM)
            steps.append("after the first")
            send(signal.SIGTERM)
            steps.append("after the second")

    with pytest.raises(Terminated):
        job()
    assert steps == ["after the first"]


def test_a_job_that_never_checks_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "GRACE_S", 0.05)

    def job() -> None:
        with GracefulStop():
            send(signal.SIGINT)
            time.sleep(20)

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        job()
    assert time.monotonic() - begin < 10


def test_a_signal_during_the_last_step_is_not_lost() -> None:
    with pytest.raises(Terminated), GracefulStop():
        send(signal.SIGTERM)


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with GracefulStop() as stop:
        stop.check()
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
