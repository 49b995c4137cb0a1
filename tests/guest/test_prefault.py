# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination's memory is backed ahead of the load, and no more of it than the load needs."""

from pathlib import Path

import pytest

from harness.migration import migrate
from pairs import MIB, OURS_ON_OURS, pair_config

THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HELD_MIB = 300


def _migrated(own_guest, prefault, **settings):
    """A guest that uses HELD_MIB and has freed as much, in its destination."""
    options = {"prefault-incoming": prefault}
    guest = own_guest(pair_config(OURS_ON_OURS, reporting=False, device_options=options,
                                  **settings), f"prefault-{prefault}", copies=2)
    guest.start_verifier(64)
    guest.touch(HELD_MIB)
    guest.start_job("hold", HELD_MIB * MIB)
    migrate(guest)
    return guest


@pytest.mark.skipif(not THP.exists() or "[never]" in THP.read_text(),
                    reason="this machine's kernel gives no transparent huge pages")
def test_memory_is_backed_ahead(own_guest):
    """Huge pages are backed before they are needed; those that were not needed go back."""
    used = {}
    for prefault in ("off", "on"):
        guest = _migrated(own_guest, prefault)
        used[prefault] = guest.machine.rss_bytes()
        counters = guest.counters()
        assert guest.wait_verifier_passes(2).text == "ok"
        if prefault == "off":
            assert counters["prefaulted-bytes"] == 0
        else:
            kept = counters["prefaulted-bytes"] - counters["prefault-returned-bytes"]
            assert kept >= HELD_MIB * MIB // 4
    assert used["on"] <= used["off"] + 64 * MIB


def test_memory_backed_by_the_operator_stays(own_guest):
    """With prealloc=on nothing is left to back, and nothing is given back."""
    guest = _migrated(own_guest, "on", preallocated=True)
    assert guest.counters()["prefaulted-bytes"] == 0
    assert guest.machine.rss_bytes() >= guest.config.memory_mib * MIB
    assert guest.wait_verifier_passes(1).text == "ok"


def test_several_streams_are_left_alone(own_guest):
    """QEMU 7.2 does not note what multifd's streams bring, so nothing may be judged by it."""
    guest = own_guest(pair_config(OURS_ON_OURS, reporting=False), "prefault-multifd", copies=2)
    guest.start_verifier(64)
    guest.touch(HELD_MIB)
    guest.start_job("hold", HELD_MIB * MIB)
    migrate(guest, capabilities=("multifd",))
    assert guest.counters()["prefaulted-bytes"] == 0
    assert guest.wait_verifier_passes(2).text == "ok"
