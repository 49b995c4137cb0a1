# SPDX-License-Identifier: GPL-2.0-or-later
"""Accidents in the middle of a migration with hints: what is in use stays right all the time."""

import itertools

import pytest

from harness.migration import MAX_BANDWIDTH, transfer, migrate, wait_running
from pairs import MIB, OURS_ON_OURS, STOCK_ON_OURS, pair_config, pair_name, wait_for

VERIFIED_MIB = 64
# Sends the memory in use within seconds: there is time for an accident.
SLOW = 40 * MIB


def _bandwidth(guest, value):
    guest.qmp("migrate-set-parameters", **{"max-bandwidth": value})


def _accident(guest, *steps):
    """Options for transfer(): slow from the start, then a step now and then, then fast."""
    left = iter([*steps, lambda: _bandwidth(guest, MAX_BANDWIDTH)])
    return {"prepare": lambda: _bandwidth(guest, SLOW),
            "progress": lambda info: next(left, lambda: None)()}


@pytest.fixture(params=[OURS_ON_OURS, STOCK_ON_OURS], ids=["ours-on-ours", "stock-on-ours"],
                scope="module")
def pair(request):
    """A driver with our device."""
    return request.param


@pytest.fixture
def guest(pair, shared_guest):
    """A guest that verifies memory and has used and freed most of the rest."""
    booted = shared_guest(pair_config(pair, reporting=False), f"events-{pair_name(pair)}")
    if booted.command("running verify")[1] == "0":
        booted.start_verifier(VERIFIED_MIB)
    booted.touch(400)
    return booted


def _check(guest):
    assert guest.wait_verifier_passes(1).text == "ok"
    guest.check_kernel_log()


def test_the_driver_goes_and_comes(guest):
    """Removed in the middle of one migration, inserted in the middle of the next."""
    driver = guest.config.driver
    migrate(guest, **_accident(guest, lambda: guest.unload_driver(driver)))
    _check(guest)
    migrate(guest, **_accident(guest, lambda: guest.load_driver(driver)))
    _check(guest)
    guest.touch(400)
    hinted = {}
    migrate(guest, inspect=lambda: hinted.update(guest.counters()))
    assert hinted["hinted-bytes"] > 0
    _check(guest)


def test_the_vcpus_stop_and_go_on(guest):
    """Stopped and continued again and again while hints are on their way."""
    steps = itertools.chain.from_iterable(
        (lambda: guest.qmp("stop"), lambda: guest.qmp("cont")) for _ in range(3))
    migrate(guest, **_accident(guest, *steps))
    _check(guest)


def test_hints_are_switched_all_the_time(guest):
    """Off, on and held, in the middle of rounds."""
    path = "/machine/peripheral/balloon0"
    values = ("off", "on", "held", "off", "held", "on")
    steps = [lambda value=value: guest.qmp("qom-set", path=path, property="fastballoon-hints",
                                           value=value) for value in values]
    migrate(guest, **_accident(guest, *steps))
    _check(guest)


def test_cancelled_failed_and_then_done(guest):
    """What two migrations that came to nothing have skipped is sent by the third."""
    for command, end in (("cat", "cancelled"), ("head -c 5000000", "failed")):
        _bandwidth(guest, SLOW)
        guest.qmp("migrate", uri=f"exec:{command} >/dev/null")
        if end == "cancelled":
            assert wait_for(lambda: guest.qmp("query-migrate")["status"] == "active")
            guest.qmp("migrate_cancel")
        assert wait_for(lambda: guest.qmp("query-migrate")["status"] == end), \
            guest.qmp("query-migrate")["status"]
        _check(guest)
        guest.touch(300)
    migrate(guest)
    _check(guest)


def test_a_reset_in_the_middle(own_guest):
    """The machine restarts while it is being migrated; the new kernel takes part in the next one."""
    guest = own_guest(pair_config(OURS_ON_OURS, reporting=False), "events-reset", copies=2)
    guest.touch(400)
    guest.qmp("set-action", reboot="reset")

    def reset():
        guest.qmp("system_reset")

    transfer(guest, **_accident(guest, reset))
    assert wait_for(lambda: guest.qmp("query-status")["status"] == "running")
    guest.wait_ready()
    guest.load_driver("ours")
    guest.start_verifier(VERIFIED_MIB)
    migrate(guest)
    wait_running(guest)
    assert guest.wait_verifier_passes(2).text == "ok"
