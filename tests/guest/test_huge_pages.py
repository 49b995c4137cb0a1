# SPDX-License-Identifier: GPL-2.0-or-later
"""keep-huge-pages: a Linux guest's balloon leaves the host's transparent huge pages whole."""

import pytest

from harness import host
from pairs import MIB, OURS_ON_OURS, STOCK_ON_OURS, pair_config

HUGE = 2 * MIB


@pytest.mark.parametrize("pair,params", [
    pytest.param(OURS_ON_OURS, "", id="ours"),
    pytest.param(OURS_ON_OURS, "page_source=conservative", id="conservative"),
    pytest.param(STOCK_ON_OURS, "", id="stock"),
])
def test_what_waits_is_what_is_not_given_back(own_guest, pair, params):
    """Inflate among fragments, with memory in use beside them, and give all of it back."""
    config = pair_config(pair, reporting=False, hint=False, driver_params=params,
                         device_options={"keep-huge-pages": "on"})
    guest = own_guest(config, "huge-pages")
    guest.touch(600)
    huge_before = host.anon_huge_bytes(guest.machine.process.pid)
    if huge_before < 600 * MIB:
        pytest.skip("the host finds no transparent huge pages")
    guest.start_verifier(64)
    guest.start_job("fragment", f"{450 * MIB} 64")
    for _ in range(2):
        guest.set_memory(config.memory_mib - 300)
        counters = guest.counters()
        given = counters["discarded-bytes"]
        assert counters["waiting-bytes"] > 0
        assert given % HUGE == 0
        assert host.anon_huge_bytes(guest.machine.process.pid) >= huge_before - given - 8 * HUGE
        guest.set_memory(config.memory_mib)
        assert guest.counters()["waiting-bytes"] == 0
        guest.touch(400)
    assert guest.counters()["refused"] == 0
    assert guest.wait_verifier_passes(2).text == "ok"
