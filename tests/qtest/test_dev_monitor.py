# SPDX-License-Identifier: GPL-2.0-or-later
"""The operator's side: QMP and HMP balloon commands, events, second devices, wrong options."""

import pytest

from fbqtest import machine
from fbqtest.balloon import PAGE, PATH, Balloon
from fbqtest.qemu import QmpError, start_fails
from fbqtest.virtio import ISR_CONFIG

MIB = 1 << 20
RAM = machine.RAM_BYTES


def test_balloon_command_sets_the_target(either):
    either.transport.isr()
    either.qemu.qmp.command("balloon", value=RAM - 64 * MIB)
    assert either.num_pages() == 64 * MIB // PAGE
    assert either.transport.isr() & ISR_CONFIG
    either.qemu.qmp.command("balloon", value=RAM)
    assert either.num_pages() == 0


def test_target_above_ram_means_all_of_it(either):
    either.qemu.qmp.command("balloon", value=RAM - 64 * MIB)
    either.qemu.qmp.command("balloon", value=16 * RAM)
    assert either.num_pages() == 0


@pytest.mark.parametrize("value", [0, -1])
def test_impossible_targets_are_refused(either, value):
    with pytest.raises(QmpError):
        either.qemu.qmp.command("balloon", value=value)
    assert either.num_pages() == 0


def test_target_of_a_few_bytes(either):
    either.qemu.qmp.command("balloon", value=1)
    assert either.num_pages() == (RAM - 1) // PAGE


def test_query_balloon_and_event_follow_the_driver(either):
    qmp = either.qemu.qmp
    assert qmp.command("query-balloon") == {"actual": RAM}
    either.set_actual(64 * MIB // PAGE)
    event = qmp.wait_event("BALLOON_CHANGE")
    assert event["data"] == {"actual": RAM - 64 * MIB}
    assert qmp.command("query-balloon") == {"actual": RAM - 64 * MIB}
    assert either.actual() == 64 * MIB // PAGE


def test_no_event_where_nothing_changed(either):
    either.set_actual(0)
    either.qemu.qmp.command("query-status")
    assert not [e for e in either.qemu.qmp.events if e["event"] == "BALLOON_CHANGE"]


def test_hmp_commands(either):
    assert either.qemu.hmp("info balloon").strip() == f"balloon: actual={machine.RAM_MIB}"
    either.qemu.hmp("balloon 100")
    assert either.num_pages() == (machine.RAM_MIB - 100) * MIB // PAGE
    either.set_actual(100 * MIB // PAGE)
    assert either.qemu.hmp("info balloon").strip() == f"balloon: actual={machine.RAM_MIB - 100}"


def test_actual_larger_than_memory(ours):
    """A hostile driver; the stock device shows a huge number here."""
    ours.set_actual(0xffffffff)
    assert ours.qemu.qmp.command("query-balloon") == {"actual": 0}
    assert ours.qemu.qmp.wait_event("BALLOON_CHANGE")["data"] == {"actual": 0}


def test_target_outlives_a_reset(either):
    either.qemu.qmp.command("balloon", value=RAM - MIB)
    either.start()
    assert either.num_pages() == MIB // PAGE


@pytest.mark.parametrize("first,second", [(machine.OURS, machine.OURS),
                                          (machine.OURS, machine.STOCK),
                                          (machine.STOCK, machine.OURS)])
def test_a_second_balloon_is_refused(first, second):
    args = machine.args(None, extra=machine.plugin_args())
    status, said = start_fails(args + ["-device", first, "-device", second])
    assert status == 1
    assert "only one balloon device is supported" in said.lower()


def test_a_second_balloon_is_refused_at_run_time(either):
    with pytest.raises(QmpError, match="(?i)only one balloon device is supported"):
        either.qemu.qmp.command("device_add", driver=machine.STOCK, id="second")
    either.qemu.qmp.command("balloon", value=RAM - MIB)
    assert either.num_pages() == MIB // PAGE


def test_every_property_is_listed(ours):
    listed = ours.qemu.qmp.command("device-list-properties", typename=machine.OURS)
    names = {entry["name"] for entry in listed}
    assert {"deflate-on-oom", "free-page-hint", "free-page-reporting", "page-poison", "iothread",
            "guest-stats", "guest-stats-polling-interval", "sg", "hint-logged", "must-tell-host",
            "eager-clear", "fastballoon-counters", "fastballoon-hint-state",
            "fastballoon-hint-off-reason", "fastballoon-features"} <= names


def test_counters_are_all_there_and_zero(ours):
    counters = ours.counters()
    assert set(counters) == {"requests", "ranges", "inflated-bytes", "deflated-bytes",
                             "reported-bytes", "discarded-bytes", "discard-failures",
                             "inhibited-bytes", "failed-bytes", "waiting-bytes", "populated-bytes",
                             "populate-failures", "hinted-bytes", "stale-hint-bytes",
                             "hole-skipped-bytes", "run-sent-bytes", "series-bytes",
                             "small-page-bytes", "refused"}
    assert not any(counters.values())


@pytest.mark.parametrize("option", ["sg=maybe", "no-such-property=on", "iothread=absent"])
def test_wrong_device_options_are_refused(option):
    args = machine.args(None, extra=machine.plugin_args())
    status, said = start_fails(args + ["-device", f"{machine.OURS},{option}"])
    assert status == 1
    assert option.split("=", maxsplit=1)[0] in said


def test_properties_are_on_the_inner_device_too(ours):
    assert ours.qemu.qom_get(PATH + "/virtio-backend", "fastballoon-counters") == ours.counters()


def test_target_is_kept_for_a_driver_that_comes_later(start, device):
    qemu = start(device)
    qemu.qmp.command("balloon", value=RAM - MIB)
    balloon = Balloon(qemu)
    balloon.start()
    assert balloon.num_pages() == MIB // PAGE
