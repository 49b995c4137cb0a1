# SPDX-License-Identifier: GPL-2.0-or-later
"""Control queues: requests, replies, progress, and what the operator sees of them."""

import random
import struct
import time

import pytest

from fbqtest import machine, migration
from fbqtest.balloon import ALL, F_CTRL_VQ, PAGE, PATH, Balloon
from fbqtest.ctrl import (BEST_EFFORT, COMPACT, DROP_CACHES, HINT_DONE, HINT_START, HINT_STOP,
                          INFLATE, MESSAGE_GPA, MSG_REPLY, NOT_SUPPORTED, PARTIAL, REQUEST_GPA,
                          SETTLED, Control)
from fbqtest.qemu import QmpError, wait_for
from fbqtest.virtio import DESC_NEXT, DESC_WRITE, bits

MIB = 1 << 20
RAM = machine.RAM_BYTES
ID_MAX = 0x7fffffff
NO_REQUEST = {"state": "none", "id": 0, "status": "", "figure-bytes": 0, "age-ms": 0}


@pytest.fixture
def control(ours):
    return Control(ours)


def changes(qemu):
    """Take the BALLOON_CHANGE events that have come so far."""
    qemu.qmp.command("query-status")
    found = [event for event in qemu.qmp.events if event["event"] == "BALLOON_CHANGE"]
    qemu.qmp.events.clear()
    return found


def test_nothing_was_asked_yet(control):
    for kind in ("drop-caches", "compact", "inflate"):
        assert control.asked(kind) == NO_REQUEST
    assert control.known_progress() == {"known": False, "target-bytes": 0, "actual-bytes": 0,
                                        "reachable-bytes": 0, "reason": "none", "settled": False}


@pytest.mark.parametrize("kind,arguments,wire", [
    ("drop-caches", {}, (DROP_CACHES, 0, 3, 0)),
    ("drop-caches", {"caches": "pages"}, (DROP_CACHES, 0, 1, 0)),
    ("drop-caches", {"caches": "slab"}, (DROP_CACHES, 0, 2, 0)),
    ("drop-caches", {"caches": "all", "timeout_ms": 5000}, (DROP_CACHES, 0, 3, 0)),
    ("compact", {}, (COMPACT, 0, 0, 0)),
    ("inflate", {}, (INFLATE, 0, 16 * MIB // PAGE, 0)),
    ("inflate", {"best_effort": True}, (INFLATE, BEST_EFFORT, 16 * MIB // PAGE, 0)),
    ("inflate", {"timeout_ms": 1234}, (INFLATE, 0, 16 * MIB // PAGE, 1234)),
], ids=str)
def test_a_request_and_its_reply(control, kind, arguments, wire):
    control.balloon.qemu.qmp.command("balloon", value=RAM - 16 * MIB)
    control.post(4)
    control.ask(kind, **arguments)
    request = control.take()
    assert (request.type, request.flags, request.arg0, request.arg1) == wire
    assert 1 <= request.id <= ID_MAX
    shown = control.asked(kind)
    assert (shown["state"], shown["id"], shown["status"]) == ("sent", request.id, "")
    changes(control.balloon.qemu)
    control.reply(request.id, PARTIAL, 7 * MIB)
    shown = control.asked(kind)
    assert (shown["state"], shown["status"]) == ("done", "partial")
    assert shown["figure-bytes"] == 7 * MIB
    control.balloon.qemu.qmp.wait_event("BALLOON_CHANGE")


@pytest.mark.parametrize("value,words", [
    ({"type": "inflate"}, "no driver in the guest takes requests"),
    ({"type": "explode"}, "drop-caches, compact or inflate"),
    ({"type": "hint-start"}, "drop-caches, compact or inflate"),
    ({}, "type"),
    ({"type": 5}, "string"),
    ({"type": "drop-caches", "caches": "none"}, "pages, slab or all"),
    ({"type": "compact", "caches": "all"}, "does not take these"),
    ({"type": "drop-caches", "best-effort": True}, "does not take these"),
    ({"type": "inflate", "timeout-ms": -1}, "range|uint32|integer"),
    ({"type": "inflate", "timeout-ms": 1 << 32}, "range|uint32|integer"),
    ({"type": "inflate", "colour": "red"}, "colour"),
    ("inflate", "struct|object"),
], ids=str)
def test_wrong_requests_are_refused(start, value, words):
    balloon = Balloon(start(machine.OURS))
    balloon.start(ALL & ~bits(F_CTRL_VQ))
    with pytest.raises(QmpError, match=words):
        balloon.qemu.qom_set(PATH, "fastballoon-request", value)
    assert balloon.qemu.alive()


@pytest.mark.parametrize("properties", [{}, {"ctrl_vq": False}], ids=str)
def test_no_driver_takes_requests(start, properties):
    qemu = start(machine.OURS, **properties)
    with pytest.raises(QmpError, match="no driver in the guest takes requests"):
        qemu.qom_set(PATH, "fastballoon-request", {"type": "compact"})


def test_a_request_waits_for_a_buffer(control):
    control.ask("compact")
    assert control.asked("compact")["state"] == "queued"
    request = control.expect(COMPACT)
    assert control.asked("compact")["id"] == request.id


def test_one_of_a_type_at_a_time(control):
    control.post(4)
    control.ask("compact")
    with pytest.raises(QmpError, match="still in progress"):
        control.ask("compact")
    control.ask("drop-caches")
    for _ in range(2):
        control.reply(control.take().id)
    control.ask("compact")
    assert control.take().type == COMPACT


def test_a_later_inflate_overtakes(control):
    control.post(4)
    control.ask("inflate")
    first = control.take()
    control.ask("inflate", best_effort=True)
    second = control.take()
    control.reply(first.id, PARTIAL, MIB)
    assert control.asked("inflate")["state"] == "sent"
    control.reply(second.id, 0, 2 * MIB)
    assert control.asked("inflate")["figure-bytes"] == 2 * MIB


def test_what_the_driver_does_not_support_is_not_asked_again(control):
    control.post(4)
    control.ask("compact")
    control.reply(control.take().id, NOT_SUPPORTED)
    assert control.asked("compact")["status"] == "not-supported"
    with pytest.raises(QmpError, match="does not support compact"):
        control.ask("compact")
    control.balloon.start()
    control = Control(control.balloon)
    control.ask("compact")
    control.expect(COMPACT)


def test_a_request_times_out_and_a_late_reply_is_ignored(control):
    control.post(4)
    control.ask("drop-caches", timeout_ms=50)
    request = control.take()
    changes(control.balloon.qemu)
    control.wait_state("drop-caches", "timed-out")
    assert control.asked("drop-caches")["age-ms"] >= 50
    control.reply(request.id, 0, MIB)
    assert control.asked("drop-caches")["state"] == "timed-out"
    assert control.balloon.counter("refused") == 0
    control.ask("drop-caches")
    assert control.take().id == request.id + 1


def test_a_request_times_out_without_a_buffer(control):
    control.ask("compact", timeout_ms=20)
    control.wait_state("compact", "timed-out")
    control.post()
    time.sleep(0.05)
    assert not control.queue.returned()


@pytest.mark.parametrize("how", ["driver", "machine"])
def test_a_reset_gives_requests_up_and_ids_go_on(control, how):
    control.post(4)
    control.ask("compact")
    before = control.take()
    control.progress(target=5, actual=3, reachable=4, reason=1)
    if how == "machine":
        control.balloon.qemu.qmp.command("system_reset")
        control.balloon.qemu.qmp.wait_event("RESET")
        control.balloon = Balloon(control.balloon.qemu)
    control.balloon.start()
    assert control.asked("compact")["state"] == "void"
    assert not control.known_progress()["known"]
    control = Control(control.balloon)
    control.reply(before.id)
    assert control.asked("compact")["state"] == "void"
    control.ask("compact")
    assert control.expect(COMPACT).id == before.id + 1


def test_requests_wait_while_the_machine_is_paused(control):
    control.post(4)
    control.balloon.qemu.qmp.command("stop")
    control.ask("compact")
    assert control.asked("compact")["state"] == "queued"
    assert not control.queue.returned()
    control.balloon.qemu.qmp.command("cont")
    assert control.take().type == COMPACT


def test_progress_is_shown_and_announced(control):
    control.progress(target=1000, actual=400, reachable=600, reason=2)
    control.balloon.qemu.qmp.wait_event("BALLOON_CHANGE")
    assert control.known_progress() == {
        "known": True, "target-bytes": 1000 * PAGE, "actual-bytes": 400 * PAGE,
        "reachable-bytes": 600 * PAGE, "reason": "fragmentation", "settled": False}
    control.progress(target=1 << 31, actual=600, reachable=600, reason=77, flags=SETTLED)
    shown = control.known_progress()
    assert (shown["reason"], shown["settled"]) == ("unknown", True)
    assert shown["target-bytes"] == PAGE << 31


def test_a_flood_of_progress_makes_few_events_and_the_last_one_counts(control):
    for turn in range(300):
        control.progress(actual=turn)
    assert control.known_progress()["actual-bytes"] == 299 * PAGE
    time.sleep(0.3)
    assert len(changes(control.balloon.qemu)) < 30


def test_query_balloon_is_not_what_progress_claims(control):
    control.progress(target=5, actual=5)
    assert control.balloon.qemu.qmp.command("query-balloon") == {"actual": RAM}


def test_hint_rounds_come_as_requests(control):
    qemu = control.balloon.qemu
    control.post(16)
    migration.start_to_nowhere(qemu)
    cmd_id = control.balloon.wait_cmd_id()
    request = control.take()
    assert (request.type, request.arg0) == (HINT_START, cmd_id)
    assert control.balloon.cmd_id() == cmd_id
    control.balloon.hint_round(cmd_id, [])
    control.reply(request.id)
    assert migration.finish(qemu) == "completed"
    assert qemu.alive()


def test_the_driver_learns_of_the_end_of_a_migration(control):
    qemu = control.balloon.qemu
    control.post(16)
    migration.start_to_nowhere(qemu)
    start = control.take()
    assert start.type == HINT_START
    qemu.qmp.command("migrate_cancel")
    requests = [control.take()]
    while requests[-1].type != HINT_DONE:
        requests.append(control.take())
    assert {request.type for request in requests[:-1]} <= {HINT_START, HINT_STOP}
    assert requests[-1].arg0 >= start.arg0


def test_a_driver_that_comes_late_hears_only_of_the_last_round(control):
    qemu = control.balloon.qemu
    migration.start_to_nowhere(qemu)
    control.balloon.wait_cmd_id()
    qemu.qmp.command("migrate_cancel")
    wait_for(lambda: migration.status(qemu) == "cancelled", "cancelled")
    control.post(8)
    assert control.take().type == HINT_DONE
    time.sleep(0.05)
    assert not control.queue.returned()


def migrated(start, balloon, destination_properties):
    """Migrate to a machine with these properties; the driver goes along."""
    channel = migration.Channel()
    destination = start(machine.OURS, **destination_properties, **channel.incoming())
    migration.migrate(channel, balloon.qemu, destination)
    return balloon.moved_to(destination)


def test_a_migration_with_a_request_in_flight(start):
    balloon = Balloon(start(machine.OURS))
    balloon.start()
    control = Control(balloon)
    control.post(4)
    control.progress(target=900, actual=200, reachable=300, reason=1, flags=SETTLED)
    shown = control.known_progress()
    control.ask("compact")
    control.ask("inflate", timeout_ms=60000)
    first, second = control.take(), control.take()
    moved = Control(migrated(start, balloon, {}))
    assert moved.known_progress() == shown
    assert moved.asked("compact") == NO_REQUEST
    for request in (first, second):
        moved.reply(request.id)
    assert moved.asked("inflate") == NO_REQUEST
    assert moved.balloon.counter("refused") == 0
    moved.ask("compact")
    assert moved.expect(COMPACT).id == second.id + 1


def test_the_destination_tells_the_driver_that_the_migration_is_over(start):
    balloon = Balloon(start(machine.OURS, free_page_hint=True))
    balloon.start()
    control = Control(balloon)
    control.post(16)
    channel = migration.Channel()
    destination = start(machine.OURS, free_page_hint=True, **channel.incoming())
    channel.start(balloon.qemu, migration.SLOW)
    request = control.take()
    balloon.hint_round(request.arg0, [])
    assert migration.finish(balloon.qemu) == "completed"
    wait_for(lambda: destination.qmp.command("query-status")["status"] == "running", "runs")
    moved = Control(balloon.moved_to(destination))
    last = moved.take()
    while last.type != HINT_DONE:
        last = moved.take()
    moved.reply(last.id)
    assert moved.balloon.qemu.alive()


@pytest.mark.parametrize("source,destination", [(False, True), (True, False)],
                         ids=["from-older", "to-older"])
def test_a_migration_between_devices_with_and_without_control_queues(start, source, destination):
    """What was not negotiated is not in the state: an older device's state has none either."""
    balloon = Balloon(start(machine.OURS, ctrl_vq=source))
    balloon.start(ALL & ~bits(F_CTRL_VQ))
    balloon.set_actual(100)
    moved = migrated(start, balloon, {"ctrl_vq": destination})
    assert moved.actual() == 100
    moved.inflate_ranges([(0x2000000, PAGE)])
    assert moved.counter("discarded-bytes") == PAGE
    moved.start()
    assert bool(moved.negotiated & bits(F_CTRL_VQ)) == destination


def test_a_migration_of_control_queues_to_a_device_without_is_refused(start):
    balloon = Balloon(start(machine.OURS))
    balloon.start()
    channel = migration.Channel()
    incoming = channel.incoming()
    destination = machine.Qemu(machine.args(machine.OURS, ctrl_vq=False, extra=incoming["extra"]),
                               fds=incoming["fds"])
    try:
        channel.start(balloon.qemu)
        assert destination.wait_exit() != 0
    finally:
        destination.close()
    assert balloon.qemu.alive()


HOSTILE_MESSAGES = {
    "one-byte": b"\1", "type-only": b"\1\0", "unknown": b"\7" * 64,
    "short-reply": struct.pack("<HHIQ", MSG_REPLY, 0, 1, 0)[:-1],
    "short-progress": struct.pack("<HHIII", 2, 0, 0, 0, 0), "long": b"\3" * 100000,
}


@pytest.mark.parametrize("data", HOSTILE_MESSAGES.values(), ids=HOSTILE_MESSAGES.keys())
def test_malformed_messages_are_refused(control, data):
    control.balloon.qtest.write(MESSAGE_GPA, data)
    control.balloon.messageq.send(out=[(MESSAGE_GPA, len(data))])
    assert control.balloon.counter("refused") == 1
    assert control.balloon.qemu.alive()


def test_a_message_in_pieces_and_one_with_a_writable_part(control):
    data = struct.pack("<HHIIII", 2, 1, 0, 9, 8, 7)
    control.balloon.qtest.write(MESSAGE_GPA, data)
    pieces = [(MESSAGE_GPA + n, 1) for n in range(len(data))]
    control.balloon.messageq.send(out=pieces)
    assert control.known_progress()["actual-bytes"] == 8 * PAGE
    control.balloon.messageq.send(out=pieces[:2], into=pieces[2:])
    assert control.balloon.counter("refused") == 1


def test_replies_to_what_was_never_asked(control):
    rng = random.Random(4)
    for _ in range(200):
        control.reply(rng.randrange(1 << 32), rng.randrange(1 << 16), rng.randrange(1 << 64))
    for kind in ("drop-caches", "compact", "inflate"):
        assert control.asked(kind) == NO_REQUEST
    control.post(2)
    control.ask("compact")
    request = control.take()
    for _ in range(3):
        control.reply(request.id, rng.randrange(10, 1 << 16), (1 << 64) - 1)
    shown = control.asked("compact")
    assert (shown["state"], shown["status"]) == ("done", "unknown")
    assert shown["figure-bytes"] == (1 << 64) - 1


@pytest.mark.parametrize("room,flags", [(15, DESC_WRITE), (1, DESC_WRITE), (64, 0)], ids=str)
def test_unusable_buffers_come_back_and_the_request_is_kept(control, room, flags):
    control.ask("compact")
    for _ in range(300):
        control.post(1, room, flags)
    for _ in range(300):
        assert control.take() is None
    assert control.asked("compact")["state"] == "queued"
    assert control.expect(COMPACT)


def test_a_ring_full_of_buffers_costs_nothing_until_there_is_a_request(control):
    control.post(control.queue.size)
    assert not control.queue.returned()
    control.ask("compact")
    assert control.take().type == COMPACT
    time.sleep(0.02)
    assert not control.queue.returned()


@pytest.mark.parametrize("gpa", [0xffff0000, 0xfec00000], ids=["rom", "mmio"])
def test_a_buffer_that_is_no_ram(control, gpa):
    control.queue.write_desc(0, gpa, 64, DESC_WRITE)
    control.queue.publish()
    control.ask("compact")
    assert control.balloon.qemu.alive()
    control.balloon.start()
    again = Control(control.balloon)
    again.wait_state("compact", "void")
    again.ask("compact")
    assert again.expect(COMPACT)


@pytest.mark.parametrize("following", [0, 0xffff], ids=["loop", "outside"])
def test_a_broken_chain_on_the_requestq(control, following):
    control.ask("compact")
    control.queue.write_desc(0, REQUEST_GPA, 64, DESC_WRITE | DESC_NEXT, following)
    control.queue.publish()
    assert control.balloon.qemu.alive() and control.balloon.broken()
    with pytest.raises(QmpError, match="still in progress"):
        control.ask("compact")
    control.balloon.start()
    again = Control(control.balloon)
    again.ask("compact")
    assert again.expect(COMPACT)


def test_a_request_into_the_ring_itself(control):
    """The device writes where the guest told it to; that is the guest's own harm."""
    control.queue.write_desc(0, control.queue.desc, 64, DESC_WRITE)
    control.queue.publish()
    control.ask("compact")
    assert control.balloon.qemu.alive()
    control.balloon.start()
    assert control.balloon.inflate_ranges([(REQUEST_GPA, PAGE)]) == 0
