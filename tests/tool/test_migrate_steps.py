# SPDX-License-Identifier: GPL-2.0-or-later
"""fastballoon migrate: what prepares a migration, what it is spared, and what is put back."""
import signal
import time

import pytest

from played_guest import PlayedGuest, ends
from vm import MIB, Played, terminal_output

URI = "tcp:h:1"
SINK = "exec:cat >/dev/null"
ACTIVE = {"status": "active", "ram": {"transferred": 1, "remaining": 2, "dirty-sync-count": 2}}
WAITING = {"status": "pre-switchover", "ram": ACTIVE["ram"]}
DONE = {"status": "completed", "total-time": 2610, "downtime": 34,
        "ram": {"transferred": 812 * MIB, "remaining": 0, "dirty-sync-count": 3,
                "duplicate": 512, "page-size": 4096}}
PAUSE = "pause-before-switchover"


class Source(PlayedGuest):
    """A played guest that is migrated, step by step; it knows the capability to wait."""

    def __init__(self, *steps, **more):
        super().__init__(query_migrate=[{}, *steps], migrate_continue={}, **more)
        self.on = set()
        self.replies["query-migrate-capabilities"] = lambda: [
            {"capability": name, "state": name in self.on} for name in (PAUSE, "postcopy-ram")]
        self.replies["migrate-set-capabilities"] = self.set_capabilities
        self.properties |= {"free-page-hint": True, "fastballoon-hints": "on",
                            "fastballoon-hint-min-order": 4,
                            "fastballoon-counters": {"hinted-bytes": 0}}

    def set_capabilities(self, capabilities):
        """QEMU's command."""
        for entry in capabilities:
            (self.on.add if entry["state"] else self.on.discard)(entry["capability"])
        return {}

    def order_of(self, *names):
        """The commands of these names in the order in which they came."""
        return [name for name, _ in self.calls if name in names]


def test_account(run, peer):
    source = Source(ACTIVE, DONE)
    source.properties |= {
        "fastballoon-counters": [{"hinted-bytes": 100 * MIB, "series-bytes": 0},
                                 {"hinted-bytes": 400 * MIB, "series-bytes": MIB}],
        "fastballoon-hole-skip": {"state": "idle", "off-reason": "", "method": "pagemap",
                                  "skipped-bytes": 300 * MIB, "redirtied-bytes": 0, "scan-us": 9}}
    source.actual = 960 * MIB
    listening = peer(source)
    assert run("migrate", URI, socket=listening.socket).out.splitlines() == [
        "migrated in 2.61 s: 812 MiB sent in 3 rounds, downtime 34 ms",
        "skipped thanks to hints: 300 MiB",
        "skipped as holes, not backed by the host: 300 MiB",
        "in the balloon: 64 MiB",
        "by a rule, a few bytes sent for each page: 1 MiB",
        "zero, a few bytes sent for each page: 1 MiB"]
    source.replies["query-migrate"] = [{}, ACTIVE, DONE]
    shown = run("migrate", "--json", URI, socket=listening.socket).json
    assert shown["hole-skip"]["skipped-bytes"] == 300 * MIB
    assert shown["ballooned-bytes"] == 64 * MIB and shown["zero-bytes"] == 2 * MIB
    assert shown["steps"] == {} and shown["warnings"] == []


def test_reason_of_no_hole_skip(run, peer):
    source = Source(ACTIVE, DONE)
    source.properties["fastballoon-hole-skip"] = {"state": "off", "off-reason": "no pagemap",
                                                  "skipped-bytes": 0}
    assert "no holes skipped: no pagemap\n" in run("migrate", URI,
                                                   socket=peer(source).socket).out


def test_account_without_a_balloon(run, peer):
    played = Played(query_migrate=[{}, ACTIVE, DONE], qom_list=lambda path: [])
    result = run("migrate", "--json", "--drop-caches", "--balloon-first", "512M", "--hints", "on",
                 URI, socket=peer(played).socket)
    assert result.status == 0 and result.json["ballooned-bytes"] is None
    assert [text.split(":")[0] for text in result.json["warnings"]] == [
        "no balloon-first", "hints stay as they are", "no drop-caches"]


def test_steps_in_order(run, peer):
    source = Source(ACTIVE, WAITING, ACTIVE, DONE,
                    answers={"drop-caches": ends("ok", 200), "compact": ends("partial", 9)})
    result = run("migrate", "--drop-caches", "--compact", "--balloon-first", "512M", "--hints",
                 "held", "--json", URI, socket=peer(source).socket)
    assert result.status == 0 and not result.err
    assert [request["type"] for request in source.requests] == ["drop-caches", "compact",
                                                                "inflate"]
    steps = result.json["steps"]
    assert steps["drop-caches"]["figure-bytes"] == 200 * MIB
    assert steps["compact"]["status"] == "partial"
    assert steps["balloon-first"]["actual-bytes"] == 512 * MIB
    assert steps["balloon-first"]["returned"] is True
    assert result.json["ballooned-bytes"] == 512 * MIB
    hints = [call["value"] for call in source.arguments_of("qom-set")
             if call["property"] == "fastballoon-hints"]
    assert hints == ["held", "on"]


def test_memory_is_given_back_at_the_switch_over(run, peer):
    source = Source(ACTIVE, WAITING, WAITING, DONE)
    result = run("migrate", "--balloon-first", "-256M", URI, socket=peer(source).socket)
    assert result.status == 0 and not result.err
    assert source.order_of("balloon", "migrate", "migrate-continue", "migrate-set-capabilities"
                           ) == ["balloon", "migrate-set-capabilities", "migrate", "balloon",
                                 "migrate-continue", "migrate-set-capabilities"]
    assert source.arguments_of("balloon") == [{"value": 768 * MIB}, {"value": 1024 * MIB}]
    assert source.arguments_of("migrate-continue") == [{"state": "pre-switchover"}]
    assert not source.on
    assert "guest memory 1 GiB -> 768 MiB in " in result.out
    assert result.out.endswith("the guest gets its 1 GiB back on the destination\n")


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_memory_is_given_back_after_a_failure(run, peer, end):
    source = Source(ACTIVE, {"status": end, "error-desc": "no luck"})
    result = run("migrate", "--balloon-first", "512M", "--json", URI, socket=peer(source).socket)
    assert result.status == 1 and result.json["steps"]["balloon-first"]["returned"] is True
    assert source.arguments_of("balloon")[-1] == {"value": 1024 * MIB}
    assert not source.arguments_of("migrate-continue") and not source.on


def test_memory_is_given_back_by_who_leaves_at_once(start, peer):
    """A second signal does not wait for the end of the cancelled migration."""
    source = Source(ACTIVE, {"status": "cancelling"})
    source.replies["query-migrate"] = lambda: (
        {"status": "cancelling"} if source.arguments_of("migrate_cancel") else
        ACTIVE if source.arguments_of("migrate") else {})
    process = start("migrate", "--balloon-first", "512M", URI, socket=peer(source).socket)
    for condition in ("migrate", "migrate_cancel"):
        deadline = time.monotonic() + 10
        while not source.arguments_of(condition) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 1
    assert source.arguments_of("balloon")[-1] == {"value": 1024 * MIB} and not source.on


def test_memory_is_given_back_where_qemu_refuses(run, peer):
    source = Source(migrate=RuntimeError("blocked"))
    result = run("migrate", "--balloon-first", "512M", URI, socket=peer(source).socket)
    assert result.failed_with("QEMU refused migrate: blocked")
    assert source.arguments_of("balloon")[-1] == {"value": 1024 * MIB} and not source.on


def test_someone_else_has_qemu_wait(run, peer):
    """Then nobody but them lets QEMU go on."""
    source = Source(WAITING, ACTIVE, DONE)
    source.on = {PAUSE}
    result = run("migrate", "--balloon-first", "512M", URI, socket=peer(source).socket)
    assert result.status == 0 and "use fastballoon set 1 GiB on the destination" in result.err
    assert not source.arguments_of("migrate-continue") and source.on == {PAUSE}


def test_qemu_that_cannot_wait(run, peer):
    source = Source(ACTIVE, DONE)
    source.replies["migrate-set-capabilities"] = RuntimeError("not with a background snapshot")
    result = run("migrate", "--balloon-first", "512M", "--json", URI, socket=peer(source).socket)
    assert result.status == 0 and result.json["steps"]["balloon-first"]["returned"] is False
    assert "not with a background snapshot; use fastballoon set" in result.json["warnings"][0]


def test_guest_that_is_small_already(run, peer):
    source = Source(ACTIVE, DONE)
    source.actual = 400 * MIB
    result = run("migrate", "--balloon-first", "512M", "--json", URI, socket=peer(source).socket)
    assert result.status == 0 and result.json["steps"] == {}
    assert not source.arguments_of("balloon") and not source.on


def test_guest_that_shrinks_less(run, peer):
    source = Source(ACTIVE, WAITING, DONE, floor_mib=700)
    steps = run("migrate", "--balloon-first", "512M", "--json", URI,
                socket=peer(source).socket).json["steps"]
    assert steps["balloon-first"]["settled"] and steps["balloon-first"]["reason"] == "watermark"


def test_failed_steps_are_warnings(run, peer):
    source = Source(ACTIVE, DONE, answers={"drop-caches": ends("denied"),
                                           "compact": RuntimeError("not now")})
    result = run("migrate", "--drop-caches", "--compact", URI, socket=peer(source).socket)
    assert result.status == 0 and result.err.splitlines() == [
        "fastballoon: warning: drop-caches failed: the guest's policy forbids it",
        "fastballoon: warning: compact: QEMU refused qom-set: not now"]


def test_warns_of_what_defeats_hints(run, peer):
    source = Source(ACTIVE, DONE)
    source.on = {"postcopy-ram"}
    listening = peer(source)
    result = run("migrate", URI, socket=listening.socket)
    assert result.status == 0
    assert result.err == ("fastballoon: warning: postcopy-ram is on: no hints: a page that was "
                          "skipped could not be fetched later\n")
    source.replies["query-migrate"] = [{}, ACTIVE, DONE]
    assert run("migrate", "--hints", "off", URI, socket=listening.socket).err == ""


def test_interrupt_before_the_start(start, peer):
    looks = [{"state": "sent", "status": "", "figure-bytes": 0}]
    source = Source(ACTIVE, answers={"compact": looks})
    process = start("migrate", "--compact", "--balloon-first", "512M", URI,
                    socket=peer(source).socket)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=5)
    assert process.returncode == 1 and "interrupted before the migration was started" in error
    assert not source.arguments_of("migrate") and not source.arguments_of("balloon")


def test_progress(start, peer):
    source = Source(ACTIVE, ACTIVE, DONE)
    source.properties |= {"fastballoon-counters": [{"hinted-bytes": 0}, {"hinted-bytes": 5 * MIB}],
                          "fastballoon-hole-skip": {"skipped-bytes": 7 * MIB}}
    source.actual = 1000 * MIB
    shown = terminal_output(start, "migrate", URI, socket=peer(source).socket)
    assert "\ractive, round 2: 1 bytes sent, 2 bytes left, 0 bytes/s, " in shown
    assert "; not sent: 5 MiB hinted, 7 MiB holes, 24 MiB in the balloon" in shown


def test_nobody_there_to_shrink(run, leaving):
    """Nothing is waited for, and QEMU not told to wait."""
    result = run("migrate", "--balloon-first", "200M", "--json", SINK, socket=leaving.socket)
    assert result.status == 0 and result.json["steps"] == {}
    assert result.json["warnings"] == [
        "no balloon-first: no driver in the guest has taken the balloon"]
