# SPDX-License-Identifier: GPL-2.0-or-later
"""After a migration the destination's memory is the source's, page by page, but for free pages."""

import pytest

from harness import content, paths
from harness.migration import DOWNTIME_LIMIT_MS, MAX_BANDWIDTH, migrate, transfer
from pairs import MIB, OURS_ON_OURS, pair_config

LATE_HINTS = paths.BUILD / "tests" / "guest" / "faults" / "late_hints.so"
SLOW = 32 * MIB
HELD_MIB = 200
# Of the 16 MiB of struct pages that a guest of 1 GiB has.
SERIES_MIB = 4


class Stopped(Exception):
    """The test has seen enough of the two sides."""


def prepare_guest(own_guest, name, **more):
    """A guest with memory in use, in the balloon, used and freed, and never used."""
    guest = own_guest(pair_config(OURS_ON_OURS, memory_mib=1024, reporting=False, **more), name,
                      copies=2)
    memory_map = content.MemoryMap(guest)
    guest.set_memory(900)
    guest.start_verifier(64, rate_mib_s=20)
    guest.touch(300)
    return guest, memory_map


def options_that_use_hinted_memory(guest):
    """Options for a migration in whose first round memory is used that was hinted before."""
    used = []

    def pace(bandwidth, downtime_ms):
        guest.qmp("migrate-set-parameters", max_bandwidth=bandwidth, downtime_limit=downtime_ms)

    def use(info):
        if used or info["status"] != "active" or not guest.counters()["hinted-bytes"]:
            return
        assert info["ram"]["dirty-sync-count"] == 1, "the first round was over too soon"
        used.append(guest.start_job("hold", HELD_MIB * MIB))
        pace(MAX_BANDWIDTH, DOWNTIME_LIMIT_MS)

    return {"prepare": lambda: pace(SLOW, 20), "progress": use}


def test_same_content(own_guest):
    """Every page that is not free is the same on both sides; the guest goes on with it."""
    guest, memory_map = prepare_guest(own_guest, "content")
    guest.command(f"storm 2 {16 * MIB}")

    def check(source, destination):
        result = content.compare(memory_map, guest, source, destination)
        assert not result.different, result.text
        assert result.compared > HELD_MIB * MIB // content.PAGE, result.text
        assert result.free > HELD_MIB * MIB // content.PAGE, result.text
        assert result.ballooned == 124 * MIB // content.PAGE, result.text

    counters = {}
    result = migrate(guest, stopped=check, inspect=lambda: counters.update(guest.counters()),
                     **options_that_use_hinted_memory(guest))
    assert result.rounds > 2
    # The guest's memory map crossed as its rule, where memory is free.
    assert counters["series-bytes"] >= SERIES_MIB * MIB
    assert guest.command("running hold")[1] == "1"
    assert guest.wait_verifier_passes(1).text == "ok"


def test_late_hints_are_noticed(own_guest):
    """A device that honours hints one sync late makes the comparison fail."""
    guest, memory_map = prepare_guest(own_guest, "late-hints", plugin=str(LATE_HINTS))
    found = []

    def check(source, destination):
        found.append(content.compare(memory_map, guest, source, destination))
        raise Stopped

    with pytest.raises(Stopped):
        transfer(guest, stopped=check, **options_that_use_hinted_memory(guest))
    assert len(found[0].different) > 1000, found[0].text


def test_a_changed_byte_is_noticed(own_guest):
    """One byte of one page that differs is reported, with its page."""
    guest = own_guest(pair_config(OURS_ON_OURS, memory_mib=512), "changed-byte", copies=2)
    memory_map = content.MemoryMap(guest)
    # The memory map itself is memory in use.
    address = memory_map.pieces[0][1] + 12 * content.PAGE

    def check(source, destination):
        with content.Ram(destination, guest.config.memory_mib * MIB) as ram:
            byte = ram.read(address, 1)
            ram.write(address, bytes([byte[0] ^ 1]))
            result = content.compare(memory_map, guest, source, destination)
            ram.write(address, byte)
        assert [pfn for pfn, _ in result.different] == [address // content.PAGE], result.text

    migrate(guest, stopped=check)
