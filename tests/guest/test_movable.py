# SPDX-License-Identifier: GPL-2.0-or-later
"""page_source=conservative: the guest's kernel may move every page of the balloon."""

import pytest

from pairs import (OURS_ON_OURS, OURS_ON_STOCK, check_host_has_the_rest, pair_config, pair_name,
                   wait_for)

GIGANTIC_PAGES = "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"
MUST_TELL = {"must-tell-host": "on"}
CASES = [
    pytest.param(OURS_ON_OURS, {}, "", id="ours-on-ours"),
    pytest.param(OURS_ON_OURS, MUST_TELL, "", id="must-tell-host"),
    pytest.param(OURS_ON_STOCK, {}, "transport=pfn", id="ours-on-stock pfn"),
]


def vmstat(guest, name):
    """A counter of the guest's /proc/vmstat."""
    return int(guest.shell(f"grep '^{name} ' /proc/vmstat").split()[1])


def test_a_gigantic_page_is_found(own_guest):
    """The balloon makes room for 1 GiB of contiguous memory, which is allocated as CMA's is."""
    config = pair_config(OURS_ON_OURS, memory_mib=8192, driver=None, gigantic_pages=True)
    guest = own_guest(config, "movable-gigantic")
    guest.load_driver("ours", "page_source=conservative")
    guest.start_verifier(48)
    guest.set_memory(2500)

    def allocate():
        # The kernel's own memory may lie in one place or be in use in another just now.
        guest.command(f"write {GIGANTIC_PAGES} 1", timeout=300)
        return int(guest.read(GIGANTIC_PAGES)) == 1

    assert wait_for(allocate)
    stats = guest.driver_stats()
    assert stats["migrated_pages"] == vmstat(guest, "balloon_migrate") > 100
    assert stats["pages"] == (config.memory_mib - 2500) << 20 >> 12
    check_host_has_the_rest(guest)
    guest.write(GIGANTIC_PAGES, "0")
    guest.set_memory(config.memory_mib)
    assert guest.wait_verifier_passes(1).text == "ok"


@pytest.mark.parametrize("pair,options,params", CASES)
def test_compaction_moves_the_balloon(own_guest, pair, options, params):
    """Compaction moves ballooned pages; the host keeps what it got, and no page is lost."""
    config = pair_config(pair, driver=None, device_options=options)
    guest = own_guest(config, f"movable-{pair_name(pair)}")
    guest.load_driver("ours", f"page_source=conservative {params}")
    total = guest.meminfo_kib("MemTotal")
    guest.start_verifier(48)
    guest.start_job("fragment", f"{400 << 20} 3")
    guest.set_memory(500)
    before = vmstat(guest, "balloon_migrate")
    guest.command("stop fragment")
    for target in (500, 450, 520, 400):
        guest.qmp("balloon", value=target << 20)
        guest.write("/proc/sys/vm/compact_memory", "1")
    guest.set_memory(400)
    stats = guest.driver_stats()
    assert stats["source"] == "conservative"
    assert stats["migrated_pages"] > 100
    assert stats["migrated_pages"] == vmstat(guest, "balloon_migrate") - before
    check_host_has_the_rest(guest)
    assert guest.wait_verifier_passes(1).text == "ok"
    guest.set_memory(config.memory_mib)
    stats = guest.driver_stats()
    assert stats["pages"] == stats["movable_pages"] == 0
    assert stats["inflated_pages"] == stats["deflated_pages"]
    assert guest.meminfo_kib("MemTotal") == total
    guest.set_memory(400)
    guest.shell("for i in 1 2 3 4 5; do echo 1 > /proc/sys/vm/compact_memory; done &")
    guest.unload_driver("ours")
    assert guest.meminfo_kib("MemTotal") == total
    assert guest.verdict().text == "ok"
