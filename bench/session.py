# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that are measured in several steps each; a step that fails spoils no other."""

import time
from dataclasses import dataclass, field

from harness.errors import CommandFailed, HarnessError
from harness.guest import Guest

from run import failure_text, final_verdict, gigabytes, start_verifier

BOOT_SECONDS = 11
VERIFY_MIB = 32
VERIFY_RATE_MIB_S = 4
NOT_AVAILABLE = "not available"


class Unavailable(HarnessError):
    """The driver or the device lacks what a row is about."""


@dataclass(frozen=True)
class Step:
    """One row's measurement.

    key: what it is about, in a word; subject and case: the row's names.
    work(bench, record): measures; record(metric, value) takes each figure.
    seconds: about how long it takes. in_a_row: the first guest is measured in all repetitions of
    it, one after the other, and no other guest is booted for it.
    """

    key: str
    subject: str
    case: str
    work: object
    seconds: float
    in_a_row: bool = False


@dataclass(frozen=True)
class Session:
    """A guest and the steps that it is measured in.

    config: its GuestConfig, or a function that makes it when it is needed; None: steps on the host.
    """

    name: str
    config: object
    steps: list = field(default_factory=list)

    def matching(self, pattern, repetition=1, repetitions=1):
        """This session with the steps that a filter of "KEY SUBJECT" and a repetition leave."""
        first = repetition == 1
        steps = []
        for step in self.steps:
            if pattern.search(f"{step.key} {step.subject}"):
                steps += [step] * ((repetitions if first else 0) if step.in_a_row else 1)
        return Session(self.name, self.config, steps)

    def seconds(self):
        """About how long it takes."""
        boot = BOOT_SECONDS if self.config else 0
        return boot + sum(step.seconds for step in self.steps) if self.steps else 0


class BenchGuest:
    """The guest of a session: booted when a step needs it, with the driver that the step wants."""

    def __init__(self, run, session):
        self.run = run
        self._session = session
        self._driver = None
        self._guest = None
        self.state = {}

    @property
    def guest(self):
        """The guest, booted if need be."""
        if self._guest is None:
            config = self._session.config
            config = config() if callable(config) else config
            self.show(f"boot a guest of {gigabytes(config.memory_mib)}")
            guest = Guest(config, f"bench-{self._session.name}", self.run.accelerator)
            self._guest = guest.__enter__()
            start_verifier(guest, VERIFY_MIB, VERIFY_RATE_MIB_S)
        return self._guest

    @property
    def booted(self):
        """Whether there is a guest now."""
        return self._guest is not None

    def show(self, step, detail=""):
        """Say what is being done."""
        self.run.show(f"{self._session.name}: {step}", detail)

    def use_driver(self, driver, params=""):
        """Have the balloon bound by that driver, "stock" or "ours", with those parameters.

        Raises Unavailable where our driver does not know a parameter, or does otherwise.
        """
        guest = self.guest
        if self._driver == (driver, params):
            return
        if self._driver:
            guest.unload_driver(self._driver[0])
            self._driver = None
        try:
            guest.load_driver(driver, params)
        except CommandFailed as error:
            raise Unavailable(f"the driver refuses {params}") from error
        self._driver = (driver, params)
        wanted = [item.split("=", 1) for item in params.split()]
        stats = guest.driver_stats() if wanted else {}
        for name, value in wanted:
            found = stats.get({"page_source": "source"}.get(name, name))
            if found not in (None, value):
                raise Unavailable(f"the driver uses {found}, not {value}")

    def end(self, healthy=True):
        """End the guest; a healthy one's kernel log must be clean."""
        guest, self._guest, self._driver = self._guest, None, None
        self.state = {}
        if guest is not None:
            guest.__exit__(*((None, None, None) if healthy else (KeyboardInterrupt, None, None)))


def measure(run, session):
    """Take the steps of a session in turn; returns the seconds that it took.

    After a failure the guest is ended, and the next step begins with a new one.
    """
    started = time.monotonic()
    bench = BenchGuest(run, session)
    done = []
    try:
        for step in session.steps:
            _take(run, bench, step, done)
        if bench.booted:
            _judge(run, bench, done)
    finally:
        bench.end(healthy=False)
    return time.monotonic() - started


def _take(run, bench, step, done):
    def record(metric, value):
        run.record(step.subject, step.case, metric, value)

    try:
        step.work(bench, record)
        if bench.booted:
            done.append(step)
    except Unavailable as error:
        run.tell(f"{step.key}, {step.subject}: {NOT_AVAILABLE}: {error}")
        record("verdict", f"{NOT_AVAILABLE}: {error}")
    # Whatever it is, the run goes on for hours and the other rows are worth having.
    except Exception as error:  # pylint: disable=broad-except
        run.tell(f"{step.key}, {step.subject}: {type(error).__name__}: {error}")
        record("verdict", failure_text(error))
        _close_failed(bench, done)


def _close_failed(bench, done):
    """End a failed guest; what it did before stays measured, without a verdict."""
    bench.end(healthy=False)
    done.clear()


def _judge(run, bench, done):
    bench.show("verify the contents of memory")
    try:
        verdict = final_verdict(bench.guest)
        bench.end()
    except Exception as error:  # pylint: disable=broad-except
        run.tell(f"at the end of {', '.join(step.key for step in done)}: {error}")
        verdict = failure_text(error)
    for step in done:
        run.record(step.subject, step.case, "verdict", verdict)
