# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory backends: what is given back, in which pieces, and what the host then has."""

import os
import resource

import pytest

from fbqtest import host, machine
from fbqtest.balloon import PAGE, SCRATCH_GPA, SCRATCH_SIZE, Balloon

MIB = 1 << 20
HUGE = 2 * MIB
GIB = 1 << 30
RAM = machine.RAM_BYTES
DATA = 64 * MIB  # the rings, and what the firmware holds, lie before it
SPAN = 32 * MIB
USED = 8 * MIB   # host memory that rings, tables and firmware may take


def backend(kind, **properties):
    """Options for a machine whose memory is such a backend."""
    named = {"size": RAM, **properties}
    words = ",".join(f"{name.replace('_', '-')}={value}" for name, value in named.items())
    return ["-object", f"memory-backend-{kind},id=ram0,{words}", "-machine",
            "memory-backend=ram0"]


def started(start, extra, must_tell_host=True, **properties):
    balloon = Balloon(start(machine.OURS, extra=extra, must_tell_host=must_tell_host,
                            **properties))
    balloon.start()
    return balloon


def ram_of(balloon, size=RAM):
    return host.guest_ram(balloon.qemu, size)


def assert_counted(balloon, discarded, failed=0, waiting=0):
    """The device says no more and no less than what it gave back."""
    counters = balloon.counters()
    assert counters["discarded-bytes"] == discarded
    assert counters["failed-bytes"] == failed
    assert counters["waiting-bytes"] == waiting
    assert bool(counters["discard-failures"]) == bool(failed)


@pytest.fixture
def folder(tmp_path):
    """A folder whose file system can have holes in files."""
    probe = tmp_path / "probe"
    with open(probe, "wb") as file:
        file.truncate(MIB)
        try:
            assert os.lseek(file.fileno(), 0, os.SEEK_DATA) != 0
        except OSError:
            return tmp_path
    pytest.skip("no file system with holes")
    return None


PLAIN = {
    "anonymous": ("ram", {}),
    "anonymous-shared": ("ram", {"share": "on"}),
    "memfd-shared": ("memfd", {"share": "on"}),
    "memfd-private": ("memfd", {"share": "off"}),
}


@pytest.mark.parametrize("kind,properties", PLAIN.values(), ids=PLAIN.keys())
@pytest.mark.parametrize("how", ["inflate", "report"])
def test_memory_is_given_back(start, kind, properties, how):
    balloon = started(start, backend(kind, **properties), free_page_reporting=True)
    balloon.fill(DATA, SPAN)
    before = host.resident(ram_of(balloon))
    if how == "inflate":
        balloon.inflate_ranges([(DATA, SPAN)])
    else:
        balloon.report([(DATA, SPAN)])
    assert before - host.resident(ram_of(balloon)) >= SPAN
    assert_counted(balloon, SPAN)
    assert balloon.counter("ranges") == 1
    assert balloon.holds(DATA, SPAN, 0)
    balloon.fill(DATA, MIB)
    assert balloon.holds(DATA, MIB, 0xa5) and balloon.holds(DATA + MIB, MIB, 0)


@pytest.mark.parametrize("share", ["on", "off"])
@pytest.mark.parametrize("name", ["folder", "file"])
def test_file_backends(start, folder, share, name):
    """A file made by QEMU in a folder has no name; the other stays, and has no data yet."""
    path = folder if name == "folder" else folder / "ram"
    balloon = started(start, backend("file", share=share, mem_path=path))
    balloon.fill(DATA, SPAN)
    balloon.inflate_ranges([(DATA, SPAN // 2)])
    assert_counted(balloon, SPAN // 2)
    assert host.resident(ram_of(balloon)) <= SPAN // 2 + USED
    assert balloon.holds(DATA, SPAN // 2, 0)
    assert balloon.holds(DATA + SPAN // 2, SPAN // 2, 0xa5)
    if name == "file":
        on_disk = os.stat(path).st_blocks * 512
        assert on_disk <= (SPAN // 2 if share == "on" else 0) + USED


def test_a_private_mapping_does_not_destroy_its_file(start, folder):
    """The guest's copies over holes go; what the file holds stays, in the file and for the guest."""
    path = folder / "template"
    with open(path, "wb") as file:
        file.truncate(RAM)
        file.seek(DATA + MIB)
        file.write(b"\x77" * MIB)
    balloon = started(start, backend("file", share="off", mem_path=path))
    balloon.fill(DATA, 4 * MIB)
    balloon.inflate_ranges([(DATA, 4 * MIB)])
    assert_counted(balloon, 0, failed=4 * MIB)
    assert balloon.holds(DATA, MIB, 0) and balloon.holds(DATA + 2 * MIB, 2 * MIB, 0)
    assert balloon.holds(DATA + MIB, MIB, 0xa5)
    balloon.inflate_ranges([(DATA + 3 * MIB, MIB)])
    assert_counted(balloon, MIB, failed=4 * MIB)
    with open(path, "rb") as file:
        file.seek(DATA + MIB)
        assert file.read(MIB) == b"\x77" * MIB
    assert "mapped privately" in balloon.qemu.stderr()


def thp_balloon(start, **properties):
    if not host.has_thp():
        pytest.skip("the host has no transparent huge pages")
    balloon = started(start, backend("ram"), **properties)
    balloon.fill(DATA, SPAN)
    if ram_of(balloon)["AnonHugePages"] < SPAN:
        pytest.skip("the host finds no transparent huge pages")
    return balloon


def test_transparent_huge_pages_are_given_back_whole(start):
    """What lies between whole huge pages keeps its own, and memory that returns gets new ones."""
    balloon = thp_balloon(start)
    before = ram_of(balloon)["AnonHugePages"]
    balloon.inflate_ranges([(DATA, SPAN // 2)])
    assert before - ram_of(balloon)["AnonHugePages"] == SPAN // 2
    balloon.deflate_ranges([(DATA, SPAN // 2)])
    balloon.fill(DATA, SPAN // 2)
    assert ram_of(balloon)["AnonHugePages"] >= before - HUGE


def test_a_huge_page_in_one_buffer_of_pfns_is_given_back_whole(start):
    balloon = thp_balloon(start)
    before = ram_of(balloon)["AnonHugePages"]
    balloon.inflate_pfns(list(range(DATA // PAGE, (DATA + SPAN // 2) // PAGE))[::-1])
    balloon.fill(DATA, SPAN // 2)
    assert ram_of(balloon)["AnonHugePages"] >= before - HUGE
    assert balloon.counter("ranges") == 1


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "split"])
def test_parts_of_transparent_huge_pages(start, keep):
    """They wait for the rest, from whatever buffer that comes, or are given back at once."""
    balloon = thp_balloon(start, keep_huge_pages=keep)
    before = ram_of(balloon)["AnonHugePages"]
    balloon.inflate_ranges([(DATA + page, PAGE) for page in range(0, SPAN // 2, HUGE)])
    parts = SPAN // 2 // HUGE * PAGE
    if not keep:
        assert_counted(balloon, parts)
        assert ram_of(balloon)["AnonHugePages"] <= before - SPAN // 2 + HUGE  # that of the ring
        return
    assert_counted(balloon, 0, waiting=parts)
    assert ram_of(balloon)["AnonHugePages"] >= before
    balloon.deflate_ranges([(DATA + HUGE, PAGE)])
    balloon.inflate_ranges([(DATA + PAGE, HUGE - PAGE), (DATA + HUGE + PAGE, HUGE - PAGE)])
    assert_counted(balloon, HUGE, waiting=parts - PAGE + HUGE - 2 * PAGE)
    assert ram_of(balloon)["AnonHugePages"] >= before - HUGE
    assert balloon.holds(DATA, HUGE, 0) and balloon.holds(DATA + HUGE, SPAN - HUGE, 0xa5)


def test_huge_pages_are_kept_in_anonymous_memory_only(start):
    """A memfd has no transparent huge pages that a hole would split."""
    balloon = started(start, backend("memfd", share="on"), keep_huge_pages=True)
    balloon.fill(DATA, HUGE)
    balloon.inflate_ranges([(DATA, PAGE)])
    assert_counted(balloon, PAGE)


HUGETLB = {
    "memfd-shared": ("memfd", "on"), "memfd-private": ("memfd", "off"),
}


@pytest.mark.parametrize("kind,share", HUGETLB.values(), ids=HUGETLB.keys())
def test_huge_pages_of_2_mib(start, kind, share):
    with host.HugePages(HUGE).extended(RAM // HUGE) as pool:
        balloon = started(start, backend(kind, share=share, hugetlb="on", hugetlbsize=HUGE))
        balloon.fill(DATA, SPAN)
        balloon.fill(SCRATCH_GPA, SCRATCH_SIZE)
        free = pool.free()
        balloon.inflate_ranges([(DATA, SPAN // 2)])
        assert pool.free() - free == SPAN // 2 // HUGE
        assert_counted(balloon, SPAN // 2)
        # Parts of host pages wait for the rest, from whatever buffer that comes.
        part = DATA + SPAN // 2
        balloon.inflate_ranges([(part, MIB)])
        assert pool.free() - free == SPAN // 2 // HUGE
        assert_counted(balloon, SPAN // 2, waiting=MIB)
        assert balloon.holds(part, HUGE, 0xa5)
        balloon.inflate_pfns(range((part + MIB) // PAGE, (part + HUGE) // PAGE))
        assert pool.free() - free == SPAN // 2 // HUGE + 1
        assert_counted(balloon, SPAN // 2 + HUGE)
        assert balloon.holds(part, HUGE, 0)
        assert balloon.holds(part + HUGE, MIB, 0xa5)


def test_huge_pages_are_never_completed_by_what_the_guest_may_use_again(start):
    with host.HugePages(HUGE).extended(RAM // HUGE):
        balloon = started(start, backend("memfd", hugetlb="on", hugetlbsize=HUGE), False)
        balloon.fill(DATA, HUGE)
        balloon.inflate_ranges([(DATA, MIB)])
        balloon.inflate_ranges([(DATA + MIB, MIB)])
        assert_counted(balloon, 0)
        assert balloon.holds(DATA, HUGE, 0xa5)
        balloon.inflate_ranges([(DATA, MIB), (DATA + MIB, MIB)])
        assert_counted(balloon, HUGE)


def test_huge_pages_of_1_gib(start):
    with host.HugePages(GIB).extended(2) as pool:
        extra = backend("memfd", size=2 * GIB, hugetlb="on", hugetlbsize=GIB)
        balloon = started(start, ["-m", "2048", *extra])
        balloon.fill(GIB, 4 * PAGE)
        free = pool.free()
        balloon.inflate_ranges([(GIB, GIB // 2)])
        assert_counted(balloon, 0, waiting=GIB // 2)
        assert pool.free() == free and balloon.holds(GIB, PAGE, 0xa5)
        balloon.inflate_ranges([(GIB + GIB // 2, GIB // 2)])
        assert_counted(balloon, GIB)
        assert pool.free() == free + 1


def test_numa_nodes_with_backends_of_their_own(start):
    """One run over both nodes' memory is one discard in each."""
    extra = ["-object", f"memory-backend-ram,id=m0,size={RAM // 2},host-nodes=0,policy=bind",
             "-object", f"memory-backend-memfd,id=m1,size={RAM // 2},host-nodes=0,policy=bind",
             "-numa", "node,memdev=m0", "-numa", "node,memdev=m1"]
    balloon = started(start, extra, prealloc_on_deflate=True)
    first = RAM // 2 - 16 * MIB
    balloon.fill(first, 32 * MIB)
    balloon.inflate_ranges([(first, 32 * MIB)])
    assert_counted(balloon, 32 * MIB)
    assert balloon.counter("ranges") == 2
    assert balloon.holds(first, 32 * MIB, 0)
    balloon.deflate_ranges([(first, 32 * MIB)])
    assert balloon.counter("populated-bytes") == 32 * MIB


def test_locked_memory_is_not_reported_as_given_back(start):
    """The host refuses each discard: all of it is counted, and the log does not grow with it."""
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if os.geteuid() and limit != resource.RLIM_INFINITY:
        pytest.skip("no right to lock memory")
    balloon = started(start, ["-overcommit", "mem-lock=on"])
    balloon.fill(DATA, MIB)
    for page in range(0, 256, 2):
        balloon.inflate_pfns([DATA // PAGE + page])
    assert_counted(balloon, 0, failed=128 * PAGE)
    assert balloon.holds(DATA, MIB, 0xa5)
    assert 1 <= balloon.qemu.stderr().count("is not given back") < 10
    assert balloon.qemu.alive()
