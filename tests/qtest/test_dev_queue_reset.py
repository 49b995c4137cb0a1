# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver resets one queue of a running device (virtio 1.3, section 2.6.1)."""

import pytest

from fbqtest import machine, migration, virtio
from fbqtest.balloon import ALL, DATA_GPA, PATH, Balloon
from fbqtest.qemu import wait_for
from fbqtest.virtio import bits
from test_dev_hinting import HIGH_GPA, HINTS

MIB = 1 << 20
LARGE = 1536 * MIB
WANTED = ALL | bits(virtio.F_RING_RESET)


def started(qemu):
    balloon = Balloon(qemu)
    assert balloon.start(WANTED) & bits(virtio.F_RING_RESET)
    return balloon


@pytest.fixture
def balloon(start):
    return started(start(machine.OURS, free_page_hint=True, free_page_reporting=True))


@pytest.mark.parametrize("name", ["inflateq", "deflateq", "reportq"])
def test_requests_go_on(balloon, name):
    queue = getattr(balloon, name)
    for _ in range(3):
        balloon.send_ranges(queue, [(DATA_GPA, MIB)])
        queue = balloon.renew_queue(queue)
    assert balloon.counter("requests") == 3 and not balloon.broken()


def test_statistics_do_not_go_to_the_old_queue(balloon):
    """The device gives up the buffer that it kept, and takes one from the new queue."""
    balloon.send_stats([(4, 1)])
    wait_for(lambda: balloon.guest_stats()["last-update"] > 0, "statistics arrive")
    old = balloon.statsq
    new = balloon.renew_queue(old)
    balloon.qemu.qom_set(PATH, "guest-stats-polling-interval", 1)
    balloon.send_stats([(4, 2)])
    wait_for(lambda: balloon.guest_stats()["stats"]["stat-free-memory"] == 2, "new statistics")
    new.collect()
    assert not old.returned()


def test_hints_in_the_middle_of_a_round(start):
    """The round goes on over the new queue, and the next migration has hints again."""
    channel = migration.Channel()
    source = started(start(machine.OURS, **HINTS))
    destination = start(machine.OURS, **HINTS, **channel.incoming())
    source.fill(HIGH_GPA, 2 * MIB)
    channel.start(source.qemu, migration.SLOW)
    source.hint_command(source.wait_cmd_id())
    source.renew_queue(source.hintq)
    source.hint(HIGH_GPA, MIB)
    assert migration.finish(source.qemu) == "completed"
    moved = source.moved_to(destination)
    assert moved.holds(HIGH_GPA, MIB, 0) and moved.holds(HIGH_GPA + MIB, MIB, 0xa5)
    migration.start_to_nowhere(destination)
    moved.hint_command(moved.wait_cmd_id())
    moved.hint(HIGH_GPA, MIB)
    assert moved.counter("hinted-bytes") == MIB


def test_memory_that_is_being_backed(start):
    """A buffer whose memory the device backs is given up, and the next one is served."""
    balloon = started(start(machine.OURS, prealloc_on_deflate=True,
                            extra=["-m", str(LARGE // MIB + 256)]))
    queue = balloon.deflateq
    queue.write_chain(into=[(256 * MIB, LARGE)])
    queue.publish()
    new = balloon.renew_queue(queue)
    balloon.send_ranges(new, [(DATA_GPA, MIB)])
    assert not queue.returned() and not balloon.broken()
    assert balloon.holds(DATA_GPA, MIB, 0)
