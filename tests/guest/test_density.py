# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest whose memory in use is scattered needs no more of it in its destination."""

from harness.guest import MIB
from harness.migration import migrate
from pairs import OURS_ON_OURS, QEMU_OWN_MIB, pair_config

SPARE_MIB = 200
KEEP_ONE_IN = 24


def _scattered(own_guest, density_map):
    """A guest that was filled with small files of which few are left."""
    config = pair_config(OURS_ON_OURS, memory_mib=1024, reporting=False,
                         device_options={"density-map": density_map})
    guest = own_guest(config, f"scattered-{density_map}", copies=2)
    guest.start_verifier(64)
    files_mib = guest.meminfo_kib("MemAvailable") // 1024 - SPARE_MIB
    guest.command(f"files {files_mib * MIB}", timeout=200)
    guest.command(f"thin {KEEP_ONE_IN}", timeout=100)
    return guest


def _in_use_bytes(guest):
    """Memory that is not free, what the kernel does not count included."""
    return guest.config.memory_mib * MIB - (guest.meminfo_kib("MemFree") << 10)


def test_scattered_memory(own_guest):
    """There and back: each side holds about what is in use, and the memory is right."""
    guest = _scattered(own_guest, "on")
    for _ in range(2):
        in_use = _in_use_bytes(guest)
        migrate(guest)
        assert guest.counters()["small-page-bytes"] > 0
        assert guest.machine.rss_bytes() <= in_use * 1.2 + QEMU_OWN_MIB * MIB
    assert guest.wait_verifier_passes(2).text == "ok"


def test_scattered_memory_without_the_map(own_guest):
    """The same with huge pages everywhere: what the map spares."""
    guest = _scattered(own_guest, "off")
    migrate(guest)
    assert guest.counters()["small-page-bytes"] == 0
    assert guest.machine.rss_bytes() > _in_use_bytes(guest) * 1.5
    assert guest.wait_verifier_passes(2).text == "ok"
