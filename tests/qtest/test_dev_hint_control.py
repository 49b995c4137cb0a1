# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operator and accidents do to free page hinting: switches, stops, resets, failures."""

import os
import time

import pytest

from fbqtest import machine, migration
from fbqtest.balloon import (ALL, CMD_ID_DONE, CMD_ID_STOP, DATA_GPA, F_HINT_LOGGED, PATH, Balloon)
from fbqtest.ctrl import HINT_HELD, HINT_START, HINT_STOP, Control
from fbqtest.qemu import QmpError, wait_for
from fbqtest.virtio import bits
from test_dev_hinting import HIGH_GPA, HINTS, add_disk, hint_state

MIB = 1 << 20
# More than a socket takes whose other end nobody reads.
STALLING_BYTES = 8 * MIB


def off_reason(balloon):
    return balloon.qemu.qom_get(PATH, "fastballoon-hint-off-reason")


def set_hints(balloon, value):
    balloon.qemu.qom_set(PATH, "fastballoon-hints", value)


@pytest.fixture
def hinting(start):
    """A started driver of our device in a machine whose migrations take a while."""
    balloon = Balloon(start(machine.OURS, **HINTS))
    balloon.start()
    return balloon


class Journey:
    """A driver and the machine that it migrates to."""

    def __init__(self, start, **named):
        self.channel = migration.Channel()
        self.source = Balloon(start(machine.OURS, **HINTS, **named))
        self.source.start()
        self.destination = start(machine.OURS, **HINTS, **named, **self.channel.incoming())

    def arrive(self):
        assert migration.finish(self.source.qemu) == "completed"
        return self.source.moved_to(self.destination)


def test_the_defaults_and_what_is_refused(start):
    qemu = start(machine.OURS, **HINTS)
    assert qemu.qom_get(PATH, "fastballoon-hints") == "on"
    assert qemu.qom_get(PATH, "fastballoon-hint-min-order") == 4
    for name, value in (("fastballoon-hints", "perhaps"), ("fastballoon-hints", ""),
                        ("fastballoon-hint-min-order", 11), ("fastballoon-hint-min-order", -1)):
        with pytest.raises(QmpError):
            qemu.qom_set(PATH, name, value)
    for value in ("off", "held", "on"):
        qemu.qom_set(PATH, "fastballoon-hints", value)
        assert qemu.qom_get(PATH, "fastballoon-hints") == value
    for value in (0, 10):
        qemu.qom_set(PATH, "fastballoon-hint-min-order", value)
        assert qemu.qom_get(PATH, "fastballoon-hint-min-order") == value


def test_the_command_line_sets_them_too(start):
    balloon = Balloon(start(machine.OURS, **HINTS, fastballoon_hints="off"))
    balloon.start()
    balloon.fill(HIGH_GPA, STALLING_BYTES)
    with migration.stalled(balloon.qemu):
        assert balloon.cmd_id() == CMD_ID_STOP
        assert "fastballoon-hints" in off_reason(balloon)


def test_off_before_a_migration(hinting):
    set_hints(hinting, "off")
    hinting.fill(HIGH_GPA, STALLING_BYTES)
    with migration.stalled(hinting.qemu):
        assert hinting.cmd_id() == CMD_ID_STOP
        assert "fastballoon-hints" in off_reason(hinting)


def test_off_in_the_middle_of_a_round(start):
    """What was hinted before counts; what comes later does not; on brings the next round back."""
    journey = Journey(start)
    balloon = journey.source
    balloon.fill(HIGH_GPA, 2 * MIB)
    journey.channel.start(balloon.qemu, migration.SLOW)
    balloon.hint_command(balloon.wait_cmd_id())
    balloon.hint(HIGH_GPA, MIB)
    set_hints(balloon, "off")
    assert (hint_state(balloon), balloon.cmd_id()) == ("stop", CMD_ID_STOP)
    assert "fastballoon-hints" in off_reason(balloon)
    balloon.hint(HIGH_GPA + MIB, MIB)
    counters = balloon.counters()
    assert (counters["hinted-bytes"], counters["stale-hint-bytes"]) == (MIB, MIB)
    moved = journey.arrive()
    assert moved.holds(HIGH_GPA, MIB, 0) and moved.holds(HIGH_GPA + MIB, MIB, 0xa5)


def test_on_again_counts_from_the_next_sync(hinting):
    migration.start_to_nowhere(hinting.qemu, migration.MEDIUM, downtime_ms=1)
    first = hinting.wait_cmd_id()
    hinting.fill(HIGH_GPA, 48 * MIB)
    set_hints(hinting, "off")
    assert hinting.cmd_id() == CMD_ID_STOP
    set_hints(hinting, "on")
    assert hinting.wait_cmd_id(previous=first) == first + 1
    assert off_reason(hinting) == ""


@pytest.mark.parametrize("mode,order,flags", [("on", 0, 0), ("held", 7, HINT_HELD)])
def test_the_driver_is_told_what_is_wanted(hinting, mode, order, flags):
    """Mode and minimum order go with the round; off ends it for the driver too."""
    set_hints(hinting, mode)
    hinting.qemu.qom_set(PATH, "fastballoon-hint-min-order", order)
    control = Control(hinting)
    control.post(4)
    migration.start_to_nowhere(hinting.qemu)
    request = control.take()
    assert request[:2] == (HINT_START, flags)
    assert (request.arg0, request.arg1) == (hinting.wait_cmd_id(), order)
    set_hints(hinting, "off")
    assert control.take().type == HINT_STOP


def test_off_does_not_wait_for_a_stalled_migration(hinting):
    """The bitmap's lock is held all the time; the round ends at once nevertheless."""
    hinting.fill(DATA_GPA, 16 * MIB)
    with migration.stalled(hinting.qemu):
        hinting.hint_command(hinting.wait_cmd_id())
        hinting.hintq.write_chain(into=[(HIGH_GPA, MIB)])
        hinting.hintq.publish()
        time.sleep(0.2)
        set_hints(hinting, "off")
        assert hinting.cmd_id() == CMD_ID_STOP


@pytest.mark.parametrize("again", [False, True], ids=["removed", "rebooted"])
def test_the_driver_goes_while_its_hint_waits(start, again):
    """A reset must not wait for the bitmap's lock, which a stalled migration holds for ever.

    QEMU holds it while it sends; runs of pages are sent without it.
    """
    hinting = Balloon(start(machine.OURS, **HINTS, page_runs=False))
    hinting.start()
    hinting.fill(DATA_GPA, 16 * MIB)
    with migration.stalled(hinting.qemu):
        hinting.hint_command(hinting.wait_cmd_id())
        hinting.hintq.write_chain(into=[(HIGH_GPA, MIB)])
        hinting.hintq.publish()
        time.sleep(0.2)
        assert not hinting.hintq.returned()
        hinting.reset()
        assert hinting.qemu.alive()
        if again:
            hinting.start()
            hinting.hint(HIGH_GPA + MIB, MIB)
    wait_for(lambda: migration.status(hinting.qemu) == "failed", "failed")
    assert hinting.qemu.alive()
    hinting.start()
    hinting.fill(HIGH_GPA, MIB)
    migration.start_to_nowhere(hinting.qemu)
    hinting.hint_round(hinting.wait_cmd_id(), [(HIGH_GPA, MIB)])
    assert migration.finish(hinting.qemu) == "completed"
    assert not hinting.broken()


def test_a_machine_reset_in_the_middle_of_a_round(hinting):
    migration.start_to_nowhere(hinting.qemu)
    hinting.hint_command(hinting.wait_cmd_id())
    hinting.qemu.qmp.command("system_reset")
    hinting.qemu.qmp.wait_event("RESET")
    assert hint_state(hinting) == "stop"
    assert migration.finish(hinting.qemu) == "completed"


def test_no_driver_left_when_the_next_round_comes(hinting):
    migration.start_to_nowhere(hinting.qemu, migration.MEDIUM, downtime_ms=1)
    hinting.hint_command(hinting.wait_cmd_id())
    hinting.fill(HIGH_GPA, 48 * MIB)
    hinting.reset()
    wait_for(lambda: "no driver" in off_reason(hinting), "the second sync finds no driver")
    hinting.qemu.qmp.command("migrate-set-parameters", downtime_limit=2000)
    assert migration.finish(hinting.qemu) == "completed"


def test_the_guest_is_stopped_in_the_middle_of_a_round(start):
    """Buffers wait while the guest is stopped; what is handled after it goes on counts."""
    journey = Journey(start)
    balloon = journey.source
    balloon.fill(HIGH_GPA, 3 * MIB)
    journey.channel.start(balloon.qemu, migration.SLOW)
    balloon.hint_command(balloon.wait_cmd_id())
    balloon.hint(HIGH_GPA, MIB)
    balloon.qemu.qmp.command("stop")
    balloon.hintq.write_chain(into=[(HIGH_GPA + MIB, MIB)])
    balloon.hintq.publish()
    balloon.qemu.qmp.command("cont")
    balloon.transport.notify(balloon.hintq)
    balloon.hintq.collect()
    balloon.hint_command(CMD_ID_STOP)
    moved = journey.arrive()
    assert moved.holds(HIGH_GPA, 2 * MIB, 0) and moved.holds(HIGH_GPA + 2 * MIB, MIB, 0xa5)


def test_the_guest_stays_stopped_until_the_end(start):
    journey = Journey(start)
    balloon = journey.source
    balloon.fill(HIGH_GPA, 2 * MIB)
    journey.channel.start(balloon.qemu, migration.SLOW)
    balloon.hint_command(balloon.wait_cmd_id())
    balloon.hint(HIGH_GPA, MIB)
    balloon.qemu.qmp.command("stop")
    moved = journey.arrive()
    assert moved.cmd_id() == CMD_ID_DONE
    assert moved.holds(HIGH_GPA, MIB, 0) and moved.holds(HIGH_GPA + MIB, MIB, 0xa5)


def test_the_end_of_a_migration_is_no_reason(hinting):
    """The last sync finds the guest stopped by the migration itself."""
    migration.start_to_nowhere(hinting.qemu)
    hinting.hint_round(hinting.wait_cmd_id(), [(HIGH_GPA, MIB)])
    assert migration.finish(hinting.qemu) == "completed"
    assert off_reason(hinting) == ""


def test_a_small_round_is_not_begun(hinting):
    """The second sync finds less than a look at the guest's memory would cost."""
    migration.start_to_nowhere(hinting.qemu, migration.MEDIUM, downtime_ms=1)
    first = hinting.wait_cmd_id()
    hinting.hint_round(first, [])
    hinting.fill(HIGH_GPA, 8 * MIB)
    wait_for(lambda: migration.rounds(hinting.qemu) >= 2, "second round")
    hinting.qemu.qmp.command("migrate-set-parameters", downtime_limit=2000)
    assert migration.finish(hinting.qemu) == "completed"
    assert (hinting.cmd_id(), off_reason(hinting)) == (CMD_ID_DONE, "")
    hinting.qemu.qmp.command("cont")
    migration.start_to_nowhere(hinting.qemu)
    assert hinting.wait_cmd_id() == first + 1


def test_a_driver_that_must_hold_is_asked_where_it_pays(start):
    """Skipped holes leave less than a quarter of the memory to be sent."""
    properties = {**HINTS, "hole_skip": True}
    for feature, used_mib, asked in ((0, 40, False), (0, 80, True),
                                     (bits(F_HINT_LOGGED), 48, True)):
        balloon = Balloon(start(machine.OURS, **properties))
        balloon.start(ALL & ~bits(F_HINT_LOGGED) | feature)
        balloon.fill(DATA_GPA, used_mib * MIB)
        with migration.stalled(balloon.qemu):
            assert (hint_state(balloon) == "requested") is asked
            assert ("too little" in off_reason(balloon)) is not asked


def break_off(balloon):
    """A migration whose destination goes away in the middle of a round."""
    with migration.stalled(balloon.qemu):
        balloon.hint_command(balloon.wait_cmd_id())
    wait_for(lambda: migration.status(balloon.qemu) == "failed", "failed")


def test_failed_and_cancelled_migrations_again_and_again(start):
    """Each has a round of its own, nothing of the last one stays, and the one that works is right."""
    journey = Journey(start)
    balloon = journey.source
    balloon.fill(DATA_GPA, 16 * MIB)
    for _ in range(4):
        break_off(balloon)
        wait_for(lambda: balloon.cmd_id() == CMD_ID_DONE, "configuration shows DONE")
        migration.start_to_nowhere(balloon.qemu)
        balloon.hint_command(balloon.wait_cmd_id())
        balloon.hint(DATA_GPA, MIB)
        balloon.qemu.qmp.command("migrate_cancel")
        wait_for(lambda: migration.status(balloon.qemu) == "cancelled", "cancelled")
    balloon.fill(HIGH_GPA, 2 * MIB)
    journey.channel.start(balloon.qemu, migration.SLOW)
    balloon.hint_round(balloon.wait_cmd_id(), [(HIGH_GPA, MIB)])
    moved = journey.arrive()
    assert moved.holds(HIGH_GPA, MIB, 0) and moved.holds(HIGH_GPA + MIB, MIB, 0xa5)
    assert moved.holds(DATA_GPA, 16 * MIB, 0xa5)


def test_colo_turns_hinting_off(hinting):
    try:
        migration.set_capability(hinting.qemu, "x-colo")
    except QmpError as error:
        pytest.skip(str(error))
    hinting.fill(DATA_GPA, 16 * MIB)
    with migration.stalled(hinting.qemu):
        assert hinting.cmd_id() == CMD_ID_STOP
        assert "COLO" in off_reason(hinting)


def test_snapshot_save_turns_hinting_off(start):
    """As savevm, by a QMP job; the memory that comes back is right, holes included."""
    with open(os.memfd_create("disk"), "rb") as disk:
        balloon = Balloon(start(machine.OURS, **HINTS, fds=[disk.fileno()]))
        balloon.qemu.qom_set(PATH, "hole-skip", True)
        balloon.start()
        qmp = balloon.qemu.qmp
        add_disk(qmp, f"/proc/self/fd/{disk.fileno()}")
        balloon.fill(HIGH_GPA, MIB)
        for job in ("save", "load"):
            qmp.command(f"snapshot-{job}", job_id=job, tag="one", vmstate="disk0",
                        devices=["disk0"])
            wait_for(lambda: [j for j in qmp.command("query-jobs") if j["id"] == job and
                              j["status"] == "concluded"], f"snapshot-{job}")
            if job == "save":
                assert "savevm" in off_reason(balloon)
                told = balloon.qemu.qom_get(PATH, "fastballoon-hole-skip")
                assert "savevm" in told["off-reason"]
                balloon.fill(HIGH_GPA, 2 * MIB, 0xbb)
        assert not [j for j in qmp.command("query-jobs") if j.get("error")]
        assert balloon.holds(HIGH_GPA, MIB, 0xa5) and balloon.holds(HIGH_GPA + MIB, MIB, 0)
