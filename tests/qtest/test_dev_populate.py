# SPDX-License-Identifier: GPL-2.0-or-later
"""prealloc-on-deflate: memory that leaves the balloon is there before the driver gets it."""

import pytest

from fbqtest import host, machine, migration, pci
from fbqtest.balloon import DATA_GPA, PAGE, PATH, Balloon
from fbqtest.qemu import wait_for
from fbqtest.qtest import Qtest

MIB = 1 << 20
HUGE = 2 * MIB
RAM = machine.RAM_BYTES
SPAN = 64 * MIB
LARGE = 1536 * MIB  # takes the host long enough for something to happen meanwhile


@pytest.fixture
def balloon(start):
    driven = Balloon(start(machine.OURS, prealloc_on_deflate=True, free_page_reporting=True))
    driven.start()
    return driven


def resident(balloon, size=RAM):
    return host.resident(host.guest_ram(balloon.qemu, size))


def populated(balloon):
    counters = balloon.counters()
    return counters["populated-bytes"], counters["populate-failures"]


@pytest.mark.parametrize("how", ["ranges", "pfns", "bitmap"])
def test_memory_is_there_when_the_buffer_returns(balloon, how):
    before = resident(balloon)
    first, count = DATA_GPA // PAGE, SPAN // PAGE
    if how == "ranges":
        balloon.deflate_ranges([(DATA_GPA, SPAN)])
    elif how == "pfns":
        balloon.deflate_pfns(range(first, first + count))
    else:
        balloon.send_bitmap(balloon.deflateq, first, range(count))
    assert populated(balloon) == (SPAN, 0)
    assert resident(balloon) - before >= SPAN
    assert balloon.holds(DATA_GPA, MIB, 0)


def test_content_stays(balloon):
    balloon.fill(DATA_GPA, 4 * PAGE)
    balloon.deflate_ranges([(DATA_GPA - PAGE, 6 * PAGE)])
    assert balloon.holds(DATA_GPA, 4 * PAGE, 0xa5)


def test_it_is_off_by_default(start):
    driven = Balloon(start(machine.OURS))
    driven.start()
    before = resident(driven)
    driven.deflate_ranges([(DATA_GPA, SPAN)])
    assert resident(driven) - before < MIB
    assert populated(driven) == (0, 0)


def test_cycles_end_given_back(balloon):
    """Buffers queued behind each other: what was inflated last is not backed again."""
    for _ in range(8):
        balloon.deflate_ranges([(DATA_GPA, SPAN)])
        balloon.inflate_ranges([(DATA_GPA, SPAN)])
    before = resident(balloon)
    queues = (balloon.deflateq, balloon.inflateq)
    for queue in queues:
        queue.write_chain(into=[(DATA_GPA, SPAN)])
        queue.publish()
    for queue in queues:
        queue.collect()
    assert resident(balloon) - before < MIB
    assert populated(balloon) == (9 * SPAN, 0)


def test_reports_wait_too(balloon):
    for queue in (balloon.deflateq, balloon.reportq):
        queue.write_chain(into=[(DATA_GPA, SPAN)])
        queue.publish()
    for queue in (balloon.deflateq, balloon.reportq):
        queue.collect()
    assert balloon.counter("discarded-bytes") == SPAN
    assert resident(balloon) < SPAN


@pytest.fixture
def large(start):
    """A machine whose memory takes a while to be backed, with a deflate buffer on its way."""
    if host.free_bytes() < LARGE + host.RESERVE_BYTES:
        pytest.skip("too little memory")
    driven = Balloon(start(machine.OURS, extra=["-m", "2048"], prealloc_on_deflate=True))
    driven.start()
    driven.deflateq.write_chain(into=[(DATA_GPA, LARGE)])
    driven.deflateq.publish()
    return driven


def test_the_monitor_answers_meanwhile(large):
    answers = 0
    while not large.deflateq.returned():
        assert large.qemu.alive()
        answers += 1
    assert answers > 1
    assert populated(large) == (LARGE, 0)


def assert_works(balloon):
    balloon.start()
    balloon.fill(DATA_GPA, MIB)
    balloon.inflate_ranges([(DATA_GPA, MIB)])
    assert balloon.holds(DATA_GPA, MIB, 0)
    balloon.deflate_ranges([(DATA_GPA, MIB)])
    assert balloon.qemu.alive()


def test_reset_meanwhile(large):
    assert_works(large)
    large.deflateq.write_chain(into=[(DATA_GPA, LARGE)])
    large.deflateq.publish()
    large.qemu.qmp.command("system_reset")
    large.qemu.qmp.wait_event("RESET")
    assert_works(Balloon(large.qemu))


def test_a_pause_returns_the_buffer(large):
    large.qemu.qmp.command("stop")
    assert large.deflateq.returned()
    assert large.counter("populate-failures") == 0
    large.qemu.qmp.command("cont")
    large.deflateq.collect()
    assert_works(large)


def test_a_migration_meanwhile_loses_no_buffer(start, large):
    channel = migration.Channel()
    destination = start(machine.OURS, prealloc_on_deflate=True,
                        **{"extra": ["-m", "2048", *channel.incoming()["extra"]],
                           "fds": channel.incoming()["fds"]})
    migration.migrate(channel, large.qemu, destination)
    moved = large.moved_to(destination)
    moved.deflateq.collect()
    assert_works(moved)


def test_unplug_meanwhile(start):
    if host.free_bytes() < LARGE + host.RESERVE_BYTES:
        pytest.skip("too little memory")
    qemu = start(None, extra=["-m", "2048", *machine.plugin_args()])
    for _ in range(3):
        qemu.qmp.command("device_add", driver=machine.OURS, id="balloon0", addr="10",
                         prealloc_on_deflate=True)
        driven = Balloon(qemu, function=pci.PciFunction(Qtest(qemu.qtest_socket), 0x10))
        driven.start()
        driven.inflate_ranges([(DATA_GPA, LARGE)])
        driven.deflateq.write_chain(into=[(DATA_GPA, LARGE)])
        driven.deflateq.publish()
        qemu.qmp.command("device_del", id="balloon0")
        driven.qtest.port_out(0xae08, 4, 1 << 0x10)
        qemu.qmp.wait_event("DEVICE_DELETED")
    assert qemu.alive()


def test_an_exhausted_pool_is_counted(start):
    """Huge pages that are not there: the driver gets its buffer back, and nobody a signal."""
    with host.HugePages(HUGE).extended(RAM // HUGE) as pool:
        extra = ["-object", f"memory-backend-memfd,id=ram0,size={RAM},share=on,hugetlb=on,"
                 f"hugetlbsize={HUGE}", "-machine", "memory-backend=ram0"]
        driven = Balloon(start(machine.OURS, extra=extra, prealloc_on_deflate=True))
        driven.start()
        driven.fill(DATA_GPA, SPAN)
        driven.inflate_ranges([(DATA_GPA, SPAN)])
        driven.deflate_ranges([(DATA_GPA, SPAN // 2)])
        assert populated(driven) == (SPAN // 2, 0)
        knob = pool.folder / "nr_hugepages"
        total = pool.read("nr_hugepages")
        knob.write_text(str(total - pool.free()), encoding="ascii")
        driven.deflate_ranges([(DATA_GPA + SPAN // 2, SPAN // 2)])
        assert populated(driven) == (SPAN // 2, 1)
        assert driven.qemu.alive()


@pytest.mark.parametrize("size", [HUGE, 1 << 30], ids=["2M", "1G"])
def test_huge_pages_are_backed_whole(start, size):
    with host.HugePages(size).extended(2 * (1 << 30) // size if size > HUGE else RAM // size):
        ram = max(RAM, 2 * size)
        extra = ["-m", str(ram // MIB), "-object", f"memory-backend-memfd,id=ram0,size={ram},"
                 f"hugetlb=on,hugetlbsize={size}", "-machine", "memory-backend=ram0"]
        driven = Balloon(start(machine.OURS, extra=extra, prealloc_on_deflate=True))
        driven.start()
        driven.deflate_ranges([(ram - 3 * PAGE, PAGE)])
        assert populated(driven) == (size, 0)


def test_hostile_deflates(balloon):
    """Every slot of the ring asks for all of memory, and for what is no page."""
    queue = balloon.deflateq
    queue.write_chain(into=[(16 * MIB, RAM - 16 * MIB), (DATA_GPA + 1, PAGE), (DATA_GPA, 1)])
    for _ in range(queue.size):
        queue.publish(notify=False)
    queue.transport.notify(queue)
    for _ in range(5):
        assert balloon.qemu.alive()
    wait_for(lambda: queue.device_used_idx() == queue.size, "all buffers are returned", 20)
    assert balloon.counter("refused") == 2 * queue.size
    assert balloon.qemu.qom_get(PATH, "fastballoon-features")
    assert_works(balloon)
