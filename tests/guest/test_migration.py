# SPDX-License-Identifier: GPL-2.0-or-later
"""Migrations there and back, with hints, and the contents verified on the destination."""

import pytest

from harness.migration import migrate
from pairs import (ALL_PAIRS, MIB, OURS_ON_OURS, OURS_ON_STOCK, PAGE, STOCK_ON_OURS, pair_config,
                   pair_name, wait_for)

MEMORY_MIB = 2048
USED_MIB = 1400
VERIFIED_MIB = 128


def _hinted_pages(guest):
    return guest.driver_stats()["hinted_pages"] if guest.config.driver == "ours" else 0


@pytest.mark.parametrize("pair,params", [
    pytest.param(OURS_ON_OURS, "", id="ours-on-ours"),
    pytest.param(OURS_ON_STOCK, "", id="ours-on-stock"),
    pytest.param(OURS_ON_STOCK, "page_source=alloc", id="ours-on-stock-alloc"),
    pytest.param(STOCK_ON_OURS, "", id="stock-on-ours"),
])
def test_twice_there_and_back(own_guest, pair, params):
    """Four migrations with hints: what is in use stays right on each destination."""
    guest = own_guest(pair_config(pair, memory_mib=MEMORY_MIB, driver_params=params),
                      f"migrate-{pair_name(pair)}", copies=2)
    guest.start_verifier(VERIFIED_MIB)
    for _ in range(4):
        guest.touch(USED_MIB)
        hinted_before = _hinted_pages(guest)
        result = migrate(guest)
        verdict = guest.wait_verifier_passes(2)
        assert verdict.text == "ok", f"after {result}: {verdict.text}"
        guest.check_kernel_log()
        assert pair["driver"] == "stock" or _hinted_pages(guest) > hinted_before


def test_hinted_bytes_are_counted(own_guest):
    """Our device counts what the hints let it skip, and no hint is refused."""
    guest = own_guest(pair_config(OURS_ON_OURS, reporting=False), "migrate-counters", copies=2)
    guest.touch(400)
    counters = {}
    result = migrate(guest, inspect=lambda: counters.update(guest.counters()))
    assert counters["hinted-bytes"] >= 300 * MIB
    assert result.sent_bytes < 400 * MIB
    assert counters["refused"] == 0


@pytest.mark.parametrize("pair", ALL_PAIRS)
def test_migrate_while_inflated(own_guest, pair):
    """The balloon's size, target and driver go on in the destination."""
    guest = own_guest(pair_config(pair), f"inflated-{pair_name(pair)}", copies=2)
    total = guest.meminfo_kib("MemTotal")
    guest.start_verifier(64)
    guest.set_memory(400)
    migrate(guest)
    assert guest.memory_bytes() == 400 * MIB
    guest.set_memory(500)
    guest.set_memory(350)
    guest.set_memory(guest.config.memory_mib)
    assert guest.meminfo_kib("MemTotal") == total
    assert guest.wait_verifier_passes(1).text == "ok"


def _resize_and_migrate(guest, target_mib):
    """Migrate as soon as the balloon moves; returns the source's size at the switch-over."""
    before, left = guest.memory_bytes(), []

    def begin():
        guest.qmp("balloon", value=target_mib * MIB)
        assert wait_for(lambda: guest.memory_bytes() != before, pause=0)

    migrate(guest, prepare=begin, inspect=lambda: left.append(guest.memory_bytes()))
    guest.set_memory(target_mib)
    return left[0]


@pytest.mark.parametrize("pair, params", [
    # Page by page, which takes longest.
    pytest.param(OURS_ON_OURS, "page_source=conservative transport=pfn", id="ours-on-ours"),
    pytest.param(STOCK_ON_OURS, "", id="stock-on-ours"),
])
def test_migrate_while_resizing(own_guest, pair, params):
    """A migration in mid-inflate and one in mid-deflate: the balloon reaches its target."""
    guest = own_guest(pair_config(pair, memory_mib=1024, driver_params=params),
                      f"resizing-{pair_name(pair)}", copies=2)
    total = guest.meminfo_kib("MemTotal")
    guest.start_verifier(32, rate_mib_s=20)
    in_mid = {300: 0, 1024: 0}
    for _ in range(3):
        for target_mib in in_mid:
            left = _resize_and_migrate(guest, target_mib)
            in_mid[target_mib] += 300 * MIB < left < 1024 * MIB
        if all(in_mid.values()):
            break
    assert guest.meminfo_kib("MemTotal") == total
    assert guest.wait_verifier_passes(1).text == "ok"
    assert all(in_mid.values()), f"no migration in mid-resize: {in_mid}"


def test_multifd(own_guest):
    """Hints work beside several migration streams, which runs of pages must not overtake."""
    guest = own_guest(pair_config(OURS_ON_OURS, reporting=False), "multifd", copies=2)
    guest.start_verifier(64)
    guest.touch(400)
    counters = {}
    result = migrate(guest, capabilities=("multifd",),
                     inspect=lambda: counters.update(guest.counters()))
    assert counters["hinted-bytes"] >= 300 * MIB
    assert counters["run-sent-bytes"] == 0
    assert result.sent_bytes < 400 * MIB
    assert guest.wait_verifier_passes(2).text == "ok"


@pytest.mark.parametrize("pair", [
    pytest.param(OURS_ON_OURS, id="ours-on-ours"),
    pytest.param(OURS_ON_STOCK, id="ours-on-stock"),
])
def test_fragmented(own_guest, pair):
    """Free memory in thousands of small pieces is inflated, hinted and migrated as well."""
    guest = own_guest(pair_config(pair, memory_mib=1536), f"fragmented-{pair_name(pair)}", copies=2)
    guest.start_verifier(64)
    guest.start_job("fragment", f"{1000 * MIB} 24")
    hinted_before = guest.driver_stats()["hinted_pages"]
    migrate(guest)
    assert guest.driver_stats()["hinted_pages"] - hinted_before > 100 * MIB // PAGE
    total = guest.meminfo_kib("MemTotal")
    guest.set_memory(500)
    migrate(guest)
    guest.set_memory(guest.config.memory_mib)
    assert guest.meminfo_kib("MemTotal") == total
    assert guest.wait_verifier_passes(2).text == "ok"
