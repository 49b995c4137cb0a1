# SPDX-License-Identifier: GPL-2.0-or-later
"""The measurements: one guest each, with a process in it that verifies memory all the time."""

import time

from harness.errors import HarnessError
from harness.guest import MIB, Guest
from harness.migration import transfer, wait_running

import hostmem
from run import (SETTLE_SECONDS, failure_text, final_verdict, gigabytes, given_mib, sent_text,
                 start_verifier)
from subjects import LIMIT

VERIFY_MIB = 256
VERIFY_RATE_MIB_S = 50
INFLATE_GUEST_MIB = 4096
MIGRATE_GUEST_MIB = 8192


def inflate_case(memory_mib, populated):
    """Name of an inflate case."""
    state = "populated" if populated else "untouched"
    given = gigabytes(given_mib(memory_mib))
    return f"inflate {given} of {gigabytes(memory_mib)}, init_on_alloc=1, {state}"


def migrate_case(memory_mib):
    """Name of a migration case."""
    return (f"migrate {gigabytes(memory_mib)}, used {gigabytes(given_mib(memory_mib))} and freed, "
            "init_on_alloc=1")


def measure_limit(run, memory_mib):
    """What a plain C program needs to give as much memory back: no balloon can be faster."""
    case = inflate_case(memory_mib, True)
    run.show("limit: a C program gives its own memory back")
    run.record(LIMIT.name, case, "inflate_s", hostmem.limit_s(given_mib(memory_mib)))


def measure_inflate(run, subject, memory_mib):
    """Inflate and deflate an untouched and then a populated guest.

    Our driver inflates through the reporting queue of the stock device, which therefore is on
    in that row, and only there.
    """
    reporting = subject.name == "ours-on-stock"
    config = subject.config(memory_mib, run.accelerator, reporting, run.flush_stock)
    verdict = "no result"
    run.show(f"{subject.title}: boot a guest of {gigabytes(memory_mib)}")
    try:
        with Guest(config, f"inflate-{subject.name}", run.accelerator) as guest:
            start_verifier(guest, VERIFY_MIB, VERIFY_RATE_MIB_S)
            for populated in (False, True):
                _measure_resize(run, subject, guest, populated)
            run.show(f"{subject.title}: verify the contents of memory")
            verdict = final_verdict(guest)
    except HarnessError as error:
        run.tell(f"{subject.title}: {error}")
        verdict = failure_text(error)
    run.record(subject.name, inflate_case(memory_mib, True), "verdict", verdict)


def measure_migration(run, subject, memory_mib):
    """Migrate a guest most of whose memory was used and freed, and verify on the destination."""
    case = migrate_case(memory_mib)
    used = given_mib(memory_mib)
    config = subject.config(memory_mib, run.accelerator, flush_stock=run.flush_stock)
    verdict = "no result"
    run.show(f"{subject.title}: boot a guest of {gigabytes(memory_mib)}")
    try:
        with Guest(config, f"migrate-{subject.name}", run.accelerator) as guest:
            start_verifier(guest, VERIFY_MIB, VERIFY_RATE_MIB_S)
            run.show(f"{subject.title}: a process uses {gigabytes(used)} and exits")
            guest.touch(used)
            time.sleep(SETTLE_SECONDS)
            result = _transfer(run, subject, guest)
            for metric, value in _migration_metrics(result):
                run.record(subject.name, case, metric, value)
            run.show(f"{subject.title}: verify the contents of memory on the destination")
            wait_running(guest)
            verdict = final_verdict(guest)
    except HarnessError as error:
        run.tell(f"{subject.title}: {error}")
        verdict = failure_text(error)
    run.record(subject.name, case, "verdict", verdict)


def _transfer(run, subject, guest):
    run.show(f"{subject.title}: fill and free host memory for the destination")
    with hostmem.warmed(guest.config.memory_mib) as release:
        run.show(f"{subject.title}: migrate")
        return transfer(guest, prepare=release, progress=lambda info: run.show(
            f"{subject.title}: migrate", sent_text(info)))


def _migration_metrics(result):
    return [
        ("migration_s", result.total_ms / 1000),
        ("downtime_s", result.downtime_ms / 1000),
        ("sent_bytes", result.sent_bytes),
        ("source_rss_before_bytes", result.rss_before_bytes),
        ("source_rss_bytes", result.rss_after_bytes),
    ]


def _measure_resize(run, subject, guest, populated):
    memory_mib = guest.config.memory_mib
    given = given_mib(memory_mib)
    case = inflate_case(memory_mib, populated)

    def record(metric, value):
        run.record(subject.name, case, metric, value)

    def show(step, detail=""):
        run.show(f"{subject.title}: {step}", detail)

    if populated:
        show(f"a process uses {gigabytes(given)} and exits")
        guest.touch(given)
    else:
        show("fill and free host memory")
        hostmem.warm(given)
    record("rss_before_bytes", guest.machine.rss_bytes())
    show(f"inflate {gigabytes(given)}")
    record("inflate_s", guest.set_memory(memory_mib - given, progress=lambda actual: show(
        f"inflate {gigabytes(given)}", f": {memory_mib - actual // MIB} MiB")))
    record("rss_inflated_bytes", guest.machine.rss_bytes())
    time.sleep(0.5)
    show(f"deflate {gigabytes(given)}")
    record("deflate_s", guest.set_memory(memory_mib, progress=lambda actual: show(
        f"deflate {gigabytes(given)}", f": {memory_mib - actual // MIB} MiB left")))
