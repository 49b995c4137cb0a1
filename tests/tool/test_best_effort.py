# SPDX-License-Identifier: GPL-2.0-or-later
"""fastballoon set: what the guest's driver tells, and --best-effort."""
import pytest

from played_guest import PlayedGuest, ends, ends_without_answer
from vm import MIB, Played, terminal_output


def test_settles_where_the_driver_stops(run, peer):
    played = PlayedGuest(floor_mib=700)
    result = run("set", "512M", "--best-effort", "--json", socket=peer(played).socket)
    assert result.status == 0 and not result.err
    assert played.requests == [{"type": "inflate", "best-effort": True}]
    assert played.arguments_of("balloon") == [{"value": 512 * MIB}, {"value": 700 * MIB}]
    shown = result.json
    assert shown.pop("elapsed-ms") > 0
    assert shown == {"from-bytes": 1024 * MIB, "target-bytes": 512 * MIB,
                     "actual-bytes": 700 * MIB, "reached": False, "settled": True,
                     "reason": "watermark", "reachable-bytes": 700 * MIB}


def test_text_of_a_settled_guest(run, peer):
    played = PlayedGuest(floor_mib=700, reason="fragmentation")
    result = run("set", "512M", "--best-effort", socket=peer(played).socket)
    assert result.out.startswith("guest memory 1 GiB -> 700 MiB in ")
    assert result.out.endswith("; 512 MiB was asked for: what is free in the guest is in pieces "
                               "too small for its driver (fragmentation), and could reach 700 MiB\n")


def test_best_effort_that_gets_there(run, peer):
    played = PlayedGuest()
    result = run("set", "512M", "--best-effort", "--json", socket=peer(played).socket)
    assert result.status == 0 and result.json["reached"] and not result.json["settled"]
    assert played.arguments_of("balloon") == [{"value": 512 * MIB}]


@pytest.mark.parametrize("reason, texts", [
    ("watermark", ["keeps the rest as its reserve (watermark), and could reach 700 MiB",
                   "--best-effort"]),
    ("fragmentation", ["(fragmentation)", "fastballoon compact"]),
    ("allocation", ["allocator gives nothing more (allocation)"]),
    ("oom", ["took some back (oom)", "a larger size"]),
    ("stopped", ["policy, or suspend", "kernel log"]),
    ("a-new-one", ["the guest came no closer; the guest has no more memory to give"]),
])
def test_reason_of_a_stall(run, peer, reason, texts):
    played = PlayedGuest(floor_mib=700, reason=reason)
    result = run("set", "512M", "--timeout", "1", "--json", socket=peer(played).socket)
    assert result.failed_with("stalled at 700 MiB, target 512 MiB, after 1", *texts)
    assert result.json["reason"] == reason and not result.json["settled"]
    assert played.arguments_of("balloon") == [{"value": 512 * MIB}]
    assert not played.requests


def test_driver_that_does_not_tell(run, peer):
    """A driver without a control queue: looking at the size has to do."""
    played = PlayedGuest(floor_mib=700)
    played.tells = False
    played.properties["fastballoon-features"] = 1 << 1
    listening = peer(played)
    result = run("set", "512M", "--best-effort", "--timeout", "1", "--json",
                 socket=listening.socket)
    assert result.status == 0 and result.json["settled"] and not played.requests
    assert result.json["reason"] is None and result.json["reachable-bytes"] is None
    assert played.arguments_of("balloon")[-1] == {"value": 700 * MIB}
    text = run("set", "600M", "--best-effort", "--timeout", "1", socket=listening.socket).out
    assert "the guest came no closer, and its driver does not tell why" in text


def test_what_was_told_of_another_target(run, peer):
    played = PlayedGuest(floor_mib=700)
    progress = played.progress
    played.progress = lambda: progress() | {"target-bytes": 5}
    result = run("set", "512M", "--timeout", "1", "--json", socket=peer(played).socket)
    assert result.failed_with("its driver does not tell why") and result.json["reason"] is None


@pytest.mark.parametrize("looks", [ends("not-supported"), ends_without_answer("void"),
                                   RuntimeError("no")])
def test_driver_that_cannot_do_it(run, peer, looks):
    """Without an answer of use, the time without progress decides."""
    played = PlayedGuest(floor_mib=700, answers={"inflate": looks})
    result = run("set", "512M", "--best-effort", "--timeout", "1", "--json",
                 socket=peer(played).socket)
    assert result.status == 0 and result.json["settled"] and result.json["elapsed-ms"] > 1000


def test_overtaken(run, peer):
    played = PlayedGuest(floor_mib=700, answers={"inflate": ends("canceled")})
    result = run("set", "512M", "--best-effort", socket=peer(played).socket)
    assert result.failed_with("overtaken at 700 MiB of 512 MiB by another client")


def test_wakes_a_driver_that_has_settled(run, peer):
    """The same target again says nothing to a driver that has given up: it is asked."""
    played = PlayedGuest(floor_mib=700)
    set_target = played.set_target

    def same_target(value):
        set_target(value)
        played.settled = True
        played.floor = 0
        return {}

    played.replies["balloon"] = same_target
    played.inflate = lambda best_effort: played.set_target(played.target) or ends("ok")
    result = run("set", "512M", "--json", socket=peer(played).socket)
    assert result.status == 0 and result.json["reached"]
    assert played.requests == [{"type": "inflate", "best-effort": False}]


def test_no_wait_asks_as_well(run, peer):
    played = PlayedGuest(floor_mib=700)
    result = run("set", "512M", "--best-effort", "--no-wait", "--json",
                 socket=peer(played).socket)
    assert result.status == 0 and len(played.requests) == 1 and not result.json["settled"]


@pytest.mark.parametrize("machine, text", [("stock", "no driver in the guest"),
                                           ("paused", "the VM does not run")])
def test_nobody_there_is_no_best_effort(run, request, machine, text):
    vm = request.getfixturevalue(machine)
    result = run("set", "128M", "--best-effort", "--timeout", "1", "--json", socket=vm.socket)
    assert result.failed_with("stalled at 256 MiB", text) and not result.json["settled"]
    vm.qmp.execute("balloon", value=256 * MIB)


def test_best_effort_on_a_stock_device(run, peer):
    """Without properties of ours it is the same, but nobody can say why."""
    stock = Played(query_balloon=[{"actual": 1024 * MIB}, {"actual": 900 * MIB}],
                   qom_list=lambda path: [{"name": "b0", "type": "child<virtio-balloon-pci>"}]
                   if path == "/machine/peripheral" else [])
    result = run("set", "512M", "--best-effort", "--timeout", "1", socket=peer(stock).socket)
    assert result.status == 0 and "its driver does not tell why" in result.out
    assert stock.arguments_of("balloon")[-1] == {"value": 900 * MIB}


def test_progress_shows_the_reason(start, peer):
    shown = terminal_output(start, "set", "512M", "--timeout", "1",
                            socket=peer(PlayedGuest(floor_mib=700)).socket)
    assert "; watermark, 700 MiB could be reached" in shown
