# SPDX-License-Identifier: GPL-2.0-or-later
"""Too little memory in the guest."""

import pytest

from control import Control
from harness.errors import GuestTimeout
from pairs import MIB, OURS_ON_OURS, PAGE, PAIRS_OF_OUR_DRIVER, pair_config, pair_name, wait_for


@pytest.mark.parametrize("pair", PAIRS_OF_OUR_DRIVER)
def test_deflate_on_oom(own_guest, pair):
    """With deflate-on-oom a process gets memory from the balloon rather than being killed."""
    guest = own_guest(pair_config(pair, deflate_on_oom=True), f"oom-{pair_name(pair)}")
    guest.set_memory(250)
    guest.touch(400, processes=1, timeout=120)
    assert "Out of memory" not in guest.console_text()


@pytest.mark.parametrize("pair", PAIRS_OF_OUR_DRIVER)
def test_unreachable_target(own_guest, pair):
    """Asked for more than there is, the guest stays alive and goes back when asked."""
    guest = own_guest(pair_config(pair), f"unreachable-{pair_name(pair)}")
    guest.qmp("balloon", value=16 * MIB)
    assert wait_for(lambda: guest.memory_bytes() < 300 * MIB)
    with pytest.raises(GuestTimeout):
        guest.set_memory(16, timeout=3)
    guest.command("ping")
    guest.set_memory(guest.config.memory_mib)


@pytest.mark.parametrize("source", ["buddy", "alloc", "conservative"])
def test_raised_watermarks(own_guest, source):
    """Watermarks that nobody would lower again do not keep the guest from its target."""
    guest = own_guest(pair_config(OURS_ON_OURS, driver_params=f"page_source={source}"),
                      f"raised-watermarks-{source}")
    guest.command(f"insmod virtio_fastballoon_boost pages={300 * MIB // PAGE}")
    control = Control(guest)
    control.set_target(250 * MIB)
    assert control.status("inflate", best_effort=True) == "ok"
    assert guest.memory_bytes() == 250 * MIB
    guest.set_memory(guest.config.memory_mib)
