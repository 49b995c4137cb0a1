# SPDX-License-Identifier: GPL-2.0-or-later
"""Discards that are forbidden: an assigned device, incoming postcopy. Memory stays, counted."""

import pytest

from fbqtest import machine, migration
from fbqtest.balloon import DATA_GPA, PAGE, Balloon
from fbqtest.qemu import QmpError, wait_for

MIB = 1 << 20
RAM = machine.RAM_BYTES
LOCK = "/machine/peripheral/lock0"
LOCK_ARGS = ["-plugin", str(machine.IMAGES / "discard_lock.so"),
             "-device", "fastballoon-test-lock,id=lock0"]
HUGE = 2 * MIB


def lock(balloon, locked=True):
    balloon.qemu.qom_set(LOCK, "locked", locked)


def inflate_all_ways(balloon, gpa):
    """Four pieces of 16 pages, by PFNs, bits, ranges and a report."""
    pages = range(gpa // PAGE, gpa // PAGE + 16)
    balloon.inflate_pfns(pages)
    balloon.send_bitmap(balloon.inflateq, gpa // PAGE + 16, range(16))
    balloon.inflate_ranges([(gpa + 32 * PAGE, 16 * PAGE)])
    balloon.report([(gpa + 48 * PAGE, 16 * PAGE)])
    return 64 * PAGE


def test_memory_of_an_assigned_device_stays(start):
    balloon = Balloon(start(machine.OURS, extra=LOCK_ARGS, free_page_reporting=True))
    balloon.start()
    balloon.fill(DATA_GPA, MIB)
    lock(balloon)
    size = inflate_all_ways(balloon, DATA_GPA)
    assert balloon.holds(DATA_GPA, MIB, 0xa5)
    counters = balloon.counters()
    assert (counters["inhibited-bytes"], counters["discarded-bytes"]) == (size, 0)
    assert counters["failed-bytes"] == counters["waiting-bytes"] == counters["refused"] == 0
    lock(balloon, False)
    assert inflate_all_ways(balloon, DATA_GPA) == size
    assert balloon.holds(DATA_GPA, size, 0)
    counters = balloon.counters()
    assert (counters["inhibited-bytes"], counters["discarded-bytes"]) == (size, size)


def test_what_was_inhibited_completes_no_host_page(start):
    """A part that came while discards were forbidden is not remembered as one that waits."""
    with_parts = ["-object", f"memory-backend-memfd,id=ram0,size={RAM}", *LOCK_ARGS]
    balloon = Balloon(start(machine.OURS, must_tell_host=True,
                            extra=[*with_parts, "-machine", "memory-backend=ram0"]))
    balloon.start()
    balloon.fill(DATA_GPA, HUGE)
    lock(balloon)
    balloon.inflate_ranges([(DATA_GPA, MIB)])
    lock(balloon, False)
    balloon.inflate_ranges([(DATA_GPA + MIB, MIB)])
    assert balloon.holds(DATA_GPA, MIB, 0xa5)
    assert balloon.holds(DATA_GPA + MIB, MIB, 0)
    counters = balloon.counters()
    assert (counters["inhibited-bytes"], counters["discarded-bytes"]) == (MIB, MIB)


def test_memory_is_backed_also_where_discards_are_forbidden(start):
    balloon = Balloon(start(machine.OURS, prealloc_on_deflate=True, extra=LOCK_ARGS))
    balloon.start()
    lock(balloon)
    balloon.deflate_ranges([(DATA_GPA, MIB)])
    assert balloon.counter("populated-bytes") == MIB


def test_incoming_postcopy_discards_and_backs_nothing(start):
    """A page that has not come yet must not be thrown away, nor be waited for."""
    properties = {"free_page_reporting": True, "prealloc_on_deflate": True}
    source = Balloon(start(machine.OURS, **properties))
    source.start()
    source.fill(DATA_GPA, 64 * MIB)
    channel = migration.Channel()
    destination = start(machine.OURS, **properties, **channel.incoming())
    migration.set_capability(source.qemu, "postcopy-ram")
    try:
        migration.set_capability(destination, "postcopy-ram")
    except QmpError as cause:
        pytest.skip(f"no userfaultfd: {cause}")
    source.qemu.qmp.command("migrate-set-parameters", max_postcopy_bandwidth=migration.SLOW)
    channel.start(source.qemu, migration.SLOW)
    migration.wait_active(source.qemu)
    source.qemu.qmp.command("migrate-start-postcopy")
    wait_for(lambda: destination.qmp.command("query-status")["status"] == "running", "runs")
    assert migration.status(source.qemu) == "postcopy-active"
    moved = source.moved_to(destination)
    size = inflate_all_ways(moved, DATA_GPA)
    moved.deflate_ranges([(DATA_GPA + 32 * MIB, MIB)])
    counters = moved.counters()
    assert (counters["inhibited-bytes"], counters["discarded-bytes"]) == (size, 0)
    assert (counters["populated-bytes"], counters["populate-failures"]) == (0, 1)
    source.qemu.qmp.command("migrate-set-parameters", max_postcopy_bandwidth=migration.FAST)
    wait_for(lambda: migration.status(source.qemu) == "completed", "migration ends", 20)
    assert moved.holds(DATA_GPA, 64 * MIB, 0xa5)
    inflate_all_ways(moved, DATA_GPA)
    assert moved.counter("discarded-bytes") == size
