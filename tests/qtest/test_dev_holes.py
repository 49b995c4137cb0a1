# SPDX-License-Identifier: GPL-2.0-or-later
"""Hole skip: memory that the host never backed is not sent, and nothing else is left out."""

import contextlib
import os
import socket

import pytest

from fbqtest import host, machine, migration
from fbqtest.balloon import PAGE, PATH, Balloon
from fbqtest.qemu import TIMEOUT_S, QmpError, start_fails, wait_for

MIB = 1 << 20
HIGH_GPA = machine.RAM_BYTES - 64 * MIB
OTHER_GPA = 96 * MIB
# Firmware, devices and what a machine without a guest has touched otherwise.
OWN_BYTES = 24 * MIB
HOLES = {"hole_skip": True}
LOOKS = str(machine.IMAGES / "looks.so")


def result(qemu):
    return qemu.qom_get(PATH, "fastballoon-hole-skip")


def backend(kind, **properties):
    """Options for all of the machine's memory on a backend."""
    words = {True: "on", False: "off"}
    pairs = "".join(f",{name.replace('_', '-')}={words.get(value, value)}"
                    for name, value in properties.items())
    return ["-object", f"memory-backend-{kind},id=ram0,size={machine.RAM_MIB}M{pairs}",
            "-machine", "memory-backend=ram0"]


def looks(mode, fd=None):
    """Environment and descriptors of a QEMU whose kernel answers otherwise, see preload/looks.c."""
    env = {"LD_PRELOAD": LOOKS, "FB_LOOKS": mode}
    if fd is not None:
        env["FB_LOOKS_FD"] = str(fd)
    return {"env": env, "fds": [] if fd is None else [fd]}


class Pair:
    """A machine of ours without a driver, and the one that it migrates to."""

    def __init__(self, start, extra=(), destination_extra=None, **named):
        self.channel = migration.Channel()
        self.source = Balloon(start(machine.OURS, **HOLES, extra=list(extra), **named))
        self.incoming = self.channel.incoming()
        extra = extra if destination_extra is None else destination_extra
        self.incoming["extra"] = [*extra, *self.incoming["extra"]]
        self.destination = start(machine.OURS, **HOLES, **self.incoming)

    @property
    def qemu(self):
        return self.source.qemu

    def finish(self):
        """Migrate to the end; returns the driver at the destination."""
        assert migration.finish(self.qemu) == "completed"
        return self.source.moved_to(self.destination)

    def migrate(self):
        self.channel.start(self.qemu)
        return self.finish()


def check_skipped(pair, least=machine.RAM_BYTES - OWN_BYTES):
    """The first round left that much out, and none of it was sent as a page of zeros either."""
    told = result(pair.qemu)
    assert (told["state"], told["off-reason"]) == ("done", "")
    assert least <= told["skipped-bytes"] <= machine.RAM_BYTES
    ram = pair.qemu.qmp.command("query-migrate")["ram"]
    assert (ram["duplicate"] + ram["normal"]) * PAGE <= machine.RAM_BYTES + OWN_BYTES - least
    counters = pair.qemu.qom_get(PATH, "fastballoon-counters")
    assert counters["hole-skipped-bytes"] == told["skipped-bytes"]


def test_no_driver_is_needed(start):
    pair = Pair(start)
    pair.source.fill(HIGH_GPA, 2 * MIB)
    moved = pair.migrate()
    check_skipped(pair)
    assert result(pair.qemu)["method"] in ("pagemap-scan", "pagemap")
    assert moved.holds(HIGH_GPA, 2 * MIB, 0xa5)
    assert moved.holds(HIGH_GPA - MIB, MIB, 0) and moved.holds(HIGH_GPA + 2 * MIB, MIB, 0)


def test_what_the_balloon_took_is_not_sent(start):
    pair = Pair(start)
    balloon = pair.source
    balloon.start()
    balloon.fill(HIGH_GPA, 32 * MIB)
    balloon.inflate_ranges([(HIGH_GPA + 8 * MIB, 16 * MIB)])
    moved = pair.migrate()
    check_skipped(pair, machine.RAM_BYTES - OWN_BYTES - 16 * MIB)
    assert moved.holds(HIGH_GPA, 8 * MIB, 0xa5)
    assert moved.holds(HIGH_GPA + 8 * MIB, 16 * MIB, 0)
    assert moved.holds(HIGH_GPA + 24 * MIB, 8 * MIB, 0xa5)


def test_what_is_written_during_the_migration_is_sent(start):
    pair = Pair(start)
    pair.source.fill(HIGH_GPA, 8 * MIB)
    pair.channel.start(pair.qemu, migration.SLOW)
    wait_for(lambda: result(pair.qemu)["state"] == "active", "holes are skipped")
    pair.source.fill(OTHER_GPA, MIB, 0xbb)
    moved = pair.finish()
    assert moved.holds(OTHER_GPA, MIB, 0xbb) and moved.holds(HIGH_GPA, 8 * MIB, 0xa5)


@pytest.mark.parametrize("kind,properties", [
    ("memfd", {"share": True}),
    ("file", {"share": True, "mem_path": "/dev/shm"})], ids=["memfd", "unnamed-file"])
def test_shared_memory_by_its_holes(start, kind, properties):
    pair = Pair(start, backend(kind, **properties))
    pair.source.fill(HIGH_GPA, 2 * MIB)
    moved = pair.migrate()
    check_skipped(pair)
    assert result(pair.qemu)["method"] == "seek-hole"
    assert moved.holds(HIGH_GPA, 2 * MIB, 0xa5)


def test_memory_of_several_backends(start):
    extra = ["-object", "memory-backend-ram,id=a,size=128M",
             "-object", "memory-backend-memfd,id=b,size=128M",
             "-smp", "2", "-numa", "node,memdev=a", "-numa", "node,memdev=b"]
    pair = Pair(start, extra)
    pair.source.fill(OTHER_GPA, MIB)
    pair.source.fill(HIGH_GPA, MIB)
    moved = pair.migrate()
    check_skipped(pair)
    assert moved.holds(OTHER_GPA, MIB, 0xa5) and moved.holds(HIGH_GPA, MIB, 0xa5)


def assert_off(qemu, words):
    told = result(qemu)
    assert told["state"] == "off" and words in told["off-reason"]
    assert (told["skipped-bytes"], told["method"]) == (0, "")


@pytest.mark.parametrize("kind,properties,reason", [
    ("memfd", {"share": False}, "private mapping"),
    ("ram", {"share": True}, "no file tells"),
    ("file", {"share": True, "named": True}, "old content"),
    ("file", {"share": False, "named": True}, "private mapping")],
    ids=["private-memfd", "shared-anonymous", "named-file", "private-file"])
def test_memory_that_is_not_looked_at(start, tmp_path, kind, properties, reason):
    properties = dict(properties)
    if properties.pop("named", False):
        properties["mem_path"] = str(tmp_path / "memory")
    balloon = Balloon(start(machine.OURS, **HOLES, extra=backend(kind, **properties)))
    balloon.fill(HIGH_GPA, MIB)
    migration.start_to_nowhere(balloon.qemu, migration.FAST)
    assert migration.finish(balloon.qemu) == "completed"
    assert_off(balloon.qemu, reason)


def test_huge_pages_are_sent(start):
    with host.HugePages(2 * MIB).extended(machine.RAM_BYTES // (2 * MIB)):
        qemu = start(machine.OURS, **HOLES, extra=backend("memfd", hugetlb=True, hugetlbsize="2M"))
        migration.start_to_nowhere(qemu, migration.FAST)
        assert migration.finish(qemu) == "completed"
        assert_off(qemu, "hugetlbfs")


def test_memory_that_is_all_backed_has_no_holes(start):
    pair = Pair(start, backend("ram", prealloc=True))
    pair.source.fill(HIGH_GPA, MIB)
    moved = pair.migrate()
    told = result(pair.qemu)
    assert (told["state"], told["skipped-bytes"]) == ("done", 0)
    assert moved.holds(HIGH_GPA, MIB, 0xa5)


def test_ignored_shared_memory_is_left_alone(start):
    qemu = start(machine.OURS, **HOLES, extra=backend("memfd", share=True))
    migration.set_capability(qemu, "x-ignore-shared")
    migration.start_to_nowhere(qemu, migration.FAST)
    assert migration.finish(qemu) == "completed"
    assert_off(qemu, "x-ignore-shared")


@pytest.mark.parametrize("capability,reason", [
    ("postcopy-ram", "postcopy"), ("background-snapshot", "snapshot"), ("x-colo", "COLO")])
def test_capabilities_that_turn_it_off(start, capability, reason):
    qemu = start(machine.OURS, **HOLES)
    try:
        migration.set_capability(qemu, capability)
    except QmpError as error:
        pytest.skip(str(error))
    with migration.stalled(qemu):
        assert_off(qemu, reason)


def test_an_inexact_log_turns_it_off(start):
    qemu = start(machine.OURS, **HOLES, plugin={"tcg_flush": "off"})
    migration.start_to_nowhere(qemu, migration.FAST)
    assert migration.finish(qemu) == "completed"
    assert_off(qemu, "tcg-flush")


def test_the_property_counts_for_the_next_migration(start):
    balloon = Balloon(start(machine.OURS, **HOLES))
    balloon.fill(HIGH_GPA, 8 * MIB)
    qemu = balloon.qemu
    assert result(qemu)["state"] == "idle"
    for enabled in (False, True):
        qemu.qom_set(PATH, "hole-skip", enabled)
        assert qemu.qom_get(PATH, "hole-skip") is enabled
        with migration.stalled(qemu):
            assert result(qemu)["state"] == ("active" if enabled else "off")
            qemu.qmp.command("migrate_cancel")
            wait_for(lambda: migration.status(qemu) == "cancelled", "cancelled")
        wait_for(lambda: result(qemu)["state"] == ("done" if enabled else "off"), "state")
    assert result(qemu)["skipped-bytes"] > machine.RAM_BYTES - OWN_BYTES


def test_a_cancelled_migration_leaves_nothing_behind(start):
    """What a migration skipped counts again in the next one, and what was written since is sent."""
    pair = Pair(start)
    migration.start_to_nowhere(pair.qemu, migration.SLOW)
    wait_for(lambda: result(pair.qemu)["state"] == "active", "holes are skipped")
    pair.qemu.qmp.command("migrate_cancel")
    wait_for(lambda: migration.status(pair.qemu) in ("cancelled", "completed"), "cancelled")
    pair.source.fill(OTHER_GPA, MIB)
    moved = pair.migrate()
    assert moved.holds(OTHER_GPA, MIB, 0xa5)


def test_an_older_kernel(start):
    pair = Pair(start, **looks("old"))
    pair.source.fill(HIGH_GPA, 2 * MIB)
    moved = pair.migrate()
    check_skipped(pair)
    assert result(pair.qemu)["method"] == "pagemap"
    assert moved.holds(HIGH_GPA, 2 * MIB, 0xa5)


def test_a_policy_that_denies_the_pagemap(start):
    pair = Pair(start, **looks("deny"))
    pair.source.fill(HIGH_GPA, MIB)
    moved = pair.migrate()
    assert_off(pair.qemu, "policy")
    assert moved.holds(HIGH_GPA, MIB, 0xa5)


@contextlib.contextmanager
def between_the_looks(start, mode):
    """A pair whose migration waits after its first look; yields it and what lets it go on."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(TIMEOUT_S)
        pair = Pair(start, **looks(mode, theirs.fileno()))
        pair.source.fill(HIGH_GPA, MIB)
        pair.channel.start(pair.qemu, migration.SLOW)
        if not ours.recv(1):
            pytest.skip("this kernel has no PAGEMAP_SCAN")
        yield pair, lambda: ours.send(b"g")


def need_pagemap_scan(start):
    qemu = start(machine.OURS, **HOLES)
    migration.start_to_nowhere(qemu, migration.FAST)
    assert migration.finish(qemu) == "completed"
    if result(qemu)["method"] != "pagemap-scan":
        pytest.skip("this kernel has no PAGEMAP_SCAN")


def test_what_gets_content_between_the_looks_is_dirty_again(start):
    need_pagemap_scan(start)
    with between_the_looks(start, "pause") as (pair, go_on):
        pair.source.fill(OTHER_GPA, 3 * PAGE, 0xbb)
        pair.source.fill(OTHER_GPA + 8 * PAGE, PAGE, 0xcc)
        go_on()
        moved = pair.finish()
    told = result(pair.qemu)
    assert 4 * PAGE <= told["redirtied-bytes"] <= 4 * MIB  # whole huge pages get content
    assert told["skipped-bytes"] > machine.RAM_BYTES - OWN_BYTES
    assert moved.holds(OTHER_GPA, 3 * PAGE, 0xbb) and moved.holds(OTHER_GPA + 3 * PAGE, PAGE, 0)
    assert moved.holds(OTHER_GPA + 8 * PAGE, PAGE, 0xcc) and moved.holds(HIGH_GPA, MIB, 0xa5)


def test_all_is_dirty_again_where_the_second_look_fails(start):
    need_pagemap_scan(start)
    pair = Pair(start, **looks("fail"))
    pair.source.fill(HIGH_GPA, MIB)
    moved = pair.migrate()
    told = result(pair.qemu)
    assert told["redirtied-bytes"] == told["skipped-bytes"] > 0
    assert moved.holds(HIGH_GPA, MIB, 0xa5) and moved.holds(OTHER_GPA, MIB, 0)


def test_a_destination_with_old_content_refuses(start, tmp_path):
    """The source can't see what memory the destination has: that one looks, and the source goes on."""
    (tmp_path / "memory").write_bytes(b"\xee" * machine.RAM_BYTES)
    destination = backend("file", share=True, mem_path=tmp_path / "memory")
    pair = Pair(start, backend("ram"), destination)
    pair.channel.start(pair.qemu)
    assert pair.destination.wait_exit() != 0
    wait_for(lambda: migration.status(pair.qemu) == "failed", "failed")
    assert pair.qemu.qmp.command("query-status")["status"] == "running"
    assert "old content: set hole-skip=off" in pair.destination.stderr()
    pair.destination.process.returncode = 0  # it was meant to end


def test_old_content_is_replaced_with_hole_skip_off(start, tmp_path):
    (tmp_path / "memory").write_bytes(b"\xee" * machine.RAM_BYTES)
    destination = backend("file", share=True, mem_path=tmp_path / "memory")
    pair = Pair(start, backend("ram"), destination)
    pair.qemu.qom_set(PATH, "hole-skip", False)
    pair.source.fill(HIGH_GPA, MIB)
    moved = pair.migrate()
    assert moved.holds(HIGH_GPA, MIB, 0xa5) and moved.holds(OTHER_GPA, MIB, 0)


def test_a_snapshot_in_a_file(start, tmp_path):
    """The file is as large as the memory in use, and the machine that it makes is right."""
    path = tmp_path / "snapshot"
    source = Balloon(start(machine.OURS, **HOLES))
    source.fill(HIGH_GPA, 8 * MIB)
    source.qemu.qmp.command("stop")
    source.qemu.qmp.command("migrate", uri=f"exec:cat > {path}")
    assert migration.finish(source.qemu) == "completed"
    assert 8 * MIB < os.path.getsize(path) < 8 * MIB + OWN_BYTES
    restored = start(machine.OURS, **HOLES, extra=["-incoming", f"exec:cat {path}"])
    wait_for(lambda: restored.qmp.command("query-status")["status"] == "paused", "restored")
    moved = source.moved_to(restored)
    assert moved.holds(HIGH_GPA, 8 * MIB, 0xa5) and moved.holds(OTHER_GPA, MIB, 0)


def test_the_property_is_a_switch(start):
    status, messages = start_fails(machine.args(machine.OURS, hole_skip="maybe"))
    assert status != 0 and "hole-skip" in messages
