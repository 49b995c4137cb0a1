# SPDX-License-Identifier: GPL-2.0-or-later
"""Reset, pause, migration of the device's state, hot plug and unplug."""

import time

import pytest

from fbqtest import machine, migration, pci, virtio
from fbqtest.balloon import DATA_GPA, PAGE, PATH, Balloon
from fbqtest.ctrl import COMPACT, Control
from fbqtest.qemu import QmpError, wait_for
from fbqtest.qtest import Qtest

MIB = 1 << 20
RAM = machine.RAM_BYTES
PROPERTIES = {"free_page_hint": True, "free_page_reporting": True}
INTERVAL = "guest-stats-polling-interval"

# ACPI PCI hot plug: a write of 1 << slot ejects that slot's device; q35 counts buses.
EJECT_PORT = 0xae08
Q35_EJECT_PORT, Q35_BUS_PORT = 0xcc8, 0xcd0


def assert_works(balloon):
    """The device inflates, reports and takes statistics."""
    balloon.fill(DATA_GPA, 3 * PAGE)
    balloon.inflate_pfns([DATA_GPA // PAGE])
    balloon.report([(DATA_GPA + PAGE, PAGE)])
    assert balloon.holds(DATA_GPA, 2 * PAGE, 0)
    assert balloon.holds(DATA_GPA + 2 * PAGE, PAGE, 0xa5)


def test_reset_with_buffers_queued(either):
    """The driver resets the device while it holds buffers that nobody notified."""
    either.send_stats([(4, 1)])
    for queue in (either.inflateq, either.deflateq, either.reportq):
        queue.write_chain(out=[(DATA_GPA, 4)])
        queue.publish(notify=False)
    either.start()
    assert_works(either)
    either.send_stats([(4, 2)])
    wait_for(lambda: either.guest_stats()["stats"]["stat-free-memory"] == 2, "statistics")


def test_many_resets(either):
    for _ in range(20):
        either.send_stats([(4, 1)])
        either.inflate_pfns([DATA_GPA // PAGE])
        either.start()
    assert_works(either)


def test_system_reset(either):
    either.qemu.qmp.command("balloon", value=RAM - MIB)
    either.set_poison(5)
    either.send_stats([(4, 1)])
    either.qemu.qmp.command("system_reset")
    either.qemu.qmp.wait_event("RESET")
    again = Balloon(either.qemu)
    again.start()
    assert again.num_pages() == MIB // PAGE
    assert again.poison() == 0
    assert_works(again)


def test_pause_and_continue(either):
    either.send_stats([(4, 1)])
    for _ in range(3):
        either.qemu.qmp.command("stop")
        either.qemu.qmp.command("cont")
    assert_works(either)
    either.qemu.qom_set(PATH, INTERVAL, 1)
    either.statsq.collect(timeout_s=5)


def test_requests_made_while_paused_are_done_after_it(ours):
    ours.qemu.qmp.command("stop")
    ours.fill(DATA_GPA, PAGE)
    ours.inflateq.write_chain(into=[(DATA_GPA, PAGE)])
    ours.inflateq.publish(notify=False)
    ours.qemu.qmp.command("cont")
    ours.inflateq.collect()
    assert ours.holds(DATA_GPA, PAGE, 0)


@pytest.mark.parametrize("machine_type", ["pc", "q35"])
def test_state_survives_a_migration(start, device, machine_type):
    channel = migration.Channel()
    source = Balloon(start(device, machine=machine_type, **PROPERTIES))
    source.start()
    destination = start(device, machine=machine_type, **PROPERTIES, **channel.incoming())
    source.qemu.qmp.command("balloon", value=RAM - 3 * MIB)
    source.set_actual(512)
    source.set_poison(0x12345678)
    source.fill(DATA_GPA, PAGE)
    source.send_stats([(4, 77)])
    destination.qom_set(PATH, INTERVAL, 1)
    migration.migrate(channel, source.qemu, destination)
    moved = source.moved_to(destination)
    assert moved.num_pages() == 3 * MIB // PAGE
    assert moved.actual() == 512
    assert moved.poison() == 0x12345678
    assert destination.qmp.command("query-balloon") == {"actual": RAM - 512 * PAGE}
    assert moved.holds(DATA_GPA, PAGE, 0xa5)
    moved.statsq.collect(timeout_s=5)
    assert moved.guest_stats()["stats"]["stat-free-memory"] == 77
    moved.set_poison(0)
    assert_works(moved)


def test_negotiated_features_survive_a_migration(start):
    channel = migration.Channel()
    source = Balloon(start(machine.OURS, **PROPERTIES))
    negotiated = source.start()
    destination = start(machine.OURS, **PROPERTIES, **channel.incoming())
    migration.migrate(channel, source.qemu, destination)
    assert destination.qom_get(PATH, "fastballoon-features") == negotiated
    moved = source.moved_to(destination)
    moved.fill(DATA_GPA, 2 * PAGE)
    moved.inflate_ranges([(DATA_GPA, PAGE)])
    assert moved.holds(DATA_GPA, PAGE, 0) and moved.holds(DATA_GPA + PAGE, PAGE, 0xa5)


def test_migration_there_and_back(start):
    balloon = Balloon(start(machine.OURS, **PROPERTIES))
    balloon.start()
    balloon.set_actual(100)
    for _ in range(3):
        channel = migration.Channel()
        destination = start(machine.OURS, **PROPERTIES, **channel.incoming())
        channel.start(balloon.qemu, migration.SLOW)
        balloon.hint_round(balloon.wait_cmd_id(), [(DATA_GPA, 16 * MIB)])
        assert migration.finish(balloon.qemu) == "completed"
        wait_for(lambda: destination.qmp.command("query-status")["status"] == "running", "running")
        balloon = balloon.moved_to(destination)
        assert balloon.actual() == 100
        assert_works(balloon)


def test_another_device_at_the_destination_is_refused(start):
    """Features that the destination does not offer: the migration fails, the source goes on."""
    channel = migration.Channel()
    source = Balloon(start(machine.OURS))
    source.start()
    incoming = channel.incoming()
    destination = machine.Qemu(machine.args(machine.OURS, sg=False, extra=incoming["extra"]),
                               fds=incoming["fds"])
    try:
        channel.start(source.qemu)
        assert destination.wait_exit() != 0
        assert "load" in destination.stderr()
    finally:
        destination.close()
    wait_for(lambda: migration.status(source.qemu) in ("failed", "completed"), "migration ends")
    assert source.qemu.alive()


def plug(qemu, device):
    properties = {"free-page-hint": True, "iothread": "iothread0"}
    if device == machine.OURS:
        properties["hole-skip"] = False  # migrations that take a while
    qemu.qmp.command("device_add", driver=device, id="balloon0", addr="10", **properties)
    function = pci.PciFunction(Qtest(qemu.qtest_socket), 0x10)
    balloon = Balloon(qemu, function=function)
    balloon.start()
    return balloon


def unplug(balloon):
    balloon.qemu.qmp.command("device_del", id="balloon0")
    balloon.qtest.port_out(EJECT_PORT, 4, 1 << 0x10)
    balloon.qemu.qmp.wait_event("DEVICE_DELETED")
    assert not balloon.function.present()


def test_hot_plug_and_unplug_again_and_again(start, device):
    qemu = start(None, extra=["-object", "iothread,id=iothread0", *machine.plugin_args()])
    for turn in range(6):
        balloon = plug(qemu, device)
        balloon.fill(DATA_GPA, PAGE)
        balloon.inflate_pfns([DATA_GPA // PAGE])
        assert balloon.holds(DATA_GPA, PAGE, 0)
        balloon.send_stats([(4, turn)])
        qemu.qom_set(PATH, INTERVAL, 1)
        qemu.qmp.command("balloon", value=RAM - MIB)
        unplug(balloon)
        with pytest.raises(QmpError):
            qemu.qmp.command("query-balloon")
    time.sleep(1.1)
    assert qemu.alive()


def test_hot_plug_and_unplug_on_q35(start, device):
    """Behind a root port, as a manager of q35 machines does it."""
    qemu = start(None, machine="q35",
                 extra=["-device", "pcie-root-port,id=port1,addr=4", *machine.plugin_args()])
    qtest = Qtest(qemu.qtest_socket)
    pci.PciFunction(qtest, 4).open_bridge(1)
    for turn in range(3):
        qemu.qmp.command("device_add", driver=device, id="balloon0", bus="port1",
                         free_page_reporting=True)
        balloon = Balloon(qemu, function=pci.PciFunction(qtest, 0, bus=1))
        balloon.start()
        assert_works(balloon)
        qemu.qmp.command("balloon", value=RAM - (turn + 1) * MIB)
        assert balloon.num_pages() == (turn + 1) * MIB // PAGE
        qemu.qmp.command("device_del", id="balloon0")
        qtest.port_out(Q35_BUS_PORT, 4, 0)
        qtest.port_out(Q35_EJECT_PORT, 4, 1)
        qemu.qmp.wait_event("DEVICE_DELETED")
        assert not balloon.function.present()
    assert qemu.alive()


def test_unplug_with_a_request_in_flight(start):
    qemu = start(None, extra=["-object", "iothread,id=iothread0", *machine.plugin_args()])
    control = Control(plug(qemu, machine.OURS))
    control.post(4)
    control.ask("compact", timeout_ms=300)
    control.take()
    control.progress(actual=1)
    control.progress(actual=2)
    unplug(control.balloon)
    time.sleep(0.5)
    control = Control(plug(qemu, machine.OURS))
    assert control.asked("compact")["state"] == "none"
    control.ask("compact")
    assert control.expect(COMPACT)


def test_unplug_with_buffers_queued_and_a_migration_behind_it(start):
    qemu = start(None, extra=["-object", "iothread,id=iothread0", *machine.plugin_args()])
    balloon = plug(qemu, machine.OURS)
    for queue in (balloon.inflateq, balloon.hintq):
        queue.write_chain(into=[(DATA_GPA, PAGE)])
        queue.publish(notify=False)
    unplug(balloon)
    migration.start_to_nowhere(qemu, migration.FAST)
    assert migration.finish(qemu) == "completed"


def test_a_plugged_device_takes_part_in_a_migration(start):
    qemu = start(None, extra=["-object", "iothread,id=iothread0", *machine.plugin_args()])
    unplug(plug(qemu, machine.OURS))
    balloon = plug(qemu, machine.OURS)
    migration.start_to_nowhere(qemu)
    balloon.hint_round(balloon.wait_cmd_id(), [(DATA_GPA, MIB)])
    assert balloon.counter("hinted-bytes") == MIB
    assert migration.finish(qemu) == "completed"


def test_unplug_is_refused_while_a_migration_runs(start):
    qemu = start(None, extra=["-object", "iothread,id=iothread0", *machine.plugin_args()])
    balloon = plug(qemu, machine.OURS)
    migration.start_to_nowhere(qemu)
    balloon.hint_command(balloon.wait_cmd_id())
    with pytest.raises(QmpError, match="while migrating"):
        qemu.qmp.command("device_del", id="balloon0")
    assert migration.finish(qemu) == "completed"
    assert qemu.alive()


@pytest.mark.parametrize("form", ["-transitional", "-non-transitional"])
def test_other_forms_inflate(start, form):
    balloon = Balloon(start(machine.OURS + form, **PROPERTIES))
    assert balloon.function.read(pci.VENDOR_ID, 2) == virtio.VENDOR
    balloon.start()
    assert_works(balloon)
