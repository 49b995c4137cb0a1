# SPDX-License-Identifier: GPL-2.0-or-later
"""A hostile guest: QEMU stays alive and answers, the device refuses or breaks as virtio says,
and works again after a reset."""

import random
import struct

import pytest

from fbqtest import machine, migration
from fbqtest.balloon import (ALL, DATA_GPA, F_PAGE_BITMAP, PAGE, PAGES_BITMAP, PAGES_PFNS, PATH,
                             PFNS_MAX, SCRATCH_GPA, SG_MAX, Balloon)
from fbqtest.qemu import wait_for
from fbqtest.virtio import DESC_INDIRECT, DESC_NEXT, DESC_SIZE, DESC_WRITE, bits

MIB = 1 << 20
RAM = machine.RAM_BYTES
BIOS_GPA = 0xffff0000   # ROM
IOAPIC_GPA = 0xfec00000  # MMIO
HOLE_GPA = 0xd0000000   # nothing

QUEUES = {"inflate": 0, "deflate": 1, "stats": 2, "hint": 3, "report": 4, "message": 6}
every_queue = pytest.mark.parametrize("index", QUEUES.values(), ids=QUEUES.keys())


def check(balloon):
    """QEMU answers, and the device works again after a reset."""
    assert balloon.qemu.alive()
    balloon.start()
    balloon.fill(DATA_GPA, 2 * PAGE)
    balloon.inflate_pfns([DATA_GPA // PAGE])
    assert balloon.holds(DATA_GPA, PAGE, 0)
    assert balloon.holds(DATA_GPA + PAGE, PAGE, 0xa5)


def publish(balloon, queue):
    """Send what is in slot 0; returns 'broken', 'returned' or 'kept'."""
    queue.publish()
    assert balloon.qemu.alive()
    if balloon.broken():
        return "broken"
    if queue.index == QUEUES["stats"]:
        return "kept"
    queue.collect()
    return "returned"


@every_queue
@pytest.mark.parametrize("gpa,length", [
    (HOLE_GPA, PAGE), (RAM, PAGE), ((1 << 64) - PAGE, PAGE), ((1 << 64) - 8, 0xffffffff),
    (DATA_GPA, 0), (DATA_GPA, 0xffffffff), (RAM - PAGE, 2 * PAGE), (1 << 52, PAGE)], ids=hex)
@pytest.mark.parametrize("flags", [0, DESC_WRITE], ids=["out", "in"])
def test_descriptors_outside_ram(hostile, index, gpa, length, flags):
    queue = hostile.queues[index]
    queue.write_desc(0, gpa, length, flags)
    publish(hostile, queue)
    check(hostile)


@pytest.fixture(scope="module")
def hostile_machine():
    """One machine for many attacks: a reset must be enough between them."""
    arguments = machine.args(machine.OURS, free_page_hint=True, free_page_reporting=True)
    with machine.Qemu(arguments) as qemu:
        yield qemu


def attacker(hostile_machine, wanted):
    balloon = Balloon(hostile_machine)
    balloon.start(wanted)
    balloon.before = balloon.counters()
    counter = balloon.counter
    balloon.counter = lambda name: counter(name) - balloon.before[name]
    return balloon


@pytest.fixture
def hostile(hostile_machine):
    yield attacker(hostile_machine, ALL)
    assert hostile_machine.alive()


@pytest.fixture
def headless(hostile_machine):
    """Its PFN arrays have no header."""
    yield attacker(hostile_machine, ALL & ~bits(F_PAGE_BITMAP))
    assert hostile_machine.alive()


@every_queue
def test_a_chain_that_loops(hostile, index):
    queue = hostile.queues[index]
    queue.write_desc(0, DATA_GPA, 4, DESC_NEXT, 1)
    queue.write_desc(1, DATA_GPA, 4, DESC_NEXT, 0)
    assert publish(hostile, queue) == "broken"
    check(hostile)


@every_queue
@pytest.mark.parametrize("following", [1024, 0xffff])
def test_a_chain_that_leaves_the_table(hostile, index, following):
    queue = hostile.queues[index]
    queue.write_desc(0, DATA_GPA, 4, DESC_NEXT, following)
    assert publish(hostile, queue) == "broken"
    check(hostile)


@every_queue
def test_readable_parts_behind_writable_ones(hostile, index):
    queue = hostile.queues[index]
    queue.write_desc(0, DATA_GPA, PAGE, DESC_WRITE | DESC_NEXT, 1)
    queue.write_desc(1, DATA_GPA, 4)
    assert publish(hostile, queue) == "broken"
    check(hostile)


@every_queue
@pytest.mark.parametrize("kind", ["garbage", "odd", "empty", "outside", "nested", "loop", "huge"])
def test_indirect_tables(hostile, index, kind):
    queue = hostile.queues[index]
    table, length = SCRATCH_GPA, 4 * DESC_SIZE
    hostile.qtest.write(table, random.Random(3).randbytes(length))
    if kind == "odd":
        length = 15
    elif kind == "empty":
        length = 0
    elif kind == "outside":
        table = HOLE_GPA
    elif kind == "nested":
        queue.write_desc(0, table, length, DESC_INDIRECT, table=table)
    elif kind == "loop":
        queue.write_desc(0, DATA_GPA, 4, DESC_NEXT, 1, table=table)
        queue.write_desc(1, DATA_GPA, 4, DESC_NEXT, 0, table=table)
    elif kind == "huge":
        length = 0xfffffff0
    queue.write_desc(0, table, length, DESC_INDIRECT)
    publish(hostile, queue)
    check(hostile)


@every_queue
@pytest.mark.parametrize("head", [1024, 0xffff])
def test_heads_outside_the_ring(hostile, index, head):
    queue = hostile.queues[index]
    queue.publish(head)
    assert hostile.qemu.alive() and hostile.broken()
    check(hostile)


@every_queue
@pytest.mark.parametrize("jump", [0x8000, 0xffff, 1025])
def test_available_index_jumps(hostile, index, jump):
    """QEMU's rings take the buffer of slot 0 that many times, as every device's do."""
    queue = hostile.queues[index]
    queue.write_desc(0, SCRATCH_GPA, 4)
    queue.set_avail_idx(jump)
    queue.transport.notify(queue)
    assert hostile.qemu.alive()
    check(hostile)


@every_queue
@pytest.mark.parametrize("where", [BIOS_GPA, IOAPIC_GPA, 0xa0000, 0xe0000000], ids=hex)
def test_buffers_in_rom_and_device_memory(hostile, index, where):
    for flags in (0, DESC_WRITE):
        queue = hostile.queues[index]
        queue.write_desc(0, where, PAGE, flags)
        publish(hostile, queue)
        check(hostile)


@every_queue
def test_rings_outside_ram(hostile, index):
    hostile.reset()
    hostile.negotiate(0)
    queue = hostile.make_queue_at(index, HOLE_GPA)
    hostile.driver_ok()
    queue.transport.notify(queue)
    check(hostile)


def test_notification_of_a_queue_that_was_never_set_up(hostile):
    hostile.reset()
    hostile.negotiate(0)
    hostile.driver_ok()
    window = hostile.transport.windows[2]
    for index in range(8):
        hostile.qtest.store(window + 4 * index, 2, index)
    check(hostile)


@pytest.mark.parametrize("pfn", [RAM // PAGE, HOLE_GPA // PAGE, 0xffffffff, BIOS_GPA // PAGE,
                                 IOAPIC_GPA // PAGE, 0xf0], ids=hex)
@pytest.mark.parametrize("request_name", ["inflate_pfns", "deflate_pfns"])
def test_pfns_that_are_no_ram(hostile, request_name, pfn):
    hostile.fill(DATA_GPA, 3 * PAGE)
    rom = hostile.qtest.read(BIOS_GPA, PAGE)
    getattr(hostile, request_name)([DATA_GPA // PAGE, pfn, DATA_GPA // PAGE + 2])
    assert hostile.counter("refused") == 1
    assert hostile.qtest.read(BIOS_GPA, PAGE) == rom
    if request_name == "inflate_pfns":
        assert hostile.holds(DATA_GPA, PAGE, 0)
        assert hostile.holds(DATA_GPA + PAGE, PAGE, 0xa5)
        assert hostile.holds(DATA_GPA + 2 * PAGE, PAGE, 0)
    check(hostile)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_pfn_arrays_of_odd_sizes(headless, size):
    headless.fill(DATA_GPA, 2 * PAGE)
    headless.qtest.write(SCRATCH_GPA, struct.pack("<2I", DATA_GPA // PAGE, DATA_GPA // PAGE + 1))
    headless.inflateq.send(out=[(SCRATCH_GPA, size)])
    assert headless.holds(DATA_GPA, PAGE, 0 if size >= 4 else 0xa5)
    assert headless.holds(DATA_GPA + PAGE, PAGE, 0xa5)
    assert headless.counter("refused") == 1
    check(headless)


def test_a_pfn_array_in_many_small_pieces(headless):
    """Numbers that straddle descriptors."""
    headless.fill(DATA_GPA, 8 * PAGE)
    headless.qtest.write(SCRATCH_GPA, struct.pack("<8I", *(DATA_GPA // PAGE + n for n in range(8))))
    pieces = [(SCRATCH_GPA + at, 1) for at in range(32)]
    headless.inflateq.send(out=pieces)
    assert headless.holds(DATA_GPA, 8 * PAGE, 0)
    assert headless.counter("ranges") == 1


@pytest.mark.parametrize("ranges", [
    [(DATA_GPA + 1, PAGE)], [(DATA_GPA, PAGE - 1)], [(DATA_GPA + 2048, 2 * PAGE)],
    [(BIOS_GPA, PAGE)], [(IOAPIC_GPA, PAGE)]], ids=str)
@pytest.mark.parametrize("request_name", ["inflate_ranges", "deflate_ranges"])
def test_ranges_that_are_no_pages(hostile, request_name, ranges):
    hostile.fill(DATA_GPA, 4 * PAGE)
    getattr(hostile, request_name)(ranges)
    assert hostile.holds(DATA_GPA, 4 * PAGE, 0xa5)
    assert hostile.counter("refused") == 1
    assert not hostile.counter("discarded-bytes")
    check(hostile)


def test_more_ranges_than_the_protocol_allows(hostile):
    ranges = [(DATA_GPA + 2 * n * PAGE, PAGE) for n in range(SG_MAX + 100)]
    hostile.fill(DATA_GPA, 2 * len(ranges) * PAGE)
    hostile.inflate_ranges(ranges)
    assert hostile.counter("refused") == 100
    assert hostile.counter("ranges") == SG_MAX
    assert hostile.holds(DATA_GPA + 2 * SG_MAX * PAGE, PAGE, 0xa5)
    check(hostile)


def test_ranges_and_numbers_in_one_buffer(hostile):
    hostile.qtest.store(SCRATCH_GPA, 4, DATA_GPA // PAGE + 1)
    hostile.fill(DATA_GPA, 2 * PAGE)
    hostile.inflateq.send(out=[(SCRATCH_GPA, 4)], into=[(DATA_GPA, PAGE)])
    assert hostile.holds(DATA_GPA, 2 * PAGE, 0xa5)
    assert hostile.counter("refused") == 1


def test_inflating_the_rings_themselves(hostile):
    """The guest hurts itself alone: queues become empty, nothing else."""
    ring = hostile.inflateq.desc // PAGE
    hostile.inflateq.write_chain(into=[(hostile.ring_gpa, MIB)])
    hostile.inflateq.publish()
    assert hostile.qemu.alive()
    hostile.inflateq.write_chain(out=[(SCRATCH_GPA, 4)])
    hostile.qtest.store(SCRATCH_GPA, 4, ring)
    hostile.inflateq.publish()
    check(hostile)


def test_inflating_all_of_memory(hostile):
    hostile.inflateq.send(into=[(MIB * 16, RAM - 16 * MIB)])
    hostile.send_pfns(hostile.inflateq, range(16 * MIB // PAGE, RAM // PAGE + 1000))
    assert hostile.counter("refused") == 1000
    check(hostile)


def longest_array(hostile, kind):
    """A PFN array of the longest legal size that is as much work as possible."""
    pages = RAM // PAGE
    numbers = {"outside": (0x80000 + 2 * n for n in range(PFNS_MAX)),
               "scattered": (8192 + 2 * (n * 7919 % 24000) for n in range(PFNS_MAX)),
               "same": (8192 for _ in range(PFNS_MAX)),
               "downwards": (pages - 1 - n % (pages - 8192) for n in range(PFNS_MAX))}[kind]
    hostile.qtest.write(SCRATCH_GPA, struct.pack(f"<{PFNS_MAX}I", *numbers))
    return SCRATCH_GPA, 4 * PFNS_MAX


@pytest.mark.parametrize("kind", ["outside", "scattered", "same", "downwards"])
def test_long_pfn_arrays_do_not_stop_the_monitor(headless, kind):
    """Every slot of the ring names the same array."""
    part = longest_array(headless, kind)
    queue = headless.inflateq
    queue.write_chain(out=[part])
    for _ in range(queue.size):
        queue.publish(notify=False)
    queue.transport.notify(queue)
    for _ in range(3):
        assert headless.qemu.alive()
    check(headless)


def test_a_pfn_array_longer_than_the_protocol_allows(headless):
    gpa, length = longest_array(headless, "same")
    headless.inflateq.send(out=[(gpa, length)] * 3 + [(gpa, 8)])
    assert headless.counter("refused") == 2 * PFNS_MAX + 2
    check(headless)


@pytest.mark.parametrize("bits_set", ["all", "every other"])
def test_full_bitmaps_do_not_stop_the_monitor(hostile, bits_set):
    """Every slot of the ring names the same bitmap, of the most bits that there may be."""
    count = (RAM - DATA_GPA) // PAGE
    header = struct.pack("<HHIQII", PAGES_BITMAP, 0, 1, DATA_GPA // PAGE, count, 0)
    bitmap = (b"\xff" if bits_set == "all" else b"\x55") * (count // 8)
    hostile.qtest.write(SCRATCH_GPA, header + bitmap)
    queue = hostile.inflateq
    queue.write_chain(out=[(SCRATCH_GPA, len(header + bitmap))])
    for _ in range(queue.size):
        queue.publish(notify=False)
    queue.transport.notify(queue)
    for _ in range(3):
        assert hostile.qemu.alive()
    check(hostile)


RECORD = struct.pack("<QII", DATA_GPA // PAGE, 64, 0)
BITMAPS = {
    "no header": b"\2", "unknown format": struct.pack("<HHI", 3, 0, 1) + RECORD + bytes(8),
    "no records": struct.pack("<HHI", PAGES_BITMAP, 0, 0),
    "too many records": struct.pack("<HHI", PAGES_BITMAP, 0, 256) + 256 * (RECORD + bytes(8)),
    "huge count": struct.pack("<HHI", PAGES_BITMAP, 0, 0xffffffff) + RECORD,
    "no bitmap": struct.pack("<HHI", PAGES_BITMAP, 0, 1) + RECORD,
    "too long": struct.pack("<HHI", PAGES_BITMAP, 0, 1) + RECORD + 64 * b"\xff",
    "too many bits": struct.pack("<HHIQII", PAGES_BITMAP, 0, 1, 0, 0xffffffff, 0) + 8 * b"\xff",
    "empty array": struct.pack("<HHI", PAGES_PFNS, 0, 0),
    "short array": struct.pack("<HHII", PAGES_PFNS, 0, 2, DATA_GPA // PAGE),
}


@pytest.mark.parametrize("data", BITMAPS.values(), ids=BITMAPS.keys())
def test_malformed_headers_and_bitmaps_cost_the_whole_buffer(hostile, data):
    hostile.fill(DATA_GPA, 64 * PAGE)
    hostile.qtest.write(SCRATCH_GPA, data)
    hostile.inflateq.send(out=[(SCRATCH_GPA, len(data))])
    assert hostile.counter("refused") == 1
    assert hostile.holds(DATA_GPA, 64 * PAGE, 0xa5)
    check(hostile)


def test_a_ring_full_of_buffers_is_returned_entirely(headless):
    """More than the device handles at once: the rest comes later, by itself."""
    queue = headless.inflateq
    queue.write_chain(out=[(SCRATCH_GPA, 4)])
    headless.qtest.store(SCRATCH_GPA, 4, DATA_GPA // PAGE)
    for _ in range(queue.size):
        queue.publish(notify=False)
    queue.transport.notify(queue)
    wait_for(lambda: queue.device_used_idx() == queue.size, "all buffers are returned")
    assert headless.counter("requests") == queue.size
    check(headless)


@pytest.mark.parametrize("size", [0, 1, 9, 10 * 2000 + 3])
def test_statistics_of_odd_sizes(hostile, size):
    hostile.qtest.write(SCRATCH_GPA, random.Random(size).randbytes(max(size, 1)))
    hostile.statsq.write_desc(0, SCRATCH_GPA, size)
    hostile.statsq.publish()
    check(hostile)


def test_writable_parts_on_the_statistics_queue(hostile):
    hostile.fill(DATA_GPA, PAGE)
    hostile.statsq.write_desc(0, DATA_GPA, PAGE, DESC_WRITE)
    hostile.statsq.publish()
    hostile.qemu.qom_set(PATH, "guest-stats-polling-interval", 1)
    hostile.statsq.collect(timeout_s=3)
    hostile.qemu.qom_set(PATH, "guest-stats-polling-interval", 0)
    assert hostile.holds(DATA_GPA, PAGE, 0xa5)
    check(hostile)


def test_many_buffers_on_the_statistics_queue(hostile):
    queue = hostile.statsq
    queue.write_chain(out=[(SCRATCH_GPA, 160)])
    for _ in range(queue.size):
        queue.publish()
    wait_for(lambda: queue.device_used_idx() == queue.size - 1, "all but one come back")
    check(hostile)


@pytest.mark.parametrize("size", [0, 1, 3, 5, 8, PAGE])
def test_hint_commands_of_odd_sizes(hostile, size):
    hostile.hintq.write_desc(0, SCRATCH_GPA, size)
    result = publish(hostile, hostile.hintq)
    assert result == "broken" or hostile.counter("refused") == 1
    check(hostile)


@pytest.fixture
def hinting(ours):
    """A device in the middle of a round of hints."""
    migration.start_to_nowhere(ours.qemu)
    ours.hint_command(ours.wait_cmd_id())
    return ours


@pytest.mark.parametrize("gpa,length", [
    (DATA_GPA + 1, 1), (DATA_GPA + 1, PAGE), (DATA_GPA - 1, PAGE + 2), (BIOS_GPA, PAGE),
    (IOAPIC_GPA, PAGE), (0xa0000, 0x20000), (0, RAM), (MIB, RAM - MIB)], ids=hex)
def test_hints_of_odd_ranges(hinting, gpa, length):
    hinting.hintq.write_chain(into=[(gpa, length)])
    publish(hinting, hinting.hintq)
    whole_pages = max(0, (gpa + length) // PAGE - -(-gpa // PAGE)) * PAGE
    assert hinting.counter("hinted-bytes") <= whole_pages
    assert hinting.qemu.alive()
    assert migration.finish(hinting.qemu) == "completed"


@pytest.mark.parametrize("ids", [[0], [1], [0xdeadbeef], [0, 1, 0xdeadbeef, 0xffffffff]], ids=str)
def test_garbage_ids_in_a_round(hinting, ids):
    for cmd_id in ids:
        hinting.hint_command(cmd_id)
        hinting.hint(DATA_GPA, MIB)
    assert hinting.counter("hinted-bytes") == 0
    assert hinting.counter("stale-hint-bytes") == len(ids) * MIB
    assert migration.finish(hinting.qemu) == "completed"


def test_a_broken_device_does_not_stop_a_migration(hinting):
    hinting.hintq.publish(0xffff)
    assert hinting.broken()
    assert migration.finish(hinting.qemu) == "completed"


def test_configuration_writes_of_every_offset_and_size(hostile):
    for offset in range(0, 24):
        for size in (1, 2, 4):
            hostile.transport.set_config(offset, size, (1 << 8 * size) - 1)
    assert hostile.num_pages() == 0
    hostile.set_actual(0)
    check(hostile)


def test_random_descriptors(hostile):
    """A short fuzz of every queue with a fixed seed."""
    generator = random.Random(20)
    addresses = [DATA_GPA, SCRATCH_GPA, RAM - PAGE, HOLE_GPA, BIOS_GPA, 0, (1 << 64) - PAGE]
    for turn in range(150):
        queue = hostile.queues[turn % 5]
        for slot in range(4):
            queue.write_desc(slot, generator.choice(addresses) + generator.choice([0, 0, 1, 8]),
                             generator.choice([0, 1, 4, 8, PAGE, 64 * PAGE, 0xffffffff]),
                             generator.randrange(8), generator.randrange(5))
        queue.publish()
        if hostile.broken():
            hostile.start()
    check(hostile)
