# SPDX-License-Identifier: GPL-2.0-or-later
"""Page bitmaps: shattered memory enters and leaves the balloon in each encoding."""

import pytest

from pairs import MIB, OURS_ON_OURS, PAGE, pair_config

WITH_BITMAPS = {"memory_mib": 1024, "device_options": {"page-bitmap": "on"}}


@pytest.mark.parametrize("params,transport", [
    pytest.param("", "sg+bitmap", id="mixed"),
    pytest.param("transport=bitmap", "bitmap", id="bitmap"),
    pytest.param("transport=sg", "sg", id="sg"),
    pytest.param("transport=pfn", "pfn", id="pfn"),
])
def test_shattered_memory(shared_guest, params, transport):
    """A guest with thousands of small holes gives them and takes them back, to the byte."""
    guest = shared_guest(pair_config(OURS_ON_OURS, reporting=False, **WITH_BITMAPS), "bitmaps")
    guest.unload_driver("ours")
    guest.load_driver("ours", params)
    total = guest.meminfo_kib("MemTotal")
    guest.start_verifier(64)
    guest.start_job("fragment", f"{500 * MIB} 8")
    inflated_before = guest.counters()["inflated-bytes"]
    given = 550 * MIB
    guest.set_memory_bytes(guest.config.memory_mib * MIB - given)
    stats = guest.driver_stats()
    assert stats["transport"] == transport
    assert (stats["bitmap_runs"] > 1000) == ("bitmap" in transport)
    assert (stats["ranges"] > 0) == ("sg" in transport)
    assert guest.counters()["inflated-bytes"] - inflated_before == given
    assert stats["record_bitmaps"] > 10
    guest.set_memory(guest.config.memory_mib)
    assert guest.counters()["refused"] == 0
    assert guest.driver_stats()["record_bytes"] == 0
    assert guest.meminfo_kib("MemTotal") == total
    assert guest.wait_verifier_passes(1).text == "ok"
    guest.command("stop fragment")
    guest.command("stop verify")


def test_memory_of_the_record(own_guest):
    """In a fresh guest the record of ballooned pages takes less than 0.01 % of them."""
    guest = own_guest(pair_config(OURS_ON_OURS, reporting=False, **WITH_BITMAPS), "record")
    for given in (1, 300 * MIB // PAGE + 1, 700 * MIB // PAGE):
        guest.set_memory_bytes(guest.config.memory_mib * MIB - given * PAGE)
        stats = guest.driver_stats()
        assert stats["pages"] == given
        assert stats["unrecorded_pages"] == 0
        assert given == 1 or stats["record_bytes"] * 10000 <= given * PAGE
