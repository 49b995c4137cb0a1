# SPDX-License-Identifier: GPL-2.0-or-later
"""What the driver tells of its holds of zone->lock, and that each is bounded."""

import pytest

from harness.migration import migrate
from pairs import PAIRS_OF_OUR_DRIVER, pair_config, pair_name

PAGEBLOCK_PAGES = 512
BUDDY_HOLD_BLOCKS = 4
CONTROL_RUNS = 2048


def holds(guest):
    """The file's rows and histograms: ({path: {column: value}}, {path: {up_to_ns: holds}})."""
    text = guest.read(f"/sys/kernel/debug/virtio_fastballoon/{guest.virtio_name()}/zone_lock_holds")
    head, *lines = (line.split() for line in text.splitlines())
    rows = {}
    histograms = {}
    for name, *values in lines:
        if name.endswith("_up_to_ns"):
            path = histograms.setdefault(name[:-len("_up_to_ns")], {})
            path[int(values[0])] = int(values[1])
        else:
            rows[name] = dict(zip(head[1:], map(int, values)))
    return rows, histograms


@pytest.mark.parametrize("pair", PAIRS_OF_OUR_DRIVER)
def test_holds_are_bounded(own_guest, pair):
    """Each path's holds do no more than they may, and the percentiles follow the histogram."""
    guest = own_guest(pair_config(pair), f"holds-{pair_name(pair)}", copies=2)
    for target in (300, 700, 350, 768):
        guest.set_memory(target)
    migrate(guest)
    rows, histograms = holds(guest)
    hints = "walk" if pair["device"] == "ours" else "hint"
    for path, max_items in (("take", BUDDY_HOLD_BLOCKS), (hints, PAGEBLOCK_PAGES)):
        assert rows[path]["holds"] > 0
        assert 0 < rows[path]["max_items"] <= max_items
    assert rows["control"]["holds"] >= CONTROL_RUNS
    for path, row in rows.items():
        histogram = histograms.get(path, {})
        assert sum(histogram.values()) == row["holds"]
        if row["holds"]:
            assert row["p50_ns"] <= row["p99_ns"] <= row["p999_ns"] <= row["max_ns"]
            assert max(histogram) >= row["max_ns"]
        print(path, row)
    assert guest.driver_stats()["zone_lock_ns_max"] == max(
        rows[path]["max_ns"] for path in ("take", "walk", "hint"))
