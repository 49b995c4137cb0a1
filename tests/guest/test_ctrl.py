# SPDX-License-Identifier: GPL-2.0-or-later
"""Control queues in a real guest: requests and their replies, progress, waking up.

A guest that an inflate has squeezed dry may kill a process when one forks, so nothing is run in
it that does: the driver's counters are read by process 1 itself, and no verifier runs, which
frees memory and allocates it again.
"""

import time

import pytest

from control import HELD_MIB, UNREACHABLE, Control
from harness.migration import migrate
from pairs import MIB, OURS_ON_OURS, PAGE, pair_config, wait_for

F_CTRL_VQ = 53


@pytest.fixture
def guest(shared_guest):
    """A guest with our driver on our device."""
    return shared_guest(pair_config(OURS_ON_OURS), "ours-on-ours")


@pytest.fixture
def control(guest):
    """Its control."""
    time.sleep(1)  # the driver refuses to drop caches more often
    return Control(guest)


def _fill_page_cache(guest, mib):
    """Let a process read a RAM disk and keep it open, or its cache would go by itself."""
    guest.command(f"insmod brd rd_nr=1 rd_size={mib * 1024}")
    guest.shell("(exec 3</dev/ram0; dd bs=1M <&3 >/dev/null; exec sleep 9999) >/dev/null 2>&1 &")
    assert wait_for(lambda: guest.meminfo_kib("Buffers") >= mib * 1024)


def test_drop_caches(own_guest):
    """Dropping caches frees page cache and says how much; twice at once is refused."""
    guest = own_guest(pair_config(OURS_ON_OURS), "caches")
    control = Control(guest)
    features = guest.shell(f"cat /sys/bus/virtio/devices/{guest.virtio_name()}/features")
    assert features[F_CTRL_VQ] == "1"
    _fill_page_cache(guest, 150)
    guest.start_verifier(64)
    assert guest.wait_verifier_passes(1).text == "ok"
    assert control.status("drop-caches", caches="pages") == "ok"
    freed = control.asked("drop-caches")["figure-bytes"]
    assert control.status("drop-caches") == "busy"
    assert control.asked("drop-caches")["figure-bytes"] == 0
    assert freed > 100 * MIB
    assert guest.meminfo_kib("Buffers") < 16 * 1024
    time.sleep(1.5)
    assert control.status("drop-caches", caches="slab") == "ok"
    assert guest.wait_verifier_passes(1).text == "ok"


def test_compact(guest, control):
    """Compaction puts the small pieces of a fragmented guest together."""
    guest.start_job("fragment", f"{400 * MIB} 24")
    assert control.status("compact") == "ok"
    assert control.asked("compact")["figure-bytes"] % (2 * MIB) == 0
    guest.command("stop fragment")


def test_progress_at_the_target(guest, control):
    """Without a stall the progress is that of the balloon; a request is answered at the target."""
    for mib in (500, 700):
        control.set_target(mib * MIB)
        assert control.status("inflate") == "ok"
        balloon = (guest.config.memory_mib - mib) * MIB
        assert control.asked("inflate")["figure-bytes"] == balloon
        assert guest.memory_bytes() == mib * MIB
        assert wait_for(lambda: control.progress()["actual-bytes"] == balloon)
        progress = control.progress()
        assert progress["known"] and progress["reason"] == "none" and not progress["settled"]
        assert progress["target-bytes"] == balloon
        assert balloon < progress["reachable-bytes"] < guest.config.memory_mib * MIB
    guest.set_memory(guest.config.memory_mib)


def test_best_effort_settles(control):
    """As far as possible: a size, a reason, and no further attempt when memory becomes free."""
    with control.squeezed(best_effort=True):
        answer = control.answer("inflate")
        assert answer["status"] == "partial"
        assert answer["figure-bytes"] == control.balloon_bytes()
        assert wait_for(lambda: control.progress()["settled"])
        progress = control.progress()
        assert progress["reason"] == "watermark"
        assert progress["actual-bytes"] == answer["figure-bytes"]
        assert progress["actual-bytes"] <= progress["reachable-bytes"] < progress["target-bytes"]
    control.guest.start_job("hold", HELD_MIB * MIB)
    control.set_target(UNREACHABLE)
    control.ask("inflate", best_effort=True)
    settled = control.answer("inflate")["figure-bytes"]
    control.guest.command("stop hold")
    time.sleep(1)
    assert control.balloon_bytes() == settled, "it had settled, and went on"
    control.set_target(UNREACHABLE + PAGE)
    assert wait_for(lambda: control.balloon_bytes() > settled + HELD_MIB // 2 * MIB)
    assert not control.progress()["settled"]
    control.guest.set_memory(control.guest.config.memory_mib)
    assert wait_for(lambda: not control.stalled())


def test_freed_memory_is_taken(control):
    """A stalled inflate sleeps, and wakes up when a process frees its memory."""
    with control.squeezed():
        assert wait_for(control.stalled)
        assert not control.progress()["settled"]
        time.sleep(8)
        before, runs = control.balloon_bytes(), control.counter("size_runs")
        time.sleep(10)
        assert control.counter("size_runs") - runs <= 10, "it does not sleep"
        wakes = control.counter("freed_wakes")
        control.guest.command("stop hold")
        assert wait_for(lambda: control.balloon_bytes() > before + HELD_MIB * 3 // 4 * MIB, 4)
        assert control.counter("freed_wakes") > wakes
    assert wait_for(lambda: not control.stalled())


def test_time_limit(control):
    """A request that is not fulfilled in time says so; only with best effort it is the end."""
    with control.squeezed(timeout_ms=400):
        assert control.answer("inflate")["status"] == "timeout"
        assert not control.progress()["settled"]
        control.ask("inflate", best_effort=True, timeout_ms=1)
        assert control.answer("inflate")["status"] in ("partial", "timeout")
        assert wait_for(lambda: control.progress()["settled"])


def test_canceled(control):
    """A request ends when the target changes, and when another one overtakes it."""
    with control.squeezed():
        first = control.asked("inflate")["id"]
        control.ask("inflate")
        assert control.asked("inflate")["id"] > first
        control.set_target(UNREACHABLE + PAGE)
        assert control.answer("inflate")["status"] == "canceled"


@pytest.mark.parametrize("policy,allowed", [("inflate", {"inflate"}), ("none", set())])
def test_denied(guest, policy, allowed):
    """The guest's policy forbids requests; the target itself it cannot."""
    guest.unload_driver("ours")
    guest.load_driver("ours", f"ctrl_requests={policy}")
    control = Control(guest)
    control.set_target(600 * MIB)
    for kind in ("drop-caches", "compact", "inflate"):
        assert control.status(kind) == ("ok" if kind in allowed else "denied")
    guest.set_memory(500)
    guest.set_memory(guest.config.memory_mib)
    guest.unload_driver("ours")
    guest.load_driver("ours")


def test_removal_while_asked(guest, control):
    """Removing the module with requests open loses nothing; the next driver is asked anew."""
    total = guest.meminfo_kib("MemTotal")
    for pause_ms in (0, 2, 10, 50):
        guest.start_job("hold", HELD_MIB * MIB)
        control.set_target(UNREACHABLE)
        for kind in ("inflate", "drop-caches", "compact"):
            control.ask(kind)
        time.sleep(pause_ms / 1000)
        guest.unload_driver("ours")
        assert guest.meminfo_kib("MemTotal") == total
        assert control.asked("inflate")["state"] == "void"
        assert not control.progress()["known"]
        guest.command("stop hold")
        control.set_target(guest.config.memory_mib * MIB)
        guest.load_driver("ours")
        assert control.status("inflate") == "ok"


def test_suspend(own_guest):
    """A suspend gives all memory back and forgets requests; afterwards the target counts again."""
    guest = own_guest(pair_config(OURS_ON_OURS), "suspend")
    control = Control(guest)
    if guest.command("sh test -e /sys/power/pm_test")[1] != "0":
        pytest.skip("the guest's kernel has no test of suspend (CONFIG_PM_DEBUG)")
    guest.start_verifier(64)
    guest.set_memory(500)
    guest.write("/sys/power/pm_test", "devices")
    guest.command("write /sys/power/state freeze", timeout=120)
    assert wait_for(lambda: guest.memory_bytes() == 500 * MIB)
    assert control.status("inflate", best_effort=True) == "ok"
    guest.set_memory(guest.config.memory_mib)
    assert guest.wait_verifier_passes(1).text == "ok"


def test_migration_while_asked(own_guest):
    """Requests in work when the guest moves are given up; it is asked anew on the other side."""
    guest = own_guest(pair_config(OURS_ON_OURS), "asked", copies=2)
    control = Control(guest)
    total = guest.meminfo_kib("MemTotal")

    def ask():
        control.ask("drop-caches")
        control.ask("compact")

    with control.squeezed():
        assert wait_for(control.stalled)
        open_id = control.asked("inflate")["id"]
        migrate(guest, prepare=ask)
        assert control.asked("inflate")["state"] in ("none", "void")
        assert control.progress()["reason"] == "watermark"
        time.sleep(1.5)
        assert control.status("drop-caches") == "ok"
        assert control.status("inflate", best_effort=True) == "partial"
        assert control.asked("inflate")["id"] > open_id
        assert control.progress()["settled"]
        migrate(guest)
        assert control.progress()["settled"]
    assert guest.meminfo_kib("MemTotal") == total
