# SPDX-License-Identifier: GPL-2.0-or-later
"""The pairs of driver and device that the guest tests run with, and what they expect of them."""

import time

import pytest

from harness.config import GuestConfig

PAGE = 4096
MIB = 1 << 20
# QEMU's resident memory beside the guest's, under TCG above all translated code.
QEMU_OWN_MIB = 220

F_SG = 50
F_PAGE_BITMAP = 51
F_HINT_LOGGED = 52

OURS_ON_OURS = {"driver": "ours", "device": "ours"}
OURS_ON_STOCK = {"driver": "ours", "device": "stock"}
STOCK_ON_OURS = {"driver": "stock", "device": "ours"}

ALL_PAIRS = [
    pytest.param(OURS_ON_OURS, id="ours-on-ours"),
    pytest.param(OURS_ON_STOCK, id="ours-on-stock"),
    pytest.param(STOCK_ON_OURS, id="stock-on-ours"),
]
PAIRS_OF_OUR_DRIVER = ALL_PAIRS[:2]


def pair_config(pair, **more):
    """A guest of a pair with hints and reporting; `more` overrides fields of GuestConfig.

    Without deflate-on-oom, drivers take what is in the balloon off MemTotal, which tests check.

    The stock device hints from an iothread only. QEMU 7.2 under TCG may lose writes during any
    migration; the flush in our plugin prevents that, and the stock device gets it here too,
    since these tests judge drivers and devices.
    """
    settings = {"memory_mib": 768, "hint": True, "reporting": True,
                "deflate_on_oom": False, **pair}
    if pair["device"] == "stock":
        settings.update(iothread=True, tcg_flush="on")
    settings.update(more)
    return GuestConfig(**settings)


def pair_name(pair):
    """A name for log files."""
    return f"{pair['driver']}-on-{pair['device']}"


def check_host_has_the_rest(guest):
    """QEMU's resident memory is about what the balloon leaves to the guest, and QEMU's own."""
    left = guest.memory_bytes() + QEMU_OWN_MIB * MIB
    resident = guest.machine.rss_bytes()
    assert resident <= left, f"{resident // MIB} MiB resident, at most {left // MIB} expected"


def wait_for(condition, timeout=20.0, pause=0.1):
    """Wait until condition() is true; returns whether it became so in time."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(pause)
    return bool(condition())
