# SPDX-License-Identifier: GPL-2.0-or-later
"""Hints held until the migration is over, and hints as page bitmaps."""

from contextlib import ExitStack

import pytest

from harness import threads
from harness.config import BALLOON_PATH
from harness.migration import MAX_BANDWIDTH, migrate
from pairs import MIB, OURS_ON_OURS, OURS_ON_STOCK, PAGE, pair_config, pair_name, wait_for

# So slow that the guest can be looked at in the middle of its migration.
SLOW_BANDWIDTH = 16 * MIB


@pytest.mark.parametrize("pair,params,asked", [
    pytest.param(OURS_ON_STOCK, "hint_mode=held", False, id="stock"),
    pytest.param(OURS_ON_STOCK, "page_source=alloc", False, id="stock allocated"),
    pytest.param(OURS_ON_OURS, "", True, id="the host asks"),
])
def test_held_until_the_end(own_guest, pair, params, asked):
    """What is hinted stays away, comes back under memory pressure, and all of it at the end."""
    guest = own_guest(pair_config(pair, memory_mib=1024, driver_params=params),
                      f"held-{pair_name(pair)}", copies=2)
    guest.start_verifier(64)
    guest.touch(700)
    if asked:
        guest.qmp("qom-set", path=BALLOON_PATH, property="fastballoon-hints", value="held")
    else:
        assert guest.driver_stats()["hint_mode"] == "held"
    kept = []

    def limit(bandwidth):
        guest.qmp("migrate-set-parameters", **{"max-bandwidth": bandwidth})

    def has_kept():
        return guest.driver_stats()["hint_kept_pages"] > 300 * MIB // PAGE

    def squeeze(_info):
        # Once only: a guest that has been stopped for the last round does not answer.
        if not kept:
            kept.append(wait_for(has_kept))
            guest.touch(500)
            limit(MAX_BANDWIDTH)

    migrate(guest, progress=squeeze, prepare=lambda: limit(SLOW_BANDWIDTH))
    assert kept[0]
    assert guest.driver_stats()["hint_shrunk_pages"] > 0
    assert wait_for(lambda: guest.driver_stats()["hint_kept_pages"] == 0), guest.driver_report()
    assert guest.meminfo_kib("MemFree") > 600 * 1024
    assert guest.wait_verifier_passes(2).text == "ok"


@pytest.mark.parametrize("params", ["", "hint_full=skip"], ids=["wait", "skip"])
def test_hints_as_bitmaps(own_guest, params):
    """Short free runs are hinted as bits; a full queue waits or drops hints, never a page."""
    guest = own_guest(pair_config(OURS_ON_OURS, memory_mib=1024, driver_params=params,
                                  reporting=False, device_options={"page-bitmap": "on"}),
                      "hint-bitmaps", copies=2)
    guest.start_verifier(64)
    guest.start_job("fragment", f"{500 * MIB} 64")
    counters = {}
    for _ in range(2):
        before = guest.driver_stats()
        migrate(guest, inspect=lambda: counters.update(guest.counters()))
        stats = guest.driver_stats()
        assert stats["bitmap_runs"] - before["bitmap_runs"] > 100
        assert stats["hinted_pages"] - before["hinted_pages"] > 300 * MIB // PAGE
        assert counters["hinted-bytes"] > 300 * MIB
        assert counters["refused"] == 0
    assert guest.wait_verifier_passes(2).text == "ok"


def test_a_full_queue_drops_hints(own_guest):
    """The thread in which the device hints is stopped until the driver has dropped hints."""
    params = "hint_full=skip hint_min_order=0 hint_hold_mib=1024"
    guest = own_guest(pair_config(OURS_ON_STOCK, memory_mib=1024, driver_params=params),
                      "hint-skip", copies=2)
    guest.start_verifier(64)
    guest.start_job("fragment", f"{500 * MIB} 64")

    def limit(bandwidth):
        guest.qmp("migrate-set-parameters", **{"max-bandwidth": bandwidth})

    def has_dropped():
        return guest.driver_stats()["hint_skipped_pages"] > 0

    with ExitStack() as stops:
        def stop_device():
            limit(SLOW_BANDWIDTH)
            thread_id = guest.qmp("query-iothreads")[0]["thread-id"]
            stops.enter_context(threads.stopped(thread_id))

        def go_on(_info):
            # Once only: a guest that has been stopped for the last round does not answer.
            if not dropped:
                dropped.append(wait_for(has_dropped))
                stops.close()
                limit(MAX_BANDWIDTH)

        dropped = []
        migrate(guest, prepare=stop_device, progress=go_on)
    assert dropped[0], guest.driver_report()
    assert guest.driver_stats()["hinted_pages"] > 0
    assert wait_for(lambda: guest.driver_stats()["hint_kept_pages"] == 0)
    assert guest.wait_verifier_passes(2).text == "ok"
