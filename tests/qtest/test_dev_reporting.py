# SPDX-License-Identifier: GPL-2.0-or-later
"""Free page reporting, page poison, and times when memory may not be discarded."""

import pytest

from fbqtest import machine, migration
from fbqtest.balloon import ALL, DATA_GPA, F_PAGE_POISON, PAGE, Balloon
from fbqtest.virtio import bits

MIB = 1 << 20
DATA_PFN = DATA_GPA // PAGE


def test_reported_memory_reads_zero_and_neighbours_stay(either):
    either.fill(DATA_GPA, 8 * MIB)
    assert either.report([(DATA_GPA + MIB, 2 * MIB), (DATA_GPA + 5 * MIB, MIB)]) == 0
    for offset, size, byte in ((0, 1, 0xa5), (1, 2, 0), (3, 2, 0xa5), (5, 1, 0), (6, 2, 0xa5)):
        assert either.holds(DATA_GPA + offset * MIB, size * MIB, byte)


def test_reports_are_counted_and_coalesced(ours):
    ours.report([(DATA_GPA + n * 4 * MIB, 4 * MIB) for n in range(8)])
    counters = ours.counters()
    assert counters["requests"] == 1
    assert counters["ranges"] == 1
    assert counters["reported-bytes"] == counters["discarded-bytes"] == 32 * MIB
    assert counters["inflated-bytes"] == 0


def test_reports_of_odd_sizes_discard_whole_pages_only(ours):
    ours.fill(DATA_GPA, 4 * PAGE)
    ours.report([(DATA_GPA + 100, 2 * PAGE)])
    assert ours.holds(DATA_GPA, PAGE, 0xa5)
    assert ours.holds(DATA_GPA + 2 * PAGE, 2 * PAGE, 0xa5)
    assert ours.qemu.alive()


def test_a_poison_value_keeps_reported_memory(either):
    either.set_poison(0xaaaaaaaa)
    assert either.poison() == 0xaaaaaaaa
    either.fill(DATA_GPA, MIB)
    either.report([(DATA_GPA, MIB)])
    assert either.holds(DATA_GPA, MIB, 0xa5)
    either.set_poison(0)
    either.report([(DATA_GPA, MIB)])
    assert either.holds(DATA_GPA, MIB, 0)


def test_a_poison_value_is_no_matter_for_inflating(either):
    either.set_poison(0xaaaaaaaa)
    either.fill(DATA_GPA, PAGE)
    either.inflate_pfns([DATA_PFN])
    assert either.holds(DATA_GPA, PAGE, 0)


def test_poison_without_the_feature_is_ignored(start, device):
    balloon = Balloon(start(device, free_page_reporting=True))
    balloon.start(ALL & ~bits(F_PAGE_POISON))
    balloon.set_poison(0xaaaaaaaa)
    assert balloon.poison() == 0
    balloon.fill(DATA_GPA, PAGE)
    balloon.report([(DATA_GPA, PAGE)])
    assert balloon.holds(DATA_GPA, PAGE, 0)


def test_poison_is_forgotten_at_a_reset(either):
    either.set_poison(0xaaaaaaaa)
    either.start()
    assert either.poison() == 0


@pytest.mark.parametrize("request_name", ["inflate_pfns", "inflate_ranges", "report"])
def test_nothing_is_discarded_during_a_background_snapshot(ours, request_name):
    ours.fill(DATA_GPA, PAGE)
    migration.set_capability(ours.qemu, "background-snapshot")
    with migration.stalled(ours.qemu, migration.PAST_DATA):
        send = getattr(ours, request_name)
        send([DATA_PFN] if request_name == "inflate_pfns" else [(DATA_GPA, PAGE)])
        assert ours.holds(DATA_GPA, PAGE, 0xa5)
        counters = ours.counters()
        assert (counters["inhibited-bytes"], counters["discarded-bytes"]) == (PAGE, 0)


def test_private_file_backing(start):
    """A discard may punch no hole in a file that is mapped privately; QEMU copes or refuses."""
    extra = ["-object", "memory-backend-memfd,id=ram0,size=256M,share=off",
             "-machine", "memory-backend=ram0"]
    balloon = Balloon(start(machine.OURS, free_page_reporting=True, extra=extra))
    balloon.start()
    balloon.fill(DATA_GPA, 2 * PAGE)
    balloon.report([(DATA_GPA, PAGE)])
    assert balloon.holds(DATA_GPA, PAGE, 0)
    assert balloon.holds(DATA_GPA + PAGE, PAGE, 0xa5)
