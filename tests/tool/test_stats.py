# SPDX-License-Identifier: GPL-2.0-or-later
"""fastballoon stats."""
import signal
import time

import pytest

from vm import MIB, Played

POLLING = "guest-stats-polling-interval"
UNSET = (1 << 64) - 1


def polling_of(vm):
    return vm.qmp.execute("qom-get", path="/machine/peripheral/balloon0", property=POLLING)


def sent(at, **values):
    """The property guest-stats, as the device shows it."""
    return {"last-update": at, "stats": {f"stat-{name.replace('_', '-')}": value
                                         for name, value in values.items()}}


def played_with(stats, polling=0):
    """A VM that is played, with values of guest-stats one read after the other."""
    played = Played()
    played.properties |= {"guest-stats": stats, POLLING: polling}
    return played


def test_no_driver(run, stock):
    result = run("stats", "--timeout", "1", socket=stock.socket)
    assert result.failed_with("no statistics within 1 s", "no driver in the guest", "load virtio_")
    assert polling_of(stock) == 0


def test_vm_that_does_not_run(run, paused):
    result = run("stats", "--timeout", "1", "--json", socket=paused.socket)
    assert result.failed_with("the VM does not run (prelaunch)", "cont")
    assert "does not run" in result.json["error"]["cause"]


def test_our_device_without_a_driver(run, ours):
    assert run("stats", "--timeout", "1", socket=ours.socket).failed_with("no driver in the guest")
    assert polling_of(ours) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_puts_polling_back(start, stock, number):
    process = start("stats", "--timeout", "20", "--interval", "7", socket=stock.socket)
    deadline = time.monotonic() + 10
    while polling_of(stock) != 7:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    _, error = process.communicate(timeout=5)
    assert process.returncode == 1 and "interrupted" in error
    assert polling_of(stock) == 0


def test_update(run, peer):
    old = sent(0, free_memory=UNSET)
    new = sent(1700000000, free_memory=640 * MIB, total_memory=960 * MIB + 102 * 1024,
               minor_faults=1234567, swap_in=UNSET, from_the_future=7)
    played = played_with([old, old, new])
    result = run("stats", socket=peer(played).socket)
    assert result.status == 0 and not result.err
    lines = [tuple(line.rsplit("  ", 1)) for line in result.out.splitlines()]
    shown = {label.strip(): value.strip() for label, value in lines}
    assert shown == {"total memory": "960.1 MiB", "free memory": "640 MiB",
                     "minor faults": "1,234,567", "stat-from-the-future": "7"}
    written = [call["value"] for call in played.arguments_of("qom-set")]
    assert written == [1, 0]


def test_json(run, peer):
    played = played_with([sent(5, free_memory=1), sent(6, free_memory=2, swap_in=UNSET)])
    result = run("stats", "--json", socket=peer(played).socket)
    assert result.json == {"last-update": 6, "stats": {"stat-free-memory": 2, "stat-swap-in": None}}


def test_polling_that_is_on_stays_as_it_is(run, peer):
    now = int(time.time())
    played = played_with([sent(now - 3, free_memory=1)], polling=5)
    result = run("stats", "--json", socket=peer(played).socket)
    assert result.json["last-update"] == now - 3 and not played.arguments_of("qom-set")


def test_polling_that_is_on_but_stale(run, peer):
    now = int(time.time())
    played = played_with([sent(now - 60, free_memory=1), sent(now, free_memory=2)], polling=5)
    result = run("stats", "--json", socket=peer(played).socket)
    assert result.json["stats"] == {"stat-free-memory": 2}
    assert not played.arguments_of("qom-set")
