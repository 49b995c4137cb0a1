# SPDX-License-Identifier: GPL-2.0-or-later
"""prealloc-on-deflate: the host backs memory before a Linux guest gets it back."""

import pytest

from pairs import MIB, OURS_ON_OURS, QEMU_OWN_MIB, STOCK_ON_OURS, pair_config


@pytest.mark.parametrize("pair", [pytest.param(OURS_ON_OURS, id="ours"),
                                  pytest.param(STOCK_ON_OURS, id="stock")])
def test_memory_that_returns_is_backed(own_guest, pair):
    """Resident on the host after each deflate, and given back again by each inflate."""
    guest = own_guest(pair_config(pair, reporting=False, hint=False,
                                  device_options={"prealloc-on-deflate": "on"}), "prealloc")
    guest.start_verifier(64)
    size, given = guest.config.memory_mib, 400
    for turn in (1, 2, 3):
        guest.set_memory(size - given)
        assert guest.machine.rss_bytes() <= (size - given + QEMU_OWN_MIB) * MIB
        guest.set_memory(size)
        counters = guest.counters()
        assert counters["populated-bytes"] >= turn * given * MIB
        assert counters["populate-failures"] == 0
        assert guest.machine.rss_bytes() >= given * MIB
    assert counters["discarded-bytes"] >= 3 * given * MIB
    assert counters["refused"] == counters["failed-bytes"] == 0
    assert guest.wait_verifier_passes(1).text == "ok"
