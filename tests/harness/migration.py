# SPDX-License-Identifier: GPL-2.0-or-later
"""Move a guest to another QEMU process on the same host."""

import time
from dataclasses import dataclass

from .errors import HarnessError, MigrationFailed

MAX_BANDWIDTH = 100 << 30
DOWNTIME_LIMIT_MS = 2000


@dataclass
class MigrationResult:
    """What one migration took; resident memory before and after is the source's.

    The processor times are those of the two QEMU processes from the start of the migration until
    the destination runs the guest.
    """

    total_ms: int
    downtime_ms: int
    sent_bytes: int
    rss_before_bytes: int
    rss_after_bytes: int
    rounds: int
    destination_rss_bytes: int
    source_cpu_s: float
    destination_cpu_s: float


def migrate(guest, **options):
    """transfer() a guest and wait until it runs in the destination."""
    result = transfer(guest, **options)
    wait_running(guest)
    return result


def transfer(guest, timeout=180.0, capabilities=(), prepare=None, progress=None,
             inspect=None, stopped=None):
    """Migrate a guest over loopback TCP; afterwards `guest` stands for the destination.

    capabilities: QMP migration capabilities to switch on on both sides.
    prepare: called once, just before the migration starts.
    progress: called now and then with the source's answer to query-migrate.
    inspect: called once after the end, while `guest` still is the source.
    stopped: called after the end with the source and the destination, of which neither runs.
    """
    source = guest.machine
    destination = guest.start_machine(incoming=True, paused=stopped is not None)
    for machine in (source, destination):
        _configure(machine, capabilities)
    destination.qmp.execute("migrate-incoming", uri="tcp:127.0.0.1:0")
    port = _listening_port(destination)
    before = source.rss_bytes()
    while source.qmp.take_event("MIGRATION"):
        pass  # of the migration that brought the guest here
    if prepare:
        prepare()
    cpu_before = [machine.cpu_seconds() for machine in (source, destination)]
    source.qmp.execute("migrate", uri=f"tcp:127.0.0.1:{port}")
    info = _wait(source, destination, timeout, progress)
    cpu_after = [machine.cpu_seconds() for machine in (source, destination)]
    result = MigrationResult(
        total_ms=info["total-time"], downtime_ms=info["downtime"],
        sent_bytes=info["ram"]["transferred"], rss_before_bytes=before,
        rss_after_bytes=source.rss_bytes(), rounds=info["ram"]["dirty-sync-count"],
        destination_rss_bytes=destination.rss_bytes(),
        source_cpu_s=cpu_after[0] - cpu_before[0],
        destination_cpu_s=cpu_after[1] - cpu_before[1])
    if inspect:
        inspect()
    if stopped:
        _wait_loaded(destination)
        stopped(source, destination)
        destination.qmp.execute("cont")
    guest.machine = destination
    source.check_kernel_log()
    source.kill()
    return result


def _configure(machine, capabilities):
    wanted = [{"capability": name, "state": True} for name in ("events", *capabilities)]
    machine.qmp.execute("migrate-set-capabilities", capabilities=wanted)
    machine.qmp.execute("migrate-set-parameters", max_bandwidth=MAX_BANDWIDTH,
                        downtime_limit=DOWNTIME_LIMIT_MS)


def _listening_port(machine):
    addresses = machine.qmp.execute("query-migrate").get("socket-address", [])
    if not addresses:
        raise MigrationFailed("the destination does not listen")
    return addresses[0]["port"]


def _wait(source, destination, timeout, progress):
    """Wait for the end by events, since each query takes a lock that the migration needs."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            source.qmp.poll_events(0.25)
            ended = source.qmp.take_event(
                "MIGRATION", lambda data: data["status"] in ("completed", "failed", "cancelled"))
        except HarnessError as error:
            raise source.explain(error) from error
        if ended or progress:
            info = source.qmp.execute("query-migrate")
        if ended and ended["data"]["status"] == "completed":
            return _final_info(source)
        if ended:
            cause = info.get("error-desc", ended["data"]["status"])
            raise destination.explain(MigrationFailed(f"the migration failed: {cause}"))
        if progress:
            progress(info)
        if time.monotonic() > deadline:
            raise source.explain(MigrationFailed(f"no end of the migration in {timeout} s"))


def _final_info(source):
    """The totals: QEMU 7.2 sends the event a little before it has computed them."""
    deadline = time.monotonic() + 10
    while True:
        info = source.qmp.execute("query-migrate")
        if info.get("total-time"):
            return info
        if time.monotonic() > deadline:
            raise MigrationFailed("QEMU does not say how long the migration took")
        time.sleep(0.005)


def _wait_loaded(destination):
    """Wait until a destination that does not go on by itself has the whole state."""
    deadline = time.monotonic() + 30
    while destination.qmp.execute("query-status")["status"] == "inmigrate":
        if time.monotonic() > deadline:
            raise MigrationFailed("the destination does not end its migration")
        time.sleep(0.01)


def wait_running(guest):
    """Wait until the guest runs after a migration and answers a command."""
    deadline = time.monotonic() + 30
    while guest.qmp("query-status")["status"] != "running":
        if time.monotonic() > deadline:
            raise MigrationFailed("the destination does not run after the migration")
        time.sleep(0.01)
    guest.command("ping", timeout=30)
