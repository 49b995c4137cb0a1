# SPDX-License-Identifier: GPL-2.0-or-later
"""Hole skip while a bare guest writes to memory that had no content a moment ago.

The migration waits between its first look at the memory and taking the holes out of the bitmap
(preload/looks.c), and the guest writes to an area meanwhile. Two things keep those writes: the
dirty log is exact before the first look (eager-clear), and the second look. Either is enough.
"""

import socket

import pytest

from fbqtest import migration
from fbqtest.balloon import PATH
from fbqtest.qemu import TIMEOUT_S, wait_for
from test_bare import LAYOUT, LOST, Guest, need, reached, word_at
from test_dev_holes import looks, need_pagemap_scan

AREA = range(LAYOUT["AREA_GPA"], LAYOUT["AREA_GPA"] + LAYOUT["AREA_BYTES"],
             LAYOUT["AREA_BYTES"] // 32)


def area_after_race(start, accel, second_look, **properties):
    """Migrate a guest that writes to its area between the looks.

    second_look: "pause" for one that sees, "blind" for one that does not.
    Returns the words that the destination reads and the bytes found by the second look.
    """
    need(accel)
    need_pagemap_scan(start)
    channel = migration.Channel()
    ours, theirs = socket.socketpair()
    ours.settimeout(TIMEOUT_S)
    properties["hole_skip"] = True
    with ours, theirs, \
            Guest("counter.bin", accel, **looks(second_look, theirs.fileno()),
                  **properties) as source, \
            Guest("counter.bin", accel, channel, **properties) as destination:
        wait_for(reached(source, "READY"), "guest is up")
        channel.start(source)
        assert ours.recv(1), "no look was made"
        source.hmp(f"o /b {LAYOUT['SIGNAL_PORT']:#x} 1")
        wait_for(reached(source, "DIRTIED"), "guest has written to its area")
        ours.send(b"g")
        assert migration.finish(source) == "completed"
        told = source.qom_get(PATH, "fastballoon-hole-skip")
        assert told["skipped-bytes"] >= LAYOUT["AREA_BYTES"]
        return [word_at(destination, gpa) for gpa in AREA], told["redirtied-bytes"]


@pytest.mark.parametrize("accel", ["kvm", "tcg"])
def test_what_is_written_between_the_looks_survives(start, accel):
    words, found = area_after_race(start, accel, "pause")
    assert words == list(AREA)
    assert found >= LAYOUT["AREA_BYTES"]


@pytest.mark.parametrize("accel", ["kvm", "tcg"])
def test_the_eager_clear_alone_is_enough(start, accel):
    words, found = area_after_race(start, accel, "blind")
    assert (words, found) == (list(AREA), 0)


def test_the_second_look_alone_is_enough(start):
    words, found = area_after_race(start, "kvm", "pause", eager_clear=False)
    assert words == list(AREA)
    assert found >= LAYOUT["AREA_BYTES"]


def test_expected_loss_under_kvm_with_neither(start):
    """The test of the test: the log that is cleared late loses what was written meanwhile."""
    words, _ = area_after_race(start, "kvm", "blind", eager_clear=False)
    assert set(words) == {LOST}
