# SPDX-License-Identifier: GPL-2.0-or-later
"""Resizes at random in a guest that forks, allocates, reads a disk and compacts its memory.

FB_CYCLES is the number of resizes with each source of pages; `make check-storm` makes it 1000.
"""

import os
import random
import re
import time

import pytest

from pairs import (MIB, OURS_ON_OURS, OURS_ON_STOCK, PAGE, pair_config, pair_name, wait_for)

CYCLES = int(os.environ.get("FB_CYCLES", "50"))
LEAST_MIB = 350
DISK_MIB = 128
# What of the guest's free memory may differ afterwards: slabs, page tables, lists of free pages.
SLACK_KIB = 32 * 1024
COMPACT = ("(while :; do echo 1 > /proc/sys/vm/compact_memory; sleep 0.5; done) "
           ">/dev/null 2>&1 & echo $!")
READ_DISK = "(while :; do cat /dev/vda; done) >/dev/null 2>&1 & echo $!"

STORMS = [
    pytest.param(OURS_ON_OURS, "buddy", 0, id="buddy"),
    pytest.param(OURS_ON_OURS, "buddy", 9, id="huge-blocks"),
    pytest.param(OURS_ON_OURS, "alloc", 0, id="alloc"),
    pytest.param(OURS_ON_OURS, "conservative", 0, id="conservative"),
    pytest.param(OURS_ON_STOCK, "buddy", 0, id="buddy-on-stock"),
]


def settled_counters(guest):
    """Counters of the guest's kernel that a balloon must leave as they were."""
    zones = guest.read("/proc/zoneinfo")
    vmstat = dict(line.split() for line in guest.read("/proc/vmstat").splitlines())
    return {
        "MemTotal": guest.meminfo_kib("MemTotal"),
        "managed": [int(value) for value in re.findall(r"managed +(\d+)", zones)],
        "present": [int(value) for value in re.findall(r"present +(\d+)", zones)],
        "in the balloon": (int(vmstat.get("balloon_inflate", 0))
                           - int(vmstat.get("balloon_deflate", 0))),
    }


def free_kib(guest):
    """Free memory without what can be dropped."""
    guest.write("/proc/sys/vm/drop_caches", "3")
    return guest.meminfo_kib("MemFree")


def isolated_pages(guest):
    """Pages that the kernel has taken off its lists to move or reclaim them."""
    return sum(int(value) for value in
               re.findall(r"nr_isolated_\w+ (\d+)", guest.read("/proc/vmstat")))


@pytest.mark.parametrize("pair, source, min_order", STORMS)
def test_resizing_in_a_storm(own_guest, pair, source, min_order):
    """Contents stay, nothing is lost or left over, and the kernel has nothing to complain of."""
    params = f"page_source={source} inflate_min_order={min_order}"
    guest = own_guest(pair_config(pair, driver_params=params, disk_mib=DISK_MIB),
                      f"storm-{pair_name(pair)}-{source}-{min_order}")
    guest.command("insmod virtio_blk")
    assert guest.driver_stats()["source"] == source
    before, free_before = settled_counters(guest), free_kib(guest)
    guest.start_verifier(48)
    guest.command(f"storm 3 {32 * MIB}")
    helpers = [guest.shell(script) for script in (COMPACT, READ_DISK)]

    sizes = random.Random(CYCLES)
    for _ in range(CYCLES):
        pages = sizes.randrange(LEAST_MIB * MIB, guest.config.memory_mib * MIB) // PAGE
        guest.qmp("balloon", value=pages * PAGE)
        time.sleep(sizes.choice((0, 0, 0.02, 0.05, 0.2)))
        if sizes.random() < 0.1:
            verdict = guest.verdict()
            assert verdict.text == "ok"
    guest.set_memory(guest.config.memory_mib)

    guest.shell(f"kill {' '.join(helpers)}")
    guest.command("stop storm")
    assert guest.wait_verifier_passes(1).text == "ok"
    guest.command("stop verify")
    stats = guest.driver_stats()
    left = {name: stats[name] for name in ("pages", "blocks", "movable_pages", "unacked_pages",
                                           "unrecorded_pages", "record_bytes") if stats[name]}
    assert not left
    assert settled_counters(guest) == before
    assert wait_for(lambda: not isolated_pages(guest), 5)
    assert wait_for(lambda: abs(free_kib(guest) - free_before) < SLACK_KIB, 10), (
        f"{free_before} KiB were free before, {free_kib(guest)} are now")
    guest.unload_driver("ours")
    assert settled_counters(guest) == before
