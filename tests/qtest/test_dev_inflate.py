# SPDX-License-Identifier: GPL-2.0-or-later
"""Inflate and deflate: what becomes zero, what stays, and what is counted."""

import random

import pytest

from fbqtest import machine
from fbqtest.balloon import ALL, DATA_GPA, F_PAGE_BITMAP, F_SG, PAGE, SG_MAX, Balloon
from fbqtest.qemu import resident_kib
from fbqtest.virtio import F_INDIRECT_DESC, bits

DATA_PFN = DATA_GPA // PAGE
MIB = 1 << 20


def zeroes(balloon, pages):
    """The pages, counted from DATA_GPA, that read as zero; the others must be untouched."""
    found = set()
    for page in range(pages):
        data = balloon.qtest.read(DATA_GPA + page * PAGE, PAGE)
        assert data.count(0) == PAGE or data.count(0xa5) == PAGE, f"page {page} is half zero"
        if not data[0]:
            found.add(page)
    return found


@pytest.mark.parametrize("machine_type", ["pc", "q35"])
def test_inflated_page_reads_zero_and_neighbours_stay(start, device, machine_type):
    balloon = Balloon(start(device, machine=machine_type))
    balloon.start()
    balloon.fill(DATA_GPA, 3 * PAGE)
    assert balloon.inflate_pfns([DATA_PFN + 1]) == 0
    assert zeroes(balloon, 3) == {1}


def test_inflate_through_the_legacy_transport(start, device):
    balloon = Balloon(start(device), legacy=True)
    assert not balloon.start() & bits(F_SG)
    balloon.fill(DATA_GPA, 3 * PAGE)
    assert balloon.inflate_pfns([DATA_PFN + 1]) == 0
    assert zeroes(balloon, 3) == {1}


def test_scattered_pfns(either):
    chosen = random.Random(1).sample(range(512), 200)
    either.fill(DATA_GPA, 512 * PAGE)
    either.inflate_pfns([DATA_PFN + n for n in chosen + chosen[:20]])
    assert zeroes(either, 512) == set(chosen)


@pytest.mark.parametrize("order", ["ascending", "descending", "shuffled"])
def test_neighbouring_pfns_are_one_range(ours, order):
    pfns = list(range(DATA_PFN, DATA_PFN + 256))
    if order == "descending":
        pfns.reverse()
    elif order == "shuffled":
        random.Random(2).shuffle(pfns)
    ours.fill(DATA_GPA, 257 * PAGE)
    ours.inflate_pfns(pfns)
    assert zeroes(ours, 257) == set(range(256))
    counters = ours.counters()
    assert counters["requests"] == 1
    assert counters["ranges"] == 1
    assert counters["inflated-bytes"] == 256 * PAGE
    assert counters["discarded-bytes"] == 256 * PAGE
    assert counters["refused"] == 0


def test_a_long_pfn_array_is_one_range(ours):
    pages = 20000
    ours.fill(DATA_GPA, pages * PAGE)
    ours.inflate_pfns(range(DATA_PFN, DATA_PFN + pages))
    assert ours.holds(DATA_GPA, pages * PAGE, 0)
    counters = ours.counters()
    assert (counters["ranges"], counters["discarded-bytes"]) == (1, pages * PAGE)


def test_ranges_of_one_buffer(ours):
    """Every other page, as many as a buffer may carry."""
    ours.fill(DATA_GPA, 2 * SG_MAX * PAGE)
    assert ours.inflate_ranges([(DATA_GPA + 2 * n * PAGE, PAGE) for n in range(SG_MAX)]) == 0
    assert zeroes(ours, 2 * SG_MAX) == set(range(0, 2 * SG_MAX, 2))
    counters = ours.counters()
    assert counters["ranges"] == SG_MAX
    assert counters["inflated-bytes"] == counters["discarded-bytes"] == SG_MAX * PAGE


def test_ranges_without_indirect_descriptors(start):
    balloon = Balloon(start(machine.OURS))
    balloon.start(ALL & ~bits(F_INDIRECT_DESC))
    balloon.fill(DATA_GPA, 128 * PAGE)
    balloon.inflate_ranges([(DATA_GPA + 2 * n * PAGE, PAGE) for n in range(64)])
    assert zeroes(balloon, 128) == set(range(0, 128, 2))


def test_large_ranges(ours):
    ours.fill(DATA_GPA, 64 * MIB)
    ours.inflate_ranges([(DATA_GPA, 30 * MIB), (DATA_GPA + 31 * MIB, MIB)])
    assert ours.holds(DATA_GPA, 30 * MIB, 0)
    assert ours.holds(DATA_GPA + 30 * MIB, MIB, 0xa5)
    assert ours.holds(DATA_GPA + 31 * MIB, MIB, 0)
    assert ours.holds(DATA_GPA + 32 * MIB, 32 * MIB, 0xa5)


def test_neighbouring_and_overlapping_ranges_are_one(ours):
    ours.fill(DATA_GPA, 8 * PAGE)
    ours.inflate_ranges([(DATA_GPA + 4 * PAGE, 2 * PAGE), (DATA_GPA, 3 * PAGE),
                         (DATA_GPA + 2 * PAGE, 2 * PAGE)])
    assert zeroes(ours, 8) == set(range(6))
    assert ours.counter("ranges") == 1
    assert ours.counter("discarded-bytes") == 6 * PAGE


def test_inflate_gives_memory_back_to_the_host(ours):
    ours.fill(DATA_GPA, 128 * MIB)
    before = resident_kib(ours.qemu)
    ours.inflate_ranges([(DATA_GPA, 128 * MIB)])
    assert before - resident_kib(ours.qemu) > 120 * 1024


def test_deflate_changes_no_memory(either):
    either.fill(DATA_GPA, 4 * PAGE)
    assert either.deflate_pfns([DATA_PFN + 1, DATA_PFN + 2]) == 0
    assert zeroes(either, 4) == set()


def test_deflate_is_counted(ours):
    ours.inflate_ranges([(DATA_GPA, 10 * PAGE)])
    ours.deflate_ranges([(DATA_GPA, 6 * PAGE)])
    ours.deflate_pfns([DATA_PFN + 7])
    counters = ours.counters()
    assert counters["deflated-bytes"] == 7 * PAGE
    assert counters["inflated-bytes"] == 10 * PAGE
    assert counters["requests"] == 3


def test_a_deflated_page_is_usable(ours):
    ours.inflate_ranges([(DATA_GPA, 4 * PAGE)])
    ours.deflate_ranges([(DATA_GPA, 4 * PAGE)])
    ours.fill(DATA_GPA, 4 * PAGE)
    assert ours.holds(DATA_GPA, 4 * PAGE, 0xa5)


def test_ranges_are_refused_where_they_were_not_negotiated(start):
    balloon = Balloon(start(machine.OURS))
    balloon.start(ALL & ~bits(F_SG))
    balloon.fill(DATA_GPA, PAGE)
    balloon.inflate_ranges([(DATA_GPA, PAGE)])
    assert balloon.holds(DATA_GPA, PAGE, 0xa5)
    assert balloon.counter("refused") >= 1


def test_shared_memory_backend(start):
    extra = ["-object", "memory-backend-memfd,id=ram0,size=256M,share=on",
             "-machine", "memory-backend=ram0"]
    balloon = Balloon(start(machine.OURS, extra=extra))
    balloon.start()
    balloon.fill(DATA_GPA, 4 * PAGE)
    balloon.inflate_ranges([(DATA_GPA + PAGE, 2 * PAGE)])
    assert zeroes(balloon, 4) == {1, 2}
    assert balloon.counter("discard-failures") == 0


def test_memory_above_and_below_the_pci_hole(start):
    """One PFN array whose ends are RAM and whose middle is the hole below 4 GiB."""
    extra = ["-m", "4096"]
    balloon = Balloon(start(machine.OURS, extra=extra))
    balloon.start()
    low, high = 0xc0000000 - PAGE, 1 << 32
    for gpa in (low, high):
        balloon.fill(gpa, PAGE)
    pfns = [low // PAGE, 0xc0000000 // PAGE, 0xfffff000 // PAGE, high // PAGE]
    balloon.inflate_pfns(pfns)
    assert balloon.holds(low, PAGE, 0) and balloon.holds(high, PAGE, 0)
    assert balloon.counter("refused") == 2


def test_arrays_have_no_header_without_page_bitmaps(start):
    balloon = Balloon(start(machine.OURS))
    assert not balloon.start(ALL & ~bits(F_PAGE_BITMAP)) & bits(F_PAGE_BITMAP)
    balloon.fill(DATA_GPA, 3 * PAGE)
    balloon.inflate_pfns([DATA_PFN + 1])
    assert zeroes(balloon, 3) == {1}
    assert balloon.counter("refused") == 0


def test_bitmap_of_pages(start):
    balloon = Balloon(start(machine.OURS))
    assert balloon.start() & bits(F_PAGE_BITMAP)
    chosen = {1, 2, 3, 64, 200}
    balloon.fill(DATA_GPA, 256 * PAGE)
    assert balloon.send_bitmap(balloon.inflateq, DATA_PFN, chosen) == 0
    assert zeroes(balloon, 256) == chosen
    counters = balloon.counters()
    assert counters["inflated-bytes"] == counters["discarded-bytes"] == len(chosen) * PAGE
    assert (counters["ranges"], counters["refused"]) == (3, 0)
    assert balloon.send_bitmap(balloon.deflateq, DATA_PFN, chosen) == 0
    assert balloon.counters()["deflated-bytes"] == len(chosen) * PAGE
