# SPDX-License-Identifier: GPL-2.0-or-later
"""fastballoon drop-caches and compact."""
import signal
import time

import pytest

from played_guest import PlayedGuest, ends, ends_without_answer
from vm import MIB, Played


def asks(peer, command, looks):
    """A played guest that answers one request so, and its socket."""
    played = PlayedGuest(answers={command: looks})
    return played, peer(played).socket


@pytest.mark.parametrize("options, caches", [([], "all"), (["--pages"], "pages"),
                                             (["--slab"], "slab"), (["--slab", "--pages"], "all")])
def test_caches_dropped(run, peer, options, caches):
    played, socket = asks(peer, "drop-caches", ends("ok", 300))
    result = run("drop-caches", *options, "--json", socket=socket)
    assert result.status == 0 and not result.err
    assert played.requests == [{"type": "drop-caches", "caches": caches, "timeout-ms": 60000}]
    shown = result.json
    assert shown.pop("elapsed-ms") > 0
    assert shown == {"request": "drop-caches", "status": "ok", "caches": caches,
                     "figure-bytes": 300 * MIB}


def test_text(run, peer):
    _, socket = asks(peer, "drop-caches", ends("ok", 300))
    assert run("drop-caches", socket=socket).out.startswith(
        "caches dropped: 300 MiB more are free in the guest, after ")
    played, socket = asks(peer, "compact", ends("partial", 12))
    assert run("compact", "--timeout", "7", socket=socket).out.startswith(
        "memory compacted as far as possible: 12 MiB more are free in pieces of 2 MiB and more")
    assert played.requests == [{"type": "compact", "timeout-ms": 7000}]


@pytest.mark.parametrize("looks, status, texts", [
    (ends("busy"), "busy", ["the guest is busy", "in a second"]),
    (ends("denied"), "denied", ["policy forbids it", "ctrl_requests"]),
    (ends("not-supported"), "not-supported", ["does not support it"]),
    (ends("no-memory"), "no-memory", ["no memory to do it"]),
    (ends("failed"), "failed", ["kernel log"]),
    (ends("a-new-one"), "a-new-one", ["ended as a-new-one"]),
    (ends_without_answer("timed-out"), "timed-out", ["did not answer in time", "--timeout"]),
    (ends_without_answer("void"), "void", ["was reset meanwhile"]),
])
def test_failures(run, peer, looks, status, texts):
    _, socket = asks(peer, "compact", looks)
    result = run("compact", "--json", socket=socket)
    assert result.failed_with("compact failed: ", *texts)
    assert result.json["status"] == status and result.json["figure-bytes"] is None


def test_request_of_another_client(run, peer):
    """An answer to another request is not taken for ours."""
    looks = [{"state": "sent", "status": "ok", "figure-bytes": 0}]
    played, socket = asks(peer, "compact", looks)
    look = played.look
    played.look = lambda kind: (look(kind) or {}) | (
        {"id": 9, "state": "done", "figure-bytes": 5} if len(played.calls) > 14 else {})
    assert run("compact", socket=socket).failed_with("another client's request overtook it")


def test_one_at_a_time(run, peer):
    played, socket = asks(peer, "compact", ends("ok"))
    played.shown["compact"] = [{"state": "sent", "id": 1, "status": "ok", "figure-bytes": 0}]
    assert run("compact", socket=socket).failed_with("at work on such a request already")
    assert not played.requests


def test_refused_by_the_device(run, peer):
    _, socket = asks(peer, "compact", RuntimeError("one is in progress"))
    assert run("compact", socket=socket).failed_with("QEMU refused qom-set: one is in progress")


def test_stock_device(run, stock):
    assert run("drop-caches", socket=stock.socket).failed_with(
        "QEMU's own balloon device passes no requests", "fastballoon qemu-args")


def test_older_device(run, peer):
    assert run("compact", socket=peer(Played()).socket).failed_with("load a newer fastballoon.so")


def test_driver_without_control_queue(run, peer):
    played, socket = asks(peer, "compact", ends("ok"))
    played.properties["fastballoon-features"] = 1 << 1
    assert run("compact", socket=socket).failed_with("no control queue", "virtio_fastballoon")
    played.properties["fastballoon-features"] = 0
    assert run("compact", socket=socket).failed_with("no driver in the guest")
    assert not played.requests


def test_vm_that_does_not_run(run, peer):
    played, socket = asks(peer, "compact", ends("ok"))
    played.properties["fastballoon-features"] = 0
    played.replies["query-status"] = {"status": "paused", "running": False}
    assert run("compact", socket=socket).failed_with("the VM does not run (paused)")


def test_interrupt(start, peer):
    _, socket = asks(peer, "compact", [{"state": "sent", "status": "ok", "figure-bytes": 0}])
    process = start("compact", socket=socket)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=5)
    assert process.returncode == 1 and "the guest goes on with it" in error
