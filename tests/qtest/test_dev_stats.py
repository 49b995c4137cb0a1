# SPDX-License-Identifier: GPL-2.0-or-later
"""Statistics from the guest and their polling."""

import struct
import time

import pytest

from fbqtest import machine
from fbqtest.balloon import PATH, Balloon
from fbqtest.qemu import QmpError, wait_for

UNSET = (1 << 64) - 1
INTERVAL = "guest-stats-polling-interval"
STOCK_NAMES = ["stat-swap-in", "stat-swap-out", "stat-major-faults", "stat-minor-faults",
               "stat-free-memory", "stat-total-memory", "stat-available-memory",
               "stat-disk-caches", "stat-htlb-pgalloc", "stat-htlb-pgfail"]


def stats_of(balloon, expected_update=True):
    """The values, once the device has taken the buffer."""
    wait_for(lambda: balloon.guest_stats()["last-update"] > 0 or not expected_update,
             "statistics arrive")
    return balloon.guest_stats()["stats"]


def test_nothing_is_known_before_the_guest_speaks(either):
    stats = either.guest_stats()
    assert stats["last-update"] == 0
    assert set(STOCK_NAMES) <= set(stats["stats"])
    assert set(stats["stats"].values()) == {UNSET}


def test_statistics_in_any_order(either):
    either.send_stats([(5, 1000), (0, 7), (4, 600), (9, 0), (1, 1 << 40)])
    stats = stats_of(either)
    assert stats["stat-total-memory"] == 1000
    assert stats["stat-swap-in"] == 7
    assert stats["stat-swap-out"] == 1 << 40
    assert stats["stat-free-memory"] == 600
    assert stats["stat-htlb-pgfail"] == 0
    assert stats["stat-disk-caches"] == UNSET


def test_unknown_tags_are_ignored(either):
    either.send_stats([(4, 1), (16, 5), (0x7fff, 6), (0xffff, 7), (5, 2)])
    stats = stats_of(either)
    assert (stats["stat-free-memory"], stats["stat-total-memory"]) == (1, 2)
    known = [value for value in stats.values() if value != UNSET]
    assert sorted(known) == [1, 2]


def test_all_tags_that_linux_sends(ours):
    ours.send_stats([(tag, 100 + tag) for tag in range(16)])
    values = stats_of(ours)
    assert len(values) == 16
    assert sorted(values.values()) == list(range(100, 116))
    assert values["stat-oom-kills"] == 110


def test_of_a_tag_sent_twice_the_last_counts(either):
    either.send_stats([(4, 1), (4, 2)])
    assert stats_of(either)["stat-free-memory"] == 2


def test_a_record_cut_short_is_ignored(either):
    either.post_stats(struct.pack("<HQ", 4, 77) + struct.pack("<HI", 5, 1))
    stats = stats_of(either)
    assert stats["stat-free-memory"] == 77
    assert stats["stat-total-memory"] == UNSET


def test_statistics_that_are_not_sent_again_are_forgotten(either):
    either.send_stats([(4, 1), (5, 2)])
    either.send_stats([(5, 3)])
    either.statsq.collect()
    stats = stats_of(either)
    assert (stats["stat-free-memory"], stats["stat-total-memory"]) == (UNSET, 3)


def test_the_device_keeps_the_buffer_until_it_polls(either):
    either.send_stats([(4, 1)])
    stats_of(either)
    time.sleep(0.2)
    assert not either.statsq.returned()
    either.qemu.qom_set(PATH, INTERVAL, 1)
    either.statsq.collect(timeout_s=0.9)


def test_polling_goes_on_every_interval(either):
    either.qemu.qom_set(PATH, INTERVAL, 1)
    assert either.qemu.qom_get(PATH, INTERVAL) == 1
    either.send_stats([(4, 1)])
    either.statsq.collect(timeout_s=5)
    began = time.monotonic()
    either.send_stats([(4, 2)])
    either.statsq.collect(timeout_s=5)
    assert 0.8 < time.monotonic() - began < 3
    assert either.guest_stats()["stats"]["stat-free-memory"] == 2


def test_interval_zero_stops_polling(either):
    either.qemu.qom_set(PATH, INTERVAL, 1)
    either.qemu.qom_set(PATH, INTERVAL, 0)
    either.send_stats([(4, 1)])
    time.sleep(1.3)
    assert not either.statsq.returned()


@pytest.mark.parametrize("seconds", [-1, -(1 << 63), 1 << 32, (1 << 63) - 1])
def test_impossible_intervals_are_refused(either, seconds):
    either.qemu.qom_set(PATH, INTERVAL, 7)
    with pytest.raises(QmpError):
        either.qemu.qom_set(PATH, INTERVAL, seconds)
    assert either.qemu.qom_get(PATH, INTERVAL) == 7


def test_longest_interval(either):
    either.qemu.qom_set(PATH, INTERVAL, (1 << 32) - 1)
    assert either.qemu.qom_get(PATH, INTERVAL) == (1 << 32) - 1


def test_interval_may_be_set_before_a_driver_comes(start, device):
    qemu = start(device)
    qemu.qom_set(PATH, INTERVAL, 1)
    time.sleep(1.2)
    balloon = Balloon(qemu)
    balloon.start()
    balloon.send_stats([(4, 9)])
    balloon.statsq.collect(timeout_s=5)
    assert qemu.alive()


def test_legacy_driver_sends_statistics(start, device):
    balloon = Balloon(start(device), legacy=True)
    balloon.start()
    balloon.send_stats([(4, 9)])
    assert stats_of(balloon)["stat-free-memory"] == 9


def test_statistics_are_forgotten_at_a_reset(ours):
    ours.send_stats([(4, 9)])
    stats_of(ours)
    ours.start()
    assert ours.guest_stats()["stats"]["stat-free-memory"] == UNSET


def test_guest_stats_of_the_inner_device(start):
    """The PCI object's properties are those of the virtio device behind it."""
    balloon = Balloon(start(machine.OURS))
    balloon.start()
    balloon.send_stats([(4, 9)])
    stats_of(balloon)
    inner = balloon.qemu.qom_get(PATH + "/virtio-backend", "guest-stats")
    assert inner == balloon.guest_stats()
