# SPDX-License-Identifier: GPL-2.0-or-later
"""fastballoon status."""
import pytest

from played_guest import PlayedGuest, ends
from vm import MIB, Played

COUNTERS = {"requests", "ranges", "inflated-bytes", "deflated-bytes", "reported-bytes",
            "discarded-bytes", "discard-failures", "failed-bytes", "inhibited-bytes",
            "waiting-bytes", "populated-bytes", "populate-failures", "hinted-bytes",
            "stale-hint-bytes", "hole-skipped-bytes", "run-sent-bytes", "series-bytes",
            "small-page-bytes", "refused"}


def test_stock_device(run, stock):
    shown = run("status", "--json", "--qmp", stock.socket).json
    assert shown["memory-bytes"] == 256 * MIB
    assert shown["accelerator"] == "tcg" and shown["vm-state"] == "running"
    balloon = shown["balloon"]
    assert balloon["type"] == "virtio-balloon-pci" and balloon["fastballoon"] is False
    assert balloon["path"] == "/machine/peripheral/balloon0"
    assert balloon["driver"] == "absent" and balloon["features"] == []
    assert balloon["options"]["free-page-hint"] is False
    assert "counters" not in balloon


def test_text(run, paused):
    result = run("status", socket=paused.socket)
    lines = dict(line.split(None, 1) for line in result.out.splitlines())
    assert result.status == 0 and not result.err
    assert lines["migration"] == "none"
    assert "virtio-balloon-pci (stock), /machine/peripheral/balloon0" in lines["balloon"]


def test_quiet(run, paused):
    result = run("status", "--quiet", socket=paused.socket)
    assert (result.status, result.out, result.err) == (0, "", "")


def test_option_beats_the_environment(run, paused):
    assert run("status", "--qmp", paused.socket, socket="/nowhere").status == 0


def test_no_balloon(run, bare):
    assert run("status", "--json", socket=bare.socket).json["balloon"] is None
    assert "none: the VM has no balloon device" in run("status", socket=bare.socket).out


@pytest.mark.parametrize("command", [["set", "128M"], ["stats"], ["compact"]])
def test_no_balloon_for_the_others(run, bare, command):
    assert run(*command, socket=bare.socket).failed_with("no balloon device", "qemu-args")


def test_our_device(run, ours):
    balloon = run("status", "--json", socket=ours.socket).json["balloon"]
    assert balloon["type"] == "virtio-fastballoon-pci" and balloon["fastballoon"] is True
    assert set(balloon["counters"]) == COUNTERS
    assert balloon["hint-state"] == "stop" and balloon["feature-bits"] == 0
    assert balloon["options"]["free-page-hint"] is True and balloon["options"]["sg"] is True
    text = run("status", socket=ours.socket).out
    assert "virtio-fastballoon-pci (fastballoon)" in text and "given back to host" in text


def test_device_below_others(run, peer):
    """A balloon in a composite device is found; one that is its own backend as well."""
    tree = {"/machine/peripheral": [{"name": "shelf", "type": "child<shelf>"}],
            "/machine/peripheral/shelf": [{"name": "b", "type": "child<virtio-balloon-device>"}]}
    played = Played(qom_list=lambda path: tree.get(path, []))
    balloon = run("status", "--json", socket=peer(played).socket).json["balloon"]
    assert balloon["path"] == "/machine/peripheral/shelf/b"
    assert balloon["type"] == "virtio-balloon-device"


def test_endless_tree_ends(run, peer):
    branches = [{"name": f"n{i}", "type": "child<shelf>"} for i in range(200)]
    played = Played(qom_list=lambda path: branches)
    assert run("status", "--json", socket=peer(played).socket).json["balloon"] is None
    assert len(played.arguments_of("qom-list")) < 1100


def test_features_by_name(run, peer):
    balloon = run("status", "--json", socket=peer(Played()).socket).json["balloon"]
    assert balloon["features"] == ["stats-vq", "sg"] and balloon["driver"] == "present"


def test_memory_counts_modules_plugged_in(run, peer):
    modules = [{"type": "dimm", "data": {"size": 512 * MIB}},
               {"type": "nvdimm", "data": {"size": 1024 * MIB}}]
    listening = peer(Played(query_memory_devices=modules))
    assert run("status", "--json", socket=listening.socket).json["memory-bytes"] == 1536 * MIB


def test_strange_replies_are_survived(run, peer):
    """Replies of other types than QEMU's are no more than missing information."""
    played = Played(query_balloon=[[]], query_status={"status": 5}, query_kvm=[7],
                    query_memory_size_summary={"base-memory": "many"}, qom_get=[None, 3][1:],
                    query_migrate={"status": {}})
    result = run("status", socket=peer(played).socket)
    assert result.status in (0, 1) and "Segmentation" not in result.err


def test_what_the_driver_tells(run, peer):
    """Progress and requests are shown where there is something to tell."""
    played = PlayedGuest(floor_mib=700, answers={"compact": ends("ok", 5)})
    played.set_target(512 * MIB)
    played.qom_set("", "fastballoon-request", {"type": "compact"})
    played.properties |= {
        "fastballoon-hints": "held", "fastballoon-hint-state": "stop",
        "fastballoon-hole-skip": {"state": "off", "off-reason": "switched off"}}
    lines = run("status", socket=peer(played).socket).out.splitlines()
    assert "short of its target    watermark, 700 MiB could be reached" in lines
    assert "last compact           queued, 0 ms ago" in lines
    assert "hinting                held, stop" in lines
    assert "hole skip              off: switched off" in lines
    assert not [line for line in lines if "inflate" in line]
    balloon = run("status", "--json", socket=peer(played).socket).json["balloon"]
    assert balloon["progress"]["reachable-bytes"] == 324 * MIB
    assert balloon["requests"]["compact"]["id"] == 1 and balloon["hints"] == "held"


@pytest.mark.parametrize("command", [["drop-caches"], ["compact"]])
def test_real_device_without_a_driver(run, ours, command):
    assert run(*command, socket=ours.socket).failed_with("no driver in the guest has taken")
    balloon = run("status", "--json", socket=ours.socket).json["balloon"]
    assert balloon["progress"]["known"] is False
    assert {request["state"] for request in balloon["requests"].values()} == {"none"}
