# SPDX-License-Identifier: GPL-2.0-or-later
"""fastballoon set."""
import signal
import time

import pytest

from vm import MIB, Played, terminal_output


def sizes(*mib):
    """What query-balloon tells, call by call."""
    return [{"actual": size * MIB} for size in mib]


def test_stall_without_a_driver(run, stock):
    result = run("set", "128M", "--timeout", "2", "--json", socket=stock.socket)
    assert result.failed_with("stalled at 256 MiB, target 128 MiB, after 2", "no driver in the guest",
                              "load virtio_fastballoon")
    shown = result.json
    assert shown["from-bytes"] == shown["actual-bytes"] == 256 * MIB
    assert shown["target-bytes"] == 128 * MIB and shown["reached"] is False
    assert 2000 <= shown["elapsed-ms"] < 6000
    assert "no driver" in shown["error"]["cause"]


def test_stall_of_a_vm_that_does_not_run(run, paused):
    result = run("set", "-128M", "--timeout", "1", socket=paused.socket)
    assert result.failed_with("stalled at 256 MiB, target 128 MiB", "prelaunch", "cont")


def test_stall_of_our_device(run, ours):
    result = run("set", "128M", "--timeout", "1", socket=ours.socket)
    assert result.failed_with("no driver in the guest")


def test_no_wait(run, stock):
    result = run("set", "200M", "--no-wait", "--json", socket=stock.socket)
    assert result.status == 0 and result.json["reached"] is False
    assert result.json["target-bytes"] == 200 * MIB


@pytest.mark.parametrize("size", ["max", "256M", "0.25GiB", "268435456", "+0", "MAX", "262144k"])
def test_what_is_there_already(run, stock, size):
    result = run("set", size, socket=stock.socket)
    assert result.status == 0 and result.out.startswith("guest memory 256 MiB -> 256 MiB in ")


@pytest.mark.parametrize("size, text", [
    ("257M", "257 MiB is more than the VM's memory of 256 MiB; ask for that or less"),
    ("+1", "more than the VM's memory"),
    ("+16777215T", "more than the VM's memory"),
    ("-256M", "too little to take 256 MiB away"),
    ("-1T", "too little to take 1 TiB away"),
])
def test_sizes_that_cannot_be(run, stock, size, text):
    assert run("set", size, socket=stock.socket).failed_with(text)


def test_guest_that_follows(run, peer):
    played = Played(query_balloon=sizes(1024, 1024, 900, 700, 512))
    result = run("set", "512M", "--json", socket=peer(played).socket)
    assert result.status == 0 and result.json["reached"] is True
    assert result.json["from-bytes"] == 1024 * MIB and result.json["actual-bytes"] == 512 * MIB
    assert played.arguments_of("balloon") == [{"value": 512 * MIB}]


@pytest.mark.parametrize("size, target", [("-24M", 876 * MIB), ("+24M", 924 * MIB),
                                          ("max", 1024 * MIB), ("629145601", 600 * MIB + 4096)])
def test_targets(run, peer, size, target):
    """Differences are to the present size; whole pages are asked for."""
    played = Played(query_balloon=[{"actual": 900 * MIB}, {"actual": target}])
    result = run("set", size, socket=peer(played).socket)
    assert result.status == 0 and played.arguments_of("balloon") == [{"value": target}]


def test_progress_extends_the_timeout(run, peer):
    """Time counts from the last step towards the target, not from the start."""
    begin = time.monotonic()

    def actual():
        return {"actual": 1024 * MIB - int((time.monotonic() - begin) * 100) * MIB}

    played = Played(query_balloon=actual)
    played.replies["query-balloon"] = lambda: (
        actual() if time.monotonic() - begin < 2 else {"actual": 824 * MIB})
    result = run("set", "512M", "--timeout", "1", "--json", socket=peer(played).socket)
    assert result.failed_with("stalled at 824 MiB", "the guest has no more memory to give")
    assert result.json["elapsed-ms"] > 2500


def test_stall_while_growing(run, peer):
    played = Played(query_balloon=sizes(512, 600))
    result = run("set", "max", "--timeout", "1", socket=peer(played).socket)
    assert result.failed_with("stalled at 600 MiB, target 1 GiB", "takes no more memory back")


def test_refused_by_qemu(run, peer):
    played = Played(balloon=RuntimeError("not now"))
    assert run("set", "512M", socket=peer(played).socket).failed_with("QEMU refused balloon: not now")


def test_interrupt(start, stock):
    process = start("set", "128M", "--json", socket=stock.socket)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=5)
    assert process.returncode == 1
    assert "interrupted at 256 MiB of 128 MiB" in error and "the target stays" in error


def test_progress_on_a_terminal_only(start, run, peer):
    steps = sizes(1024, 1024, 900, 700, 512)
    arguments = ("set", "512M")
    shown = terminal_output(start, *arguments, socket=peer(Played(query_balloon=steps[:])).socket)
    assert "\r1 GiB -> 512 MiB: 900 MiB after " in shown and shown.endswith("\r\x1b[K")
    for option in ("--json", "--quiet"):
        listening = peer(Played(query_balloon=steps[:]))
        assert terminal_output(start, *arguments, option, socket=listening.socket) == ""
    result = run(*arguments, socket=peer(Played(query_balloon=steps[:])).socket)
    assert result.err == ""
