# SPDX-License-Identifier: GPL-2.0-or-later
"""fastballoon migrate."""
import signal
import time

import pytest

from vm import MIB, Played

SINK = "exec:cat >/dev/null"
LIMITS = {"max-bandwidth": 134217728, "downtime-limit": 300}


def limits_of(vm):
    found = vm.qmp.execute("query-migrate-parameters")
    return {name: found[name] for name in LIMITS}


def wait_for_status(vm, status):
    deadline = time.monotonic() + 10
    while vm.qmp.execute("query-migrate").get("status") != status:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_totals(run, leaving):
    result = run("migrate", "--json", "--bandwidth", "1G", SINK, socket=leaving.socket)
    shown = result.json
    assert result.status == 0 and shown["status"] == "completed" and shown["uri"] == SINK
    assert shown["sent-bytes"] > 100000 and shown["rounds"] >= 2
    assert shown["total-ms"] > 0 and shown["downtime-ms"] >= 0
    assert shown["hinted-bytes"] is None
    assert limits_of(leaving) == LIMITS
    again = run("migrate", SINK, socket=leaving.socket)
    assert again.failed_with("QEMU refused migrate", "migrated already")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_cancels(start, stock, number):
    process = start("migrate", "--bandwidth", "1K", "--downtime-limit", "1", SINK,
                    socket=stock.socket)
    wait_for_status(stock, "active")
    process.send_signal(number)
    out, error = process.communicate(timeout=10)
    assert process.returncode == 1 and out == ""
    assert "interrupted, and the migration cancelled; the VM goes on running here" in error
    assert stock.qmp.execute("query-migrate")["status"] == "cancelled"
    assert stock.qmp.execute("query-status")["status"] == "running"
    assert limits_of(stock) == LIMITS


def test_timeout_cancels(run, stock):
    result = run("migrate", "--bandwidth", "1K", "--timeout", "1", "--json", SINK,
                 socket=stock.socket)
    assert result.failed_with("not done within 1 s, and cancelled", "--timeout")
    assert result.json["status"] == "cancelled"


def test_detach(run, stock):
    result = run("migrate", "--detach", "--bandwidth", "1K", "--json", SINK, socket=stock.socket)
    assert result.status == 0 and result.json["status"] in ("setup", "active")
    second = run("migrate", SINK, socket=stock.socket)
    assert second.failed_with("a migration is going on already", "migrate_cancel")
    stock.qmp.execute("migrate_cancel")
    wait_for_status(stock, "cancelled")
    stock.qmp.execute("migrate-set-parameters", max_bandwidth=LIMITS["max-bandwidth"])


@pytest.mark.parametrize("uri, text", [
    ("bogus:1", "expects a valid migration protocol; give a URI such as"),
    ("exec:false", "the migration failed: "),
    ("unix:/nonexistent/socket", "Failed to connect to '/nonexistent/socket'"),
    ("tcp:127.0.0.1:1", "Connection refused"),
])
def test_failures(run, stock, uri, text):
    assert run("migrate", uri, socket=stock.socket).failed_with(text)
    assert stock.qmp.execute("query-status")["status"] == "running"


def test_our_device_without_a_driver(run, leaving_ours):
    """Without a driver nothing is hinted, and the device says so."""
    result = run("migrate", "--json", SINK, socket=leaving_ours.socket)
    assert result.status == 0 and result.json["hinted-bytes"] == 0
    assert "no driver" in result.json["hint-off-reason"]


def active(**ram):
    return {"status": "active", "ram": {"transferred": 1, "remaining": 2} | ram}


DONE = {"status": "completed", "total-time": 2610, "downtime": 34,
        "ram": {"transferred": 812 * MIB, "remaining": 0, "dirty-sync-count": 3}}


def test_hinted_bytes_of_this_migration(run, peer):
    played = Played(query_migrate=[{}, active(), DONE])
    played.properties["fastballoon-counters"] = [{"hinted-bytes": 100 * MIB},
                                                 {"hinted-bytes": 6756 * MIB}]
    result = run("migrate", "tcp:h:1", socket=peer(played).socket)
    assert result.out == ("migrated in 2.61 s: 812 MiB sent in 3 rounds, downtime 34 ms\n"
                          "skipped thanks to hints: 6.5 GiB\n")


def test_reason_of_no_hints(run, peer):
    played = Played(query_migrate=[{}, active(), DONE, {}, active(), DONE])
    played.properties |= {"fastballoon-counters": {"hinted-bytes": 7},
                          "fastballoon-hint-off-reason": "the guest is paused"}
    listening = peer(played)
    text = run("migrate", "tcp:h:1", socket=listening.socket).out
    assert text.endswith("downtime 34 ms\nno hints: the guest is paused\n")
    shown = run("migrate", "--json", "tcp:h:1", socket=listening.socket).json
    assert shown["hint-off-reason"] == "the guest is paused" and shown["hinted-bytes"] == 0


def test_hints_that_ended_before_the_migration_did(run, peer):
    played = Played(query_migrate=[{}, active(), DONE])
    played.properties |= {"fastballoon-counters": [{"hinted-bytes": 0}, {"hinted-bytes": MIB}],
                          "fastballoon-hint-off-reason": "switched off"}
    text = run("migrate", "tcp:h:1", socket=peer(played).socket).out
    assert "skipped thanks to hints: 1 MiB\nno further hints: switched off\n" in text


def test_limits_are_put_back(run, peer):
    played = Played(query_migrate=[{}, active(), DONE])
    assert run("migrate", "--bandwidth", "1.5G", "--downtime-limit", "50", "tcp:h:1",
               socket=peer(played).socket).status == 0
    assert played.arguments_of("migrate-set-parameters") == [
        {"max-bandwidth": 1536 * MIB, "downtime-limit": 50},
        {"max-bandwidth": 1000, "downtime-limit": 300}]


def test_postcopy_is_never_cancelled(run, peer):
    played = Played(query_migrate=[{}, {"status": "postcopy-active"}])
    result = run("migrate", "--timeout", "1", "tcp:h:1", socket=peer(played).socket)
    assert result.failed_with("postcopy", "must not be cancelled")
    assert not played.arguments_of("migrate_cancel")


def test_postcopy_that_lost_its_connection(run, peer):
    played = Played(query_migrate=[{}, {"status": "postcopy-active"},
                                   {"status": "postcopy-paused"}])
    result = run("migrate", "tcp:h:1", socket=peer(played).socket)
    assert result.failed_with("lost its connection", "migrate-recover")


def test_cancelled_by_someone_else(run, peer):
    played = Played(query_migrate=[{}, active(), {"status": "cancelled"}])
    result = run("migrate", "tcp:h:1", socket=peer(played).socket)
    assert result.failed_with("cancelled by someone else")


def test_done_in_spite_of_the_signal(run, peer):
    """A migration that completes while it is being cancelled is a success."""
    steps = [{}] + [active()] * 25 + [{"status": "cancelling"}, DONE]
    played = Played(query_migrate=steps)
    result = run("migrate", "--timeout", "1", "tcp:h:1", socket=peer(played).socket)
    assert result.status == 0 and len(played.arguments_of("migrate_cancel")) == 1


def test_source_that_ends(run, peer):
    played = Played(query_migrate=[{}, active(), None])
    assert run("migrate", "tcp:h:1", socket=peer(played).socket).failed_with("QEMU closed")
