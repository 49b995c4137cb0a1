# SPDX-License-Identifier: GPL-2.0-or-later
"""Migrations of a machine without a guest: to nowhere, to another QEMU, slow or fast."""

import contextlib
import os
import socket

from fbqtest.qemu import TIMEOUT_S, wait_for

SLOW = 100 << 10  # bytes/s: sends little of a machine's memory within a test
MEDIUM = 20 << 20
FAST = 100 << 30
# Zero pages take 9 bytes of the stream: what the tests write to lies before this point. A
# background snapshot protects memory that it has not sent from writes.
PAST_DATA = 256 << 10
RUNNING = ("setup", "active", "pre-switchover", "device")


def set_bandwidth(qemu, bytes_per_s):
    qemu.qmp.command("migrate-set-parameters", max_bandwidth=bytes_per_s)


def set_capability(qemu, name, state=True):
    qemu.qmp.command("migrate-set-capabilities",
                     capabilities=[{"capability": name, "state": state}])


def status(qemu):
    return qemu.qmp.command("query-migrate").get("status", "none")


def rounds(qemu):
    """How often the dirty bitmap was synced."""
    return qemu.qmp.command("query-migrate").get("ram", {}).get("dirty-sync-count", 0)


def wait_active(qemu):
    """Wait until the migration sends memory: the first sync is over then."""
    wait_for(lambda: status(qemu) == "active", "migration is active")


def _start(qemu, fd, bandwidth, downtime_ms):
    qemu.qmp.command("migrate-set-parameters", max_bandwidth=bandwidth,
                     downtime_limit=downtime_ms)
    qemu.qmp.command("getfd", fd=fd, fdname="migration")
    qemu.qmp.command("migrate", uri="fd:migration")


def start_to_nowhere(qemu, bandwidth=SLOW, downtime_ms=300):
    """Migrate into /dev/null."""
    fd = os.open(os.devnull, os.O_WRONLY)
    try:
        _start(qemu, fd, bandwidth, downtime_ms)
    finally:
        os.close(fd)


@contextlib.contextmanager
def stalled(qemu, received=0):
    """A migration to somebody who reads that many bytes: active, and going no further."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _start(qemu, ours.fileno(), FAST, 300)
        theirs.settimeout(TIMEOUT_S)
        while received > 0:
            received -= len(theirs.recv(received))
        wait_active(qemu)
        yield


class Channel:
    """The connection between two QEMUs: the destination gets its end when it starts."""

    def __init__(self):
        self.source, self.destination = socket.socketpair()

    def incoming(self):
        """Options and inherited descriptors of the destination."""
        fd = self.destination.fileno()
        return {"extra": ["-incoming", f"fd:{fd}"], "fds": [fd]}

    def start(self, qemu, bandwidth=FAST, downtime_ms=300):
        self.destination.close()
        _start(qemu, self.source.fileno(), bandwidth, downtime_ms)
        self.source.close()


def finish(qemu, timeout_s=20.0):
    """Let it go on as fast as it can, and wait for the end; returns its final status."""
    set_bandwidth(qemu, FAST)
    wait_for(lambda: status(qemu) not in RUNNING, "migration ends", timeout_s)
    return status(qemu)


def migrate(channel, source, destination):
    """Migrate a machine and wait until the destination runs."""
    channel.start(source)
    assert finish(source) == "completed"
    wait_for(lambda: destination.qmp.command("query-status")["status"] == "running",
             "destination runs")
