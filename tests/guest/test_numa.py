# SPDX-License-Identifier: GPL-2.0-or-later
"""NUMA: the balloon takes from all nodes alike, and leaves each what it needs."""

import re

import pytest

from pairs import MIB, OURS_ON_OURS, pair_config, wait_for

SOURCES = ("buddy", "alloc", "conservative")


def node_free_kib(guest):
    """Free memory of each node."""
    return [int(re.search(r"MemFree:\s+(\d+)",
                          guest.read(f"/sys/devices/system/node/node{node}/meminfo")).group(1))
            for node in range(guest.config.nodes)]


def lowest_zone_margin(guest):
    """Pages by which the zone that comes closest to its "min" watermark exceeds it."""
    zones = re.findall(r"zone\s+(DMA32|Normal)\n\s+pages free\s+(\d+).*?min\s+(\d+).*?managed\s+(\d+)",
                       guest.read("/proc/zoneinfo"), re.S)
    return min(int(free) - int(least) for _, free, least, managed in zones if int(managed))


@pytest.mark.parametrize("source", SOURCES)
def test_nodes_give_alike(own_guest, source):
    """Each node gives in proportion to what it has free; nobody is killed at the limit."""
    config = pair_config(OURS_ON_OURS, memory_mib=1024, nodes=2, driver=None)
    guest = own_guest(config, f"numa-{source}")
    guest.load_driver("ours", f"page_source={source}")
    total = guest.meminfo_kib("MemTotal")
    before = node_free_kib(guest)
    guest.set_memory(config.memory_mib - 400)
    given = [was - now for was, now in zip(before, node_free_kib(guest))]
    share = given[0] / sum(given)
    fair = before[0] / sum(before)
    assert abs(share - fair) < 0.1, f"{given} KiB given of {before} KiB free"
    guest.qmp("balloon", value=16 * MIB)
    assert wait_for(lambda: guest.memory_bytes() < 400 * MIB)
    guest.command("ping")
    assert lowest_zone_margin(guest) > 0
    guest.set_memory(config.memory_mib)
    assert guest.meminfo_kib("MemTotal") == total
    assert "Out of memory" not in guest.console_text()
