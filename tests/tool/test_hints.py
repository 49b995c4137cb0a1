# SPDX-License-Identifier: GPL-2.0-or-later
"""fastballoon hints."""
import pytest

from played_guest import F_CTRL_VQ, PlayedGuest
from vm import MIB


@pytest.fixture
def guest(peer):
    """A played guest whose device hints, and its socket."""
    played = PlayedGuest(query_migrate_capabilities=capabilities())
    played.properties |= {"free-page-hint": True, "fastballoon-hints": "on",
                          "fastballoon-hint-min-order": 4, "fastballoon-hint-state": "done",
                          "fastballoon-hint-off-reason": "",
                          "fastballoon-counters": {"hinted-bytes": 300 * MIB,
                                                   "stale-hint-bytes": 0}}
    played.socket = peer(played).socket
    return played


def capabilities(*names):
    """What query-migrate-capabilities tells with these switched on; multifd does no harm."""
    return lambda: [{"capability": name, "state": name in names + ("multifd",)}
                    for name in ("xbzrle", "postcopy-ram", "x-colo", "background-snapshot",
                                 "x-ignore-shared", "multifd")]


def test_status(run, guest):
    assert run("hints", "--json", socket=guest.socket).json == {
        "hints": "on", "min-order": 4, "free-page-hint": True, "state": "done",
        "hinted-bytes": 300 * MIB, "stale-hint-bytes": 0, "off-reason": None, "warnings": []}
    assert run("hints", socket=guest.socket).out.splitlines() == [
        "free page hints        on", "smallest hint          order 4 (64 KiB)",
        "state                  done", "hinted                 300 MiB",
        "hinted too late        0 bytes"]


def test_reason_of_the_last_migration(run, guest):
    guest.properties["fastballoon-hint-off-reason"] = "the guest is paused"
    assert run("hints", "--json", socket=guest.socket).json["off-reason"] == "the guest is paused"
    assert "last migration         hints off: the guest is paused" in run(
        "hints", socket=guest.socket).out


@pytest.mark.parametrize("arguments, mode, order", [
    (["held"], "held", 4), (["off"], "off", 4), (["--min-order", "0"], "on", 0),
    (["held", "--min-order", "10"], "held", 10)])
def test_change(run, guest, arguments, mode, order):
    shown = run("hints", *arguments, "--json", socket=guest.socket).json
    assert (shown["hints"], shown["min-order"]) == (mode, order)
    assert len(guest.arguments_of("qom-set")) == len(arguments) // 2 + len(arguments) % 2


@pytest.mark.parametrize("names, texts", [
    (["postcopy-ram"], ["postcopy-ram is on: no hints"]),
    (["background-snapshot", "x-colo"], ["background-snapshot is on: ", "x-colo is on: "]),
    (["x-ignore-shared"], ["x-ignore-shared is on: no hints of shared memory"]),
])
def test_what_defeats_hints(run, guest, names, texts):
    guest.replies["query-migrate-capabilities"] = capabilities(*names)
    warnings = run("hints", "--json", socket=guest.socket).json["warnings"]
    assert len(warnings) == len(texts)
    assert all(warning.startswith(text) for warning, text in zip(warnings, texts))
    assert f"next migration         {texts[0]}" in run("hints", socket=guest.socket).out
    assert run("hints", "off", "--json", socket=guest.socket).json["warnings"] == []


def test_driver_that_cannot_hint(run, guest):
    def warnings():
        return run("hints", "--json", socket=guest.socket).json["warnings"]

    guest.properties["fastballoon-features"] = 1 << F_CTRL_VQ
    assert warnings() == ["the guest's driver takes no part in hinting"]
    guest.properties["fastballoon-features"] = 0
    assert warnings() == ["no driver in the guest has taken the balloon"]
    guest.replies["query-status"] = {"status": "paused", "running": False}
    assert warnings() == ["the VM does not run (paused): its driver cannot hint"]
    guest.properties["free-page-hint"] = False
    assert warnings() == ["the device was started with free-page-hint=off"]


def test_our_device(run, ours):
    """The real device takes every mode and order, and says what it lacks."""
    before = run("hints", "--json", socket=ours.socket).json
    assert (before["hints"], before["min-order"]) == ("on", 4) and before["state"] == "stop"
    assert before["warnings"] == ["no driver in the guest has taken the balloon"]
    for mode, order in (("held", 0), ("off", 10), ("on", 4)):
        shown = run("hints", mode, "--min-order", str(order), "--json", socket=ours.socket).json
        assert (shown["hints"], shown["min-order"]) == (mode, order)


@pytest.mark.parametrize("capability", ["postcopy-ram", "background-snapshot", "x-ignore-shared"])
def test_capabilities_of_the_real_qemu(run, ours, capability):
    def switch(on):
        ours.qmp.execute("migrate-set-capabilities",
                         capabilities=[{"capability": capability, "state": on}])

    try:
        switch(True)
    except Exception as error:
        pytest.skip(f"this QEMU or kernel refuses {capability}: {error}")
    warnings = run("hints", "--json", socket=ours.socket).json["warnings"]
    switch(False)
    assert warnings[0].startswith(f"{capability} is on: no hints")


def test_older_device(run, guest):
    del guest.properties["fastballoon-hints"]
    assert run("hints", "--json", socket=guest.socket).json["hints"] is None
    assert run("hints", "off", socket=guest.socket).failed_with("cannot change", "a newer")


def test_stock_device(run, stock):
    shown = run("hints", "--json", socket=stock.socket).json
    assert shown["hints"] is None and shown["free-page-hint"] is False
    assert shown["state"] is None and shown["hinted-bytes"] is None and shown["warnings"] == []
    assert run("hints", socket=stock.socket).out == "free page hints        off\n"
    assert run("hints", "on", socket=stock.socket).failed_with(
        "QEMU's own balloon device cannot change", "free-page-hint=on")


def test_refused_by_the_device(run, guest):
    guest.replies["qom-set"] = RuntimeError("not while a migration is going on")
    assert run("hints", "held", socket=guest.socket).failed_with("not while a migration")
