# SPDX-License-Identifier: GPL-2.0-or-later
"""The balloon gives way: memory goes offline under it, and compaction gets its room."""

import re

import pytest

from harness.errors import CommandFailed
from pairs import MIB, OURS_ON_OURS, PAGE, pair_config, wait_for

MEMORY = "/sys/devices/system/memory"
DIMM_MIB = 512
BLOCK_MIB = 128
BALLOON_MIB = 450


def memory_blocks(guest, state):
    """Numbers of the guest's memory blocks that are "online" or "offline"."""
    found = guest.shell(f"grep -lx {state} {MEMORY}/memory*/state || true")
    return {int(number) for number in re.findall(r"memory(\d+)/state", found)}


def plug_memory(guest, online):
    """Plug in a module of memory and bring it online; returns its memory blocks.

    It has a node of its own, without processors, so that the kernel keeps little there itself.
    """
    guest.write(f"{MEMORY}/auto_online_blocks", "offline")
    guest.qmp("object-add", **{"qom-type": "memory-backend-ram", "id": "more",
                               "size": DIMM_MIB * MIB})
    guest.qmp("device_add", driver="pc-dimm", id="dimm", memdev="more", node=1)
    assert wait_for(lambda: len(memory_blocks(guest, "offline")) == DIMM_MIB // BLOCK_MIB)
    blocks = memory_blocks(guest, "offline")
    for block in blocks:
        guest.write(f"{MEMORY}/memory{block}/state", online)
    return blocks


def offline_what_goes(guest, blocks):
    """Take memory blocks offline; those of which the kernel uses a page itself stay.

    Returns {block that is offline now: ballooned pages that it had}.
    """
    gone = {}
    pages = BLOCK_MIB * MIB // PAGE
    for block in blocks:
        there = guest.offline_pages(block * pages, (block + 1) * pages)
        for _ in range(3):
            try:
                guest.write(f"{MEMORY}/memory{block}/state", "offline")
                gone[block] = there
                break
            except CommandFailed:
                continue
    return gone


@pytest.mark.parametrize("source,online", [
    ("buddy", "online_kernel"), ("alloc", "online_kernel"),
    ("buddy", "online_movable"), ("conservative", "online_movable"),
])
def test_memory_goes_offline(own_guest, source, online):
    """Memory with ballooned pages can go offline; the balloon stays as large, elsewhere."""
    config = pair_config(OURS_ON_OURS, hotplug_mib=DIMM_MIB, driver=None)
    guest = own_guest(config, f"offline-{source}")
    guest.load_driver("ours", f"page_source={source}")
    guest.start_verifier(32)
    blocks = plug_memory(guest, online)
    total = guest.meminfo_kib("MemTotal")
    everything = config.memory_mib + DIMM_MIB
    guest.set_memory(everything - BALLOON_MIB)
    gone = offline_what_goes(guest, blocks)
    there = sum(gone.values())
    assert there > 0, "no block with ballooned pages went offline"
    assert memory_blocks(guest, "offline") == set(gone)
    if online == "online_movable":
        assert set(gone) == blocks
    assert wait_for(lambda: guest.driver_stats()["pages"] == BALLOON_MIB * MIB // PAGE)
    stats = guest.driver_stats()
    moved = "migrated_pages" if online == "online_movable" else "offline_deflated_pages"
    assert stats[moved] >= there
    assert guest.offline_pages() == stats["pages"]
    guest.set_memory(everything)
    assert guest.wait_verifier_passes(1).text == "ok"
    assert guest.meminfo_kib("MemTotal") == total - len(gone) * BLOCK_MIB * 1024


def test_compaction_gets_its_room(own_guest):
    """Small blocks of the balloon become movable when the guest's kernel compacts."""
    config = pair_config(OURS_ON_OURS)
    guest = own_guest(config, "yield")
    total = guest.meminfo_kib("MemTotal")
    guest.start_verifier(48)
    guest.start_job("fragment", f"{480 * MIB} 4")
    guest.set_memory(400)
    before = guest.driver_stats()
    guest.command("stop fragment")
    hugepages = "/proc/sys/vm/nr_hugepages"

    def compacted():
        guest.write(hugepages, "0")
        guest.write(hugepages, "200")
        return guest.driver_stats()["migrated_pages"] > 500

    assert wait_for(compacted, 30, pause=0.5)
    guest.write(hugepages, "0")
    stats = guest.driver_stats()
    assert stats["yielded_pages"] >= stats["movable_pages"] > 0
    assert stats["pages"] == before["pages"] == guest.offline_pages()
    assert stats["blocks"] < before["blocks"]
    guest.set_memory(config.memory_mib)
    assert guest.wait_verifier_passes(1).text == "ok"
    assert guest.meminfo_kib("MemTotal") == total
    assert guest.driver_stats()["movable_pages"] == 0
