# SPDX-License-Identifier: GPL-2.0-or-later
"""Free page hinting while a migration runs (virtio 1.3, section 5.5.6.7)."""

import os
import signal
import time

import pytest

from fbqtest import machine, migration
from fbqtest.balloon import (ALL, CMD_ID_DONE, CMD_ID_MIN, CMD_ID_STOP, DATA_GPA,
                             F_FREE_PAGE_HINT, PAGE, PATH, SCRATCH_GPA, Balloon)
from fbqtest.qemu import wait_for
from fbqtest.virtio import DESC_WRITE, ISR_CONFIG, bits

MIB = 1 << 20
HIGH_GPA = machine.RAM_BYTES - 64 * MIB  # not sent yet while a slow migration begins
HINTS = {"free_page_hint": True}


def hint_state(balloon):
    return balloon.qemu.qom_get(PATH, "fastballoon-hint-state")


@pytest.fixture
def pair(start, device):
    """A started driver, the channel of its migration and the QEMU at the other end."""
    channel = migration.Channel()
    source = Balloon(start(device, **HINTS))
    source.start()
    return source, channel, start(device, **HINTS, **channel.incoming())


def test_hinted_memory_is_not_sent_and_the_rest_is(pair):
    source, channel, destination = pair
    source.fill(HIGH_GPA, 3 * MIB)
    channel.start(source.qemu, migration.SLOW)
    cmd_id = source.wait_cmd_id()
    assert cmd_id > CMD_ID_MIN
    source.hint_round(cmd_id, [(HIGH_GPA + MIB, MIB)])
    assert migration.finish(source.qemu) == "completed"
    assert source.cmd_id() == CMD_ID_DONE
    moved = source.moved_to(destination)
    assert moved.holds(HIGH_GPA, MIB, 0xa5)
    assert moved.holds(HIGH_GPA + MIB, MIB, 0), "the hinted memory was sent"
    assert moved.holds(HIGH_GPA + 2 * MIB, MIB, 0xa5)


def test_hinted_memory_written_later_is_sent(pair):
    source, channel, destination = pair
    source.fill(HIGH_GPA, 4 * PAGE)
    channel.start(source.qemu, migration.SLOW)
    source.hint_round(source.wait_cmd_id(), [(HIGH_GPA, 4 * PAGE)])
    source.fill(HIGH_GPA + PAGE, PAGE, 0xbb)
    assert migration.finish(source.qemu) == "completed"
    moved = source.moved_to(destination)
    assert moved.holds(HIGH_GPA + PAGE, PAGE, 0xbb)


def test_a_hint_discards_nothing_on_the_source(either):
    either.fill(HIGH_GPA, MIB)
    migration.start_to_nowhere(either.qemu)
    either.hint_round(either.wait_cmd_id(), [(HIGH_GPA, MIB)])
    assert either.holds(HIGH_GPA, MIB, 0xa5)


def test_states_and_counters_of_a_round(ours):
    migration.start_to_nowhere(ours.qemu)
    cmd_id = ours.wait_cmd_id()
    assert hint_state(ours) == "requested"
    ours.hint_command(cmd_id)
    assert hint_state(ours) == "start"
    assert ours.cmd_id() == cmd_id
    ours.hint(HIGH_GPA, MIB)
    ours.hint(HIGH_GPA + 2 * MIB, 2 * MIB)
    assert ours.counter("hinted-bytes") == 3 * MIB
    ours.hint_command(CMD_ID_STOP)
    assert hint_state(ours) == "stop"
    assert ours.cmd_id() == CMD_ID_STOP
    ours.hint(HIGH_GPA, MIB)
    counters = ours.counters()
    assert counters["hinted-bytes"] == 3 * MIB
    assert counters["stale-hint-bytes"] == MIB
    assert counters["discarded-bytes"] == 0
    assert migration.finish(ours.qemu) == "completed"
    assert hint_state(ours) == "done"
    assert ours.cmd_id() == CMD_ID_DONE


def test_hints_without_a_migration_are_stale(ours):
    ours.fill(HIGH_GPA, MIB)
    ours.hint(HIGH_GPA, MIB)
    ours.hint_round(CMD_ID_MIN, [(HIGH_GPA, MIB)])
    assert hint_state(ours) == "stop"
    counters = ours.counters()
    assert (counters["hinted-bytes"], counters["stale-hint-bytes"]) == (0, 2 * MIB)
    assert ours.holds(HIGH_GPA, MIB, 0xa5)


@pytest.mark.parametrize("wrong", [CMD_ID_STOP, CMD_ID_DONE, CMD_ID_MIN, 0xffffffff])
def test_hints_of_another_id_are_stale(pair, wrong):
    source, channel, destination = pair
    source.fill(HIGH_GPA, MIB)
    channel.start(source.qemu, migration.SLOW)
    source.wait_cmd_id()
    source.hint_round(wrong, [(HIGH_GPA, MIB)])
    assert migration.finish(source.qemu) == "completed"
    assert source.moved_to(destination).holds(HIGH_GPA, MIB, 0xa5)


def test_every_sync_begins_a_round_with_a_new_id(ours):
    """Dirty more than the downtime allows, so that the migration must sync again."""
    migration.start_to_nowhere(ours.qemu, migration.MEDIUM, downtime_ms=1)
    first = ours.wait_cmd_id()
    ours.hint_command(first)
    ours.transport.isr()
    ours.fill(HIGH_GPA, 48 * MIB)
    second = ours.wait_cmd_id(previous=first)
    assert second == first + 1
    assert hint_state(ours) == "requested"
    assert ours.transport.isr() & ISR_CONFIG
    ours.hint(HIGH_GPA, MIB)
    ours.hint_command(first)
    ours.hint(HIGH_GPA, MIB)
    counters = ours.counters()
    assert (counters["hinted-bytes"], counters["stale-hint-bytes"]) == (0, 2 * MIB)
    ours.hint_command(second)
    ours.hint(HIGH_GPA + 40 * MIB, MIB)
    assert ours.counter("hinted-bytes") == MIB
    ours.qemu.qmp.command("migrate-set-parameters", downtime_limit=2000)
    assert migration.finish(ours.qemu) == "completed"
    assert ours.cmd_id() == CMD_ID_DONE


def test_a_round_ends_at_a_sync_that_begins_no_other(ours):
    """The guest is paused at the second sync: hints of the first round come too late after it."""
    migration.start_to_nowhere(ours.qemu, migration.MEDIUM, downtime_ms=1)
    ours.hint_command(ours.wait_cmd_id())
    ours.fill(HIGH_GPA, 48 * MIB)
    ours.qemu.qmp.command("stop")
    wait_for(lambda: "paused" in ours.qemu.qom_get(PATH, "fastballoon-hint-off-reason"),
             "second round")
    assert ours.cmd_id() == CMD_ID_STOP
    ours.qemu.qmp.command("cont")
    ours.hint(HIGH_GPA + 40 * MIB, MIB)
    assert ours.counter("hinted-bytes") == 0


def test_what_is_queued_before_a_round_belongs_to_none(ours):
    """A command buffer whose id is rewritten while it is queued in front of old hints."""
    queue = ours.hintq
    queue.write_desc(0, SCRATCH_GPA, 4)
    queue.write_desc(1, HIGH_GPA, MIB, DESC_WRITE)
    queue.publish(0, notify=False)
    queue.publish(1, notify=False)
    migration.start_to_nowhere(ours.qemu)
    ours.qtest.store(SCRATCH_GPA, 4, ours.wait_cmd_id())
    queue.transport.notify(queue)
    for _ in range(2):
        queue.collect()
    counters = ours.counters()
    assert (counters["hinted-bytes"], counters["stale-hint-bytes"]) == (0, MIB)


def test_several_hints_in_one_buffer(ours):
    migration.start_to_nowhere(ours.qemu)
    ours.hint_command(ours.wait_cmd_id())
    ours.send_ranges(ours.hintq, [(HIGH_GPA + 2 * n * PAGE, PAGE) for n in range(100)])
    assert ours.counter("hinted-bytes") == 100 * PAGE


def test_id_and_hints_in_one_buffer(ours):
    """Legal: the id comes first in a chain, as device-readable parts do."""
    migration.start_to_nowhere(ours.qemu)
    cmd_id = ours.wait_cmd_id()
    ours.qtest.store(SCRATCH_GPA, 4, cmd_id)
    ours.hintq.send(out=[(SCRATCH_GPA, 4)], into=[(HIGH_GPA, MIB)])
    assert ours.counter("hinted-bytes") == MIB


def test_cancel_ends_the_round_and_the_next_migration_works(pair):
    source, channel, destination = pair
    migration.start_to_nowhere(source.qemu)
    first = source.wait_cmd_id()
    source.hint_command(first)
    source.qemu.qmp.command("migrate_cancel")
    wait_for(lambda: migration.status(source.qemu) == "cancelled", "cancelled")
    wait_for(lambda: source.cmd_id() == CMD_ID_DONE, "configuration shows DONE")
    source.fill(HIGH_GPA, 2 * MIB)
    channel.start(source.qemu, migration.SLOW)
    second = source.wait_cmd_id()
    assert second > first
    source.hint_round(second, [(HIGH_GPA, MIB)])
    assert migration.finish(source.qemu) == "completed"
    moved = source.moved_to(destination)
    assert moved.holds(HIGH_GPA, MIB, 0) and moved.holds(HIGH_GPA + MIB, MIB, 0xa5)


def test_a_driver_that_never_answers_costs_half_a_second(ours):
    began = time.monotonic()
    migration.start_to_nowhere(ours.qemu, migration.FAST)
    assert migration.finish(ours.qemu) == "completed"
    assert time.monotonic() - began < 5
    assert ours.counter("hinted-bytes") == 0


def test_a_driver_without_hinting_is_not_asked(start):
    balloon = Balloon(start(machine.OURS, **HINTS))
    balloon.start(ALL & ~bits(F_FREE_PAGE_HINT))
    migration.start_to_nowhere(balloon.qemu, migration.FAST)
    assert migration.finish(balloon.qemu) == "completed"
    assert balloon.qemu.qom_get(PATH, "fastballoon-hint-off-reason")


def assert_hints_are_ignored(balloon):
    assert balloon.cmd_id() in (CMD_ID_STOP, CMD_ID_DONE)
    balloon.hint_round(CMD_ID_MIN + 1, [(HIGH_GPA, MIB)])
    assert balloon.counter("hinted-bytes") == 0


def test_postcopy_turns_hinting_off(ours):
    migration.set_capability(ours.qemu, "postcopy-ram")
    with migration.stalled(ours.qemu):
        assert_hints_are_ignored(ours)
        assert "postcopy" in ours.qemu.qom_get(PATH, "fastballoon-hint-off-reason")


def test_a_background_snapshot_turns_hinting_off(ours):
    migration.set_capability(ours.qemu, "background-snapshot")
    with migration.stalled(ours.qemu, migration.PAST_DATA):
        assert_hints_are_ignored(ours)
        assert "snapshot" in ours.qemu.qom_get(PATH, "fastballoon-hint-off-reason")


def test_savevm_turns_hinting_off(start):
    with open(os.memfd_create("disk"), "rb") as disk:
        ours = Balloon(start(machine.OURS, **HINTS, fds=[disk.fileno()]))
        ours.start()
        add_disk(ours.qemu.qmp, f"/proc/self/fd/{disk.fileno()}")
        ours.fill(HIGH_GPA, MIB)
        assert ours.qemu.hmp("savevm one") == ""
        assert "savevm" in ours.qemu.qom_get(PATH, "fastballoon-hint-off-reason")
        ours.fill(HIGH_GPA, MIB, 0xbb)
        assert ours.qemu.hmp("loadvm one") == ""
        assert ours.holds(HIGH_GPA, MIB, 0xa5)


def add_disk(qmp, path):
    """A qcow2 image for snapshots of the machine, attached to nothing."""
    qmp.command("blockdev-add", driver="file", filename=path, node_name="file0")
    qmp.command("blockdev-create", job_id="create",
                options={"driver": "qcow2", "file": "file0", "size": MIB})
    wait_for(lambda: qmp.command("query-jobs")[0]["status"] == "concluded", "image is made")
    qmp.command("blockdev-add", driver="qcow2", file="file0", node_name="disk0")


def start_ignoring_shared(start, device, extra):
    """A migration that leaves shared memory out."""
    balloon = Balloon(start(device, **HINTS, extra=extra))
    balloon.start()
    migration.set_capability(balloon.qemu, "x-ignore-shared")
    migration.start_to_nowhere(balloon.qemu)
    return balloon


# Two backends, of which the upper one is left out.
HALF_SHARED = ["-object", "memory-backend-ram,id=low,size=128M", "-smp", "2",
               "-object", "memory-backend-memfd,id=high,size=128M,share=on",
               "-numa", "node,memdev=low", "-numa", "node,memdev=high"]


def test_a_hint_of_ignored_shared_memory_has_no_effect(start):
    balloon = start_ignoring_shared(start, machine.OURS, HALF_SHARED)
    balloon.hint_round(balloon.wait_cmd_id(),
                       [(HIGH_GPA, MIB), (DATA_GPA, MIB), (127 * MIB, 2 * MIB)])
    assert migration.finish(balloon.qemu) == "completed"
    assert balloon.qemu.alive()


def test_expected_crash_of_the_stock_device(start):
    """The test of the test: QEMU's own device ends with a segmentation fault there."""
    balloon = start_ignoring_shared(start, machine.STOCK, HALF_SHARED)
    balloon.hint_command(balloon.wait_cmd_id())
    balloon.hintq.write_chain(into=[(HIGH_GPA, MIB)])
    balloon.hintq.publish()
    assert balloon.qemu.wait_exit() == -signal.SIGSEGV
    balloon.qemu.process.returncode = 0  # it was meant to end


def test_all_memory_ignored_turns_hinting_off(start):
    balloon = start_ignoring_shared(start, machine.OURS, [
        "-object", "memory-backend-memfd,id=ram0,size=256M,share=on",
        "-machine", "memory-backend=ram0"])
    assert migration.finish(balloon.qemu) == "completed"
    assert "x-ignore-shared" in balloon.qemu.qom_get(PATH, "fastballoon-hint-off-reason")


def test_a_reset_in_the_middle_of_a_round(ours):
    migration.start_to_nowhere(ours.qemu)
    ours.hint_command(ours.wait_cmd_id())
    ours.start()
    assert hint_state(ours) == "stop"
    ours.hint(HIGH_GPA, MIB)
    assert ours.counter("hinted-bytes") == 0
    assert migration.finish(ours.qemu) == "completed"


def test_multifd_migration_with_hints(start):
    """Multifd wants a socket of its own kind: the channel is a loopback one."""
    source = Balloon(start(machine.OURS, **HINTS))
    source.start()
    destination = start(machine.OURS, **HINTS, extra=["-incoming", "defer"])
    for qemu in (source.qemu, destination):
        migration.set_capability(qemu, "multifd")
    destination.qmp.command("migrate-incoming", uri="tcp:127.0.0.1:0")
    address = destination.qmp.command("query-migrate")["socket-address"][0]
    source.fill(HIGH_GPA, 2 * MIB)
    migration.set_bandwidth(source.qemu, migration.SLOW)
    source.qemu.qmp.command("migrate", uri=f"tcp:127.0.0.1:{address['port']}")
    source.hint_round(source.wait_cmd_id(), [(HIGH_GPA, MIB)])
    assert migration.finish(source.qemu) == "completed"
    moved = source.moved_to(destination)
    assert moved.holds(HIGH_GPA, MIB, 0) and moved.holds(HIGH_GPA + MIB, MIB, 0xa5)
