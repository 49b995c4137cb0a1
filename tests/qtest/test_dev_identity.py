# SPDX-License-Identifier: GPL-2.0-or-later
"""Who the device says it is: PCI ids, features of each property, configuration space."""

import pytest

from fbqtest import machine, pci, virtio
from fbqtest.balloon import (ALL, CMD_ID_STOP, CONFIG_CMD_ID, EXTENSIONS, F_DEFLATE_ON_OOM,
                             F_FREE_PAGE_HINT, F_HINT_LOGGED, F_MUST_TELL_HOST, F_PAGE_BITMAP,
                             F_CTRL_VQ, F_PAGE_POISON, F_REPORTING, F_SG, F_STATS_VQ, PATH,
                             STANDARD, Balloon)
from fbqtest.qtest import Qtest
from fbqtest.virtio import bits

FORMS = {"": (virtio.DEVICE_TRANSITIONAL, 0),
         "-transitional": (virtio.DEVICE_TRANSITIONAL, 0),
         "-non-transitional": (virtio.DEVICE_MODERN, 1)}


def function_of(qemu):
    return pci.find(Qtest(qemu.qtest_socket), virtio.VENDOR,
                    (virtio.DEVICE_TRANSITIONAL, virtio.DEVICE_MODERN))


def identity(function):
    return {"device": function.read(pci.DEVICE_ID, 2), "revision": function.read(pci.REVISION, 1),
            "class": function.read(pci.CLASS, 2), "subsystem": function.read(pci.SUBSYSTEM_ID, 2)}


@pytest.mark.parametrize("machine_type", ["pc", "q35"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form or "generic")
def test_pci_ids_are_those_of_a_virtio_balloon(start, form, machine_type):
    ours = identity(function_of(start(machine.OURS + form, machine=machine_type)))
    stock = identity(function_of(start(machine.STOCK + form, machine=machine_type)))
    assert ours == stock
    assert (ours["device"], ours["revision"]) == FORMS[form]


def test_device_without_pci_on_microvm(start):
    device = "virtio-fastballoon-device"
    qtest = Qtest(start(device, machine="microvm").qtest_socket)
    slots = [0xfeb00000 + 512 * n for n in range(24)]
    assert 5 in [qtest.load(slot + 8, 4) for slot in slots if qtest.load(slot, 4) == 0x74726976]


@pytest.mark.parametrize("properties,present,absent", [
    ({}, [F_STATS_VQ, F_PAGE_POISON, F_SG, F_PAGE_BITMAP, F_CTRL_VQ],
     [F_MUST_TELL_HOST, F_DEFLATE_ON_OOM, F_FREE_PAGE_HINT, F_REPORTING, F_HINT_LOGGED]),
    ({"deflate_on_oom": True}, [F_DEFLATE_ON_OOM], []),
    ({"must_tell_host": True}, [F_MUST_TELL_HOST], []),
    ({"prealloc_on_deflate": True}, [F_MUST_TELL_HOST], []),
    ({"page_poison": False}, [], [F_PAGE_POISON]),
    ({"free_page_reporting": True}, [F_REPORTING], [F_FREE_PAGE_HINT]),
    ({"free_page_hint": True}, [F_FREE_PAGE_HINT, F_HINT_LOGGED], [F_REPORTING]),
    ({"free_page_hint": True, "hint_logged": False}, [F_FREE_PAGE_HINT], [F_HINT_LOGGED]),
    ({"free_page_hint": True, "eager_clear": False}, [F_FREE_PAGE_HINT], [F_HINT_LOGGED]),
    ({"sg": False}, [F_STATS_VQ], [F_SG]),
    ({"page_bitmap": False}, [F_SG], [F_PAGE_BITMAP]),
    ({"ctrl_vq": False}, [F_SG], [F_CTRL_VQ]),
], ids=str)
def test_features_follow_the_properties(start, properties, present, absent):
    offered = Balloon(start(machine.OURS, **properties)).transport.features()
    assert offered & bits(*present) == bits(*present)
    assert offered & bits(*absent) == 0


def test_free_page_hint_needs_no_iothread(start):
    balloon = Balloon(start(machine.OURS, free_page_hint=True, iothread=None))
    assert balloon.start() & bits(F_FREE_PAGE_HINT)


def test_a_modern_driver_sees_the_stock_features_besides_the_extensions(start):
    named = {"free_page_hint": True, "free_page_reporting": True, "deflate_on_oom": True}
    ours = Balloon(start(machine.OURS, **named)).transport.features()
    stock = Balloon(start(machine.STOCK, **named)).transport.features()
    assert ours & ~EXTENSIONS == stock
    assert ours & EXTENSIONS == EXTENSIONS


def test_a_legacy_driver_sees_the_stock_features(start):
    ours = Balloon(start(machine.OURS), legacy=True).transport.features()
    stock = Balloon(start(machine.STOCK), legacy=True).transport.features()
    assert ours == stock


@pytest.mark.parametrize("properties,count", [
    ({}, 3), ({"free_page_hint": True}, 4), ({"free_page_reporting": True}, 4),
    ({"free_page_hint": True, "free_page_reporting": True}, 5)], ids=str)
def test_queues_are_packed_as_in_the_stock_device(start, device, properties, count):
    """Ours has the two control queues behind them."""
    transport = Balloon(start(device, **properties)).transport
    count += 2 if device == machine.OURS else 0
    sizes = [transport.queue_size(index) for index in range(count + 1)]
    assert all(sizes[:count]) and not sizes[count]


def test_negotiated_features_are_a_property(start):
    qemu = start(machine.OURS, free_page_hint=True)
    balloon = Balloon(qemu)
    wanted = bits(F_SG, F_STATS_VQ)
    negotiated = balloon.start(wanted)
    assert negotiated & ALL == wanted
    assert qemu.qom_get(PATH, "fastballoon-features") == negotiated
    balloon.reset()
    assert qemu.qom_get(PATH, "fastballoon-features") == 0


def test_features_that_were_not_offered_are_not_negotiated(start):
    qemu = start(machine.OURS, sg=False, page_bitmap=False)
    balloon = Balloon(qemu)
    balloon.reset()
    balloon.transport.set_status(virtio.ACKNOWLEDGE | virtio.DRIVER)
    balloon.transport.set_features(bits(virtio.F_VERSION_1, F_SG, F_PAGE_BITMAP))
    assert qemu.qom_get(PATH, "fastballoon-features") == bits(virtio.F_VERSION_1)


def test_configuration_before_anything_happened(either):
    assert either.num_pages() == 0
    assert either.actual() == 0
    assert either.cmd_id() == CMD_ID_STOP
    assert either.poison() == 0


def test_command_id_is_read_only(ours):
    ours.transport.set_config(CONFIG_CMD_ID, 4, 0x80000005)
    assert ours.cmd_id() == CMD_ID_STOP


def test_configuration_is_readable_in_any_size(ours):
    ours.set_actual(0x11223344)
    transport = ours.transport
    assert [transport.config(4 + n, 1) for n in range(4)] == [0x44, 0x33, 0x22, 0x11]
    assert [transport.config(4 + n, 2) for n in (0, 2)] == [0x3344, 0x1122]


def test_standard_features_are_unchanged_by_the_plugin(start):
    """A stock device next to a loaded plugin stays what it was."""
    qemu = start(machine.STOCK, extra=machine.plugin_args())
    balloon = Balloon(qemu)
    assert balloon.transport.features() & (STANDARD | EXTENSIONS) == bits(F_STATS_VQ,
                                                                          F_PAGE_POISON)
