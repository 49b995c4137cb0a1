# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination takes huge pages only where the memory that arrives is dense."""

import pytest

from fbqtest import host, machine, migration
from fbqtest.balloon import PAGE, PATH
from fbqtest.qemu import start_fails, wait_for
from test_dev_holes import HOLES, MIB, OWN_BYTES, Pair, backend

pytestmark = pytest.mark.skipif(not host.has_thp(),
                                reason="this machine's kernel gives no transparent huge pages")

HUGE_PAGE = 2 * MIB
DENSE_GPA = 32 * MIB
DENSE_BYTES = 32 * MIB
# In the upper half, one page in each huge page.
SCATTERED_GPA = 128 * MIB
SCATTERED = 56
SECTION = b"virtio-fastballoon/precopy"
# What follows the name: the section's instance and version, and the end of the list of holes.
NUMBERS = 9
FOOTER = 5


def migrated(start, destination="ram", capability=None, **named):
    """A machine with dense and scattered memory, in its destination: (driver, memory's mapping).

    The source's memory is a memfd, whose pages are small: nothing but what is filled is sent.
    """
    properties = {"share": True} if destination == "memfd" else {}
    pair = Pair(start, backend("memfd", share=True), backend(destination, **properties), **named)
    if capability:
        migration.set_capability(pair.qemu, capability)
        migration.set_capability(pair.destination, capability)
    pair.source.fill(DENSE_GPA, DENSE_BYTES)
    for i in range(SCATTERED):
        pair.source.fill(SCATTERED_GPA + i * HUGE_PAGE, PAGE)
    moved = pair.migrate()
    assert moved.holds(DENSE_GPA, DENSE_BYTES, 0xa5)
    mapping = host.guest_ram(pair.destination, machine.RAM_BYTES)
    for i in range(SCATTERED):
        gpa = SCATTERED_GPA + i * HUGE_PAGE
        assert moved.holds(gpa, PAGE, 0xa5) and moved.holds(gpa + PAGE, PAGE, 0)
    return moved, mapping


def small_page_bytes(moved):
    return moved.qemu.qom_get(PATH, "fastballoon-counters")["small-page-bytes"]


def test_scattered_memory_stays_small(start):
    moved, mapping = migrated(start)
    assert small_page_bytes(moved) >= SCATTERED * HUGE_PAGE
    assert host.resident(mapping) <= DENSE_BYTES + OWN_BYTES
    assert mapping["AnonHugePages"] >= DENSE_BYTES - 2 * HUGE_PAGE
    assert "hg" in mapping["flags"] and "nh" not in mapping["flags"]


def test_without_the_map_huge_pages_are_wasted(start):
    moved, mapping = migrated(start, density_map=False)
    assert small_page_bytes(moved) == 0
    assert host.resident(mapping) >= DENSE_BYTES + SCATTERED * HUGE_PAGE


@pytest.mark.parametrize("how", [{"capability": "postcopy-ram"}, {"destination": "memfd"}])
def test_the_destination_keeps_out(start, how):
    assert small_page_bytes(migrated(start, **how)[0]) == 0


@pytest.mark.parametrize("wrong", [
    pytest.param(b"\4ram0" + bytes([20]) + (8).to_bytes(4, "big"), id="small-regions"),
    pytest.param(b"\4ram0" + bytes([41]) + (8).to_bytes(4, "big"), id="large-regions"),
    pytest.param(b"\4ram0" + bytes([21]) + bytes(4), id="no-region"),
    pytest.param(b"\4ram0" + bytes([21]) + b"\xff" * 4, id="many-regions"),
    pytest.param((b"\4gone" + bytes([21]) + (8).to_bytes(4, "big") + b"\xff") * 256,
                 id="many-blocks"),
])
def test_a_malformed_map_is_refused(start, tmp_path, wrong):
    """The destination says why, and ends."""
    status, messages = start_fails(machine.args(machine.OURS, **HOLES,
                                                extra=_incoming(start, tmp_path, wrong)))
    assert status != 0 and "malformed map of sparse memory" in messages


def test_maps_that_fit_nothing_are_passed_over(start, tmp_path):
    """A block that is not there, and more regions than it has: other devices may differ."""
    regions = bytes([21]) + (4096).to_bytes(4, "big") + b"\xff" * 512
    destination = start(machine.OURS, **HOLES, extra=_incoming(
        start, tmp_path, b"\4gone" + regions + b"\4ram0" + regions))
    wait_for(lambda: destination.qmp.command("query-status")["status"] == "paused", "it is loaded")


def test_a_stream_without_the_device(start, tmp_path):
    """It ends behind the map: what the map began is over with the load, not with the device."""
    end_of_map, end_of_stream = b"\0", b"\0"
    destination = start(machine.OURS, **HOLES, extra=_incoming(
        start, tmp_path, end_of_map, end_of_stream))
    wait_for(lambda: destination.qmp.command("query-status")["status"] != "inmigrate", "loaded")
    assert destination.alive()


def _incoming(start, tmp_path, inserted, instead=None):
    """Options that load a saved machine, with that in front of its map.

    instead: what follows the section's end (its footer), in place of the rest of the stream.
    """
    source = start(machine.OURS, hole_skip=False, extra=backend("ram"))
    source.qmp.command("stop")
    path = tmp_path / "saved"
    source.qmp.command("migrate", uri=f"exec:cat > {path}")
    assert migration.finish(source) == "completed"
    saved = path.read_bytes()
    assert saved.count(SECTION) == 1
    at = saved.index(SECTION) + len(SECTION) + NUMBERS
    rest = saved[at:] if instead is None else saved[at + 1:at + 1 + FOOTER] + instead
    path.write_bytes(saved[:at] + inserted + rest)
    return [*backend("ram"), "-incoming", f"exec:cat {path}"]
