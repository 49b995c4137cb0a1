# SPDX-License-Identifier: GPL-2.0-or-later
"""Our driver with its choices pinned, and in kernels where it must be careful."""

import pytest

from harness.migration import migrate
from pairs import (MIB, OURS_ON_OURS, OURS_ON_STOCK, PAGE, check_host_has_the_rest,
                   pair_config, pair_name)

PINNED = [
    (OURS_ON_OURS, "transport=sg page_source=buddy"),
    (OURS_ON_OURS, "transport=report"),
    (OURS_ON_OURS, "transport=pfn"),
    (OURS_ON_OURS, "page_source=alloc"),
    (OURS_ON_OURS, "transport=pfn page_source=alloc"),
    (OURS_ON_OURS, "page_source=conservative"),
    (OURS_ON_STOCK, "transport=pfn"),
    (OURS_ON_STOCK, "page_source=alloc"),
]


@pytest.mark.parametrize("pair,params", PINNED,
                         ids=[f"{pair_name(pair)} {params}" for pair, params in PINNED])
def test_pinned(shared_guest, pair, params):
    """Each way to inflate and each source of pages reaches the byte and gives all back."""
    guest = shared_guest(pair_config(pair), pair_name(pair))
    guest.unload_driver("ours")
    guest.load_driver("ours", params)
    stats = guest.driver_stats()
    for choice in params.split():
        name, _, value = choice.replace("page_source", "source").partition("=")
        assert stats[name] == value
    total = guest.meminfo_kib("MemTotal")
    guest.touch(500)
    guest.set_memory(300)
    check_host_has_the_rest(guest)
    given = guest.config.memory_mib - 300
    assert guest.offline_pages() == guest.driver_stats()["pages"] == given * MIB // PAGE
    assert guest.meminfo_kib("MemTotal") == total - given * 1024
    guest.set_memory(guest.config.memory_mib)
    assert guest.meminfo_kib("MemTotal") == total
    stats = guest.driver_stats()
    assert guest.offline_pages() == stats["pages"] == stats["blocks"] == 0
    assert stats["inflated_pages"] == stats["deflated_pages"]
    guest.unload_driver("ours")
    guest.load_driver("ours")


@pytest.mark.parametrize("kernel_args", [
    pytest.param(("init_on_alloc=0",), id="init_on_alloc=0"),
    pytest.param(("init_on_alloc=1",), id="init_on_alloc=1"),
    pytest.param(("init_on_free=1",), id="init_on_free=1"),
    pytest.param(("page_poison=1",), id="page_poison=1"),
    pytest.param(("page_poison=1", "init_on_free=0", "init_on_alloc=0"), id="poisoned"),
])
def test_kernel_memory_settings(own_guest, kernel_args):
    """Resizing and a migration stay right; where freed pages have contents, nothing is hinted.

    Memory that came back is zero for the process that gets it: with init_on_free=1 the kernel
    relies on it being so, and poison is checked page by page.
    """
    guest = own_guest(pair_config(OURS_ON_OURS, kernel_args=kernel_args), "settings", copies=2)
    total = guest.meminfo_kib("MemTotal")
    guest.start_verifier(64)
    guest.touch(500)
    guest.set_memory(350)
    guest.set_memory(guest.config.memory_mib)
    assert guest.meminfo_kib("MemTotal") == total
    assert guest.fresh_memory_is_zero(450)
    counters = {}
    migrate(guest, inspect=lambda: counters.update(guest.counters()))
    if kernel_args[0].startswith("init_on_alloc="):
        assert counters["hinted-bytes"] >= 200 * MIB
    else:
        assert counters["hinted-bytes"] == 0
    guest.touch(400)
    guest.set_memory(350)
    assert guest.wait_verifier_passes(1).text == "ok"
