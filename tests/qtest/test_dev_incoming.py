# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination stays awake between the pieces of a fast stream, and sleeps over a slow one."""

import os
import time

import pytest

from fbqtest import machine, migration
from fbqtest.balloon import Balloon

MIB = 1 << 20
DATA_GPA = 32 * MIB
DATA_BYTES = 128 * MIB
WATCHED_S = 1.0
TICKS_S = os.sysconf("SC_CLK_TCK")


def cpu_seconds(qemu):
    with open(f"/proc/{qemu.process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


def pair(start, **named):
    channel = migration.Channel()
    source = Balloon(start(machine.OURS))
    source.fill(DATA_GPA, DATA_BYTES)
    return channel, source, start(machine.OURS, **named, **channel.incoming())


@pytest.mark.parametrize("poll_us", [0, 1, 100, 4294967295])
def test_a_load_ends_with_any_wait(start, poll_us):
    channel, source, destination = pair(start, incoming_poll_us=str(poll_us))
    channel.start(source.qemu)
    assert migration.finish(source.qemu) == "completed"
    moved = source.moved_to(destination)
    assert moved.holds(DATA_GPA, DATA_BYTES, 0xa5)
    assert destination.alive()


def test_a_slow_stream_lets_it_sleep(start):
    """Also behind a fast beginning."""
    channel, source, destination = pair(start)
    channel.start(source.qemu, 400 * MIB)
    migration.wait_active(source.qemu)
    migration.set_bandwidth(source.qemu, MIB)
    time.sleep(0.2)
    before = cpu_seconds(destination)
    time.sleep(WATCHED_S)
    assert cpu_seconds(destination) - before < WATCHED_S / 3
    assert migration.finish(source.qemu) == "completed"
    assert source.moved_to(destination).holds(DATA_GPA, DATA_BYTES, 0xa5)
