# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux guest's balloon leaves the host's transparent huge pages whole.

By the device's keep-huge-pages, or the driver's inflate_min_order.
"""

import pytest

from control import UNREACHABLE, Control
from harness import host
from pairs import MIB, OURS_ON_OURS, STOCK_ON_OURS, pair_config, wait_for

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
    guest.start_job("fragment", f"{450 * MIB} 16")
    given = 0
    for cycle in range(2):
        guest.set_memory(config.memory_mib - 300)
        counters = guest.counters()
        given_before, given = given, counters["discarded-bytes"]
        assert given - given_before + counters["waiting-bytes"] == 300 * MIB
        # Later the guest may have compacted its memory for the process that touches it.
        assert counters["waiting-bytes"] > 0 or cycle
        assert given % HUGE == 0
        assert host.anon_huge_bytes(guest.machine.process.pid) >= huge_before - given - 8 * HUGE
        guest.set_memory(config.memory_mib)
        assert guest.counters()["waiting-bytes"] == 0
        guest.touch(400)
    assert guest.counters()["refused"] == 0
    assert guest.wait_verifier_passes(2).text == "ok"


@pytest.mark.parametrize("source", ["buddy", "alloc"])
def test_whole_blocks_alone(own_guest, source):
    """With a minimum order the balloon takes whole huge pages, and says when none are left."""
    config = pair_config(OURS_ON_OURS, reporting=False, hint=False,
                         driver_params=f"page_source={source} inflate_min_order=9",
                         device_options={"keep-huge-pages": "on"})
    guest = own_guest(config, f"whole-blocks-{source}")
    control = Control(guest)
    guest.start_verifier(64)
    guest.start_job("fragment", f"{450 * MIB} 8")
    control.set_target(UNREACHABLE)
    control.ask("inflate", best_effort=True)
    given = control.answer("inflate")["figure-bytes"]
    assert given % HUGE == 0 and guest.counters()["waiting-bytes"] == 0
    assert wait_for(lambda: control.progress()["settled"])
    progress = control.progress()
    assert progress["reason"] == "fragmentation"
    assert progress["reachable-bytes"] == progress["actual-bytes"] == given

    assert control.status("compact") == "ok"
    control.set_target(UNREACHABLE + HUGE)
    assert wait_for(lambda: control.balloon_bytes() > given + 100 * MIB)
    assert control.balloon_bytes() % HUGE == 0 and guest.counters()["waiting-bytes"] == 0

    # A rest that is less than a block comes in pieces.
    guest.command("stop fragment")
    guest.set_memory(config.memory_mib)
    guest.set_memory(config.memory_mib - 201)
    assert guest.counters()["waiting-bytes"] == 1 * MIB
    guest.set_memory(config.memory_mib)
    assert guest.wait_verifier_passes(2).text == "ok"
