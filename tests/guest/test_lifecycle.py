# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver comes and goes at any moment; the machine is reset under it."""

import time

import pytest

from harness.guest import DRIVER_NAMES
from pairs import MIB, OURS_ON_OURS, OURS_ON_STOCK, PAIRS_OF_OUR_DRIVER, pair_config, pair_name, wait_for


@pytest.fixture(params=PAIRS_OF_OUR_DRIVER, scope="module")
def pair(request):
    """A pair with our driver."""
    return request.param


@pytest.fixture
def guest(pair, shared_guest):
    """The shared guest of the pair."""
    return shared_guest(pair_config(pair), pair_name(pair))


def test_removal_while_inflated(guest):
    """Removing the module gives all memory back; inserted again it inflates anew."""
    total = guest.meminfo_kib("MemTotal")
    guest.set_memory(300)
    guest.unload_driver("ours")
    assert guest.meminfo_kib("MemTotal") == total
    guest.load_driver("ours")
    assert wait_for(lambda: guest.memory_bytes() == 300 * MIB), "the target was forgotten"
    guest.set_memory(guest.config.memory_mib)
    assert guest.meminfo_kib("MemTotal") == total


def test_removal_while_inflating(guest):
    """Removing the module in the middle of an inflate or a deflate loses no page."""
    total = guest.meminfo_kib("MemTotal")
    for params in ("page_source=alloc", "page_source=conservative", ""):
        for pause_ms in (0, 1, 2, 5, 10, 20):
            guest.qmp("balloon", value=300 * MIB)
            time.sleep(pause_ms / 1000)
            guest.unload_driver("ours")
            assert guest.meminfo_kib("MemTotal") == total
            guest.load_driver("ours", params)
            guest.qmp("balloon", value=guest.config.memory_mib * MIB)
    # The driver, just bound, may not have told yet that it follows another size.
    guest.set_memory(500)
    guest.set_memory(guest.config.memory_mib)


def test_unbind_and_bind(guest):
    """The device can be taken from the driver and given back through sysfs."""
    total = guest.meminfo_kib("MemTotal")
    guest.set_memory(400)
    device = guest.virtio_name()
    driver = f"/sys/bus/virtio/drivers/{DRIVER_NAMES['ours']}"
    guest.write(f"{driver}/unbind", device)
    assert guest.meminfo_kib("MemTotal") == total
    guest.write(f"{driver}/bind", device)
    assert wait_for(lambda: guest.memory_bytes() == 400 * MIB)
    guest.set_memory(guest.config.memory_mib)


def test_stock_driver_takes_over(guest):
    """Our driver hands the device to the stock driver and gets it back."""
    guest.set_memory(500)
    guest.unload_driver("ours")
    guest.load_driver("stock")
    guest.set_memory(400)
    guest.unload_driver("stock")
    guest.load_driver("ours")
    assert guest.bound_driver() == DRIVER_NAMES["ours"]
    guest.set_memory(guest.config.memory_mib)


@pytest.mark.parametrize("driver", ["ours", "stock"])
def test_system_reset_while_inflated(own_guest, driver):
    """After a reset the guest has all its memory again, and the balloon works."""
    guest = own_guest(pair_config({**OURS_ON_OURS, "driver": driver}), f"reset-{driver}")
    total = guest.meminfo_kib("MemTotal")
    guest.set_memory(400)
    guest.qmp("set-action", reboot="reset")
    guest.qmp("system_reset")
    guest.wait_ready()
    assert guest.meminfo_kib("MemTotal") == total
    guest.load_driver(driver)
    assert wait_for(lambda: guest.memory_bytes() == 400 * MIB)
    guest.set_memory(guest.config.memory_mib)
    assert guest.meminfo_kib("MemTotal") == total


@pytest.mark.parametrize("params", ["page_source=buddy", "page_source=conservative transport=pfn"])
def test_system_reset_while_inflating(own_guest, params):
    """A reset in mid-inflate: the next kernel has all its memory, and its driver inflates anew."""
    guest = own_guest(pair_config(OURS_ON_OURS, driver_params=params), "reset-inflating")
    total = guest.meminfo_kib("MemTotal")
    guest.qmp("set-action", reboot="reset")
    guest.qmp("balloon", value=300 * MIB)
    assert wait_for(lambda: guest.memory_bytes() < guest.config.memory_mib * MIB, pause=0)
    guest.qmp("system_reset")
    guest.wait_ready()
    assert guest.meminfo_kib("MemTotal") == total
    guest.load_driver("ours", params)
    assert wait_for(lambda: guest.memory_bytes() == 300 * MIB)
    guest.set_memory(guest.config.memory_mib)
    assert guest.meminfo_kib("MemTotal") == total
    assert guest.counters()["refused"] == 0


def test_interrupts_that_are_lost(own_guest):
    """As QEMU's own device loses them now and then: the guest takes notice of a new size."""
    guest = own_guest(pair_config(OURS_ON_STOCK), "lost-interrupts")
    guest.start_verifier(64)
    # Bit 10 of the PCI device's command register: its pin is raised no more.
    guest.shell("printf '\\004' | dd bs=1 seek=5 conv=notrunc "
                f"of=/sys/bus/virtio/devices/{guest.virtio_name()}/../config 2>/dev/null")
    before = guest.shell("grep virtio /proc/interrupts")
    for size in (600, 500, guest.config.memory_mib):
        guest.set_memory(size, timeout=30)
    assert guest.shell("grep virtio /proc/interrupts") == before
    assert guest.wait_verifier_passes(1).text == "ok"
