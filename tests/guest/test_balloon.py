# SPDX-License-Identifier: GPL-2.0-or-later
"""Bind, inflate to the byte, deflate, statistics and reporting, for each pair."""

import pytest

from harness.guest import DRIVER_NAMES
from pairs import (ALL_PAIRS, F_HINT_LOGGED, F_PAGE_BITMAP, F_SG, MIB, PAGE, PAIRS_OF_OUR_DRIVER,
                   check_host_has_the_rest, pair_config, pair_name, wait_for)

# Names of the statistics that Linux 6.1 sends, as QEMU names them.
STATISTICS = (
    "stat-swap-in", "stat-swap-out", "stat-major-faults", "stat-minor-faults",
    "stat-free-memory", "stat-total-memory", "stat-available-memory", "stat-disk-caches",
    "stat-htlb-pgalloc", "stat-htlb-pgfail",
)


@pytest.fixture(params=ALL_PAIRS, scope="module")
def pair(request):
    """A pair of driver and device."""
    return request.param


@pytest.fixture
def guest(pair, shared_guest):
    """The shared guest of the pair."""
    return shared_guest(pair_config(pair), pair_name(pair))


def test_bind(guest, pair):
    """The driver binds and the features that both sides know are accepted."""
    assert guest.bound_driver() == DRIVER_NAMES[pair["driver"]]
    device = guest.virtio_features()
    ours = pair["driver"] == "ours" and pair["device"] == "ours"
    assert device[F_SG] == str(int(ours))
    assert device[F_HINT_LOGGED] == str(int(ours))
    for standard in (1, 3, 5):
        assert device[standard] == "1", f"standard feature {standard} was not accepted"


@pytest.mark.parametrize("pair", PAIRS_OF_OUR_DRIVER, scope="module")
def test_choices(guest, pair):
    """Our driver takes the fastest way that the device offers."""
    stats = guest.driver_stats()
    on_ours = pair["device"] == "ours"
    assert stats["source"] == "buddy", stats["source_reason"]
    with_bitmaps = guest.virtio_features()[F_PAGE_BITMAP] == "1"
    sg = "sg+bitmap" if with_bitmaps else "sg"
    assert stats["transport"] == (sg if on_ours else "report")
    assert stats["hint_mode"] == ("logged" if on_ours else "hold"), stats["hint_off_reason"]


def test_inflate_and_deflate_to_the_byte(guest, pair):
    """Every size asked for is reached exactly, and the guest gets its memory back."""
    total = guest.meminfo_kib("MemTotal")
    inflated_before = guest.counters()["inflated-bytes"] if pair["device"] == "ours" else 0
    given = 400 * MIB + 3 * PAGE
    target = guest.config.memory_mib * MIB - given
    guest.set_memory_bytes(target)
    assert guest.memory_bytes() == target
    assert total - guest.meminfo_kib("MemTotal") == given // 1024
    if pair["device"] == "ours":
        assert guest.counters()["inflated-bytes"] - inflated_before >= given
        assert guest.counters()["refused"] == 0
    guest.set_memory(guest.config.memory_mib - 100)
    assert total - guest.meminfo_kib("MemTotal") == 100 * 1024
    guest.set_memory(guest.config.memory_mib)
    assert guest.meminfo_kib("MemTotal") == total


def test_host_gets_the_memory(guest):
    """What the balloon takes from a populated guest is no longer resident in QEMU."""
    guest.touch(500)
    guest.set_memory(300)
    check_host_has_the_rest(guest)
    guest.set_memory(guest.config.memory_mib)


def test_statistics(guest):
    """The guest sends all ten statistics of Linux 6.1, with values that can be true."""
    path = "/machine/peripheral/balloon0"
    guest.qmp("qom-set", path=path, property="guest-stats-polling-interval", value=1)
    assert wait_for(lambda: guest.device_property("guest-stats")["last-update"] > 0)
    stats = guest.device_property("guest-stats")["stats"]
    guest.qmp("qom-set", path=path, property="guest-stats-polling-interval", value=0)
    assert not [name for name in STATISTICS if not 0 <= stats[name] < 1 << 63]
    total = guest.meminfo_kib("MemTotal") * 1024
    assert stats["stat-total-memory"] == total
    assert 0 < stats["stat-free-memory"] <= total
    assert abs(stats["stat-free-memory"] - guest.meminfo_kib("MemFree") * 1024) < 64 * MIB
    assert 0 < stats["stat-available-memory"] <= total
    assert stats["stat-minor-faults"] > 0
    assert stats["stat-htlb-pgalloc"] == 0


def test_reporting(guest):
    """Memory that a process used and freed goes back to the host by itself."""
    guest.start_job("hold", 450 * MIB)
    before = guest.machine.rss_bytes()
    guest.command("stop hold")
    assert wait_for(lambda: before - guest.machine.rss_bytes() >= 350 * MIB, 30), (
        f"resident memory went from {before // MIB} to {guest.machine.rss_bytes() // MIB} MiB")


def test_contents_under_resizing(guest):
    """Memory that processes use keeps its contents while the balloon grows and shrinks."""
    guest.start_verifier(64)
    for target in (300, 700, 350, 768, 400, 768) * 4:
        guest.set_memory(target)
    verdict = guest.wait_verifier_passes(1)
    guest.command("stop verify")
    assert verdict.text == "ok"
