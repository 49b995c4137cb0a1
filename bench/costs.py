# SPDX-License-Identifier: GPL-2.0-or-later
"""What a step costs on both sides: differences between two looks at the counters."""

import os
import re

from harness import host
from harness.errors import CommandFailed, QmpError
from harness.guest import MIB

TICKS_PER_SECOND = 100
IDLE_FIELDS = (3, 4)
HOLDS_FILE = "zone_lock_holds"
# Of fewer holds, the longest one would be the 99.9th percentile.
HOLDS_LEAST = 1000


def look(guest):
    """All counters of a guest and its QEMU now: {name: number}."""
    values = {
        "slab_bytes": guest.meminfo_kib("Slab") << 10,
        "guest_cpu_s": guest_cpu_s(guest),
        "requests": _requests(guest),
    }
    stats = driver_stats(guest)
    values["kicks"], values["ranges"] = stats.get("kicks"), stats.get("ranges")
    values["host_cpu_s"] = guest.machine.cpu_seconds()
    return values


def differences(before, after):
    """[(name, difference)] of what both looks have."""
    changed = []
    for name, value in after.items():
        if value is None or before[name] is None:
            continue
        change = value - before[name]
        changed.append((name, change % (1 << 16) if name == "requests" else change))
    return changed


def guest_cpu_s(guest):
    """Processor time that the guest has used, all of its CPUs, in seconds."""
    fields = guest.read("/proc/stat").splitlines()[0].split()[1:9]
    return sum(int(ticks) for index, ticks in enumerate(fields)
               if index not in IDLE_FIELDS) / TICKS_PER_SECOND


def driver_stats(guest):
    """The counters of our driver; empty where another has the device, or none."""
    try:
        return guest.driver_stats()
    except CommandFailed:
        return {}


def driver_bytes(stats):
    """The driver's own memory, with the record of what is in the balloon; None: not counted."""
    if "driver_bytes" not in stats:
        return None
    return stats["driver_bytes"] + stats.get("record_bytes", 0)


def in_use_bytes(guest):
    """Memory of the guest that is neither free nor in the balloon."""
    ballooned = guest.config.memory_mib * MIB - guest.memory_bytes()
    return guest.config.memory_mib * MIB - (guest.meminfo_kib("MemFree") << 10) - ballooned


def qemu_memory(guest):
    """(resident bytes, bytes in transparent huge pages) of the guest's QEMU."""
    return guest.machine.rss_bytes(), host.anon_huge_bytes(guest.machine.process.pid)


def record_driver(guest, record):
    """Record what only our driver knows of itself: its memory, and how long it held zone->lock."""
    stats = driver_stats(guest)
    if driver_bytes(stats) is not None:
        record("driver_bytes", driver_bytes(stats))
    if "zone_lock_ns_max" in stats:
        record("zone_lock_max_us", stats["zone_lock_ns_max"] / 1000)
    holds = _zone_lock_holds(guest) if stats else {}
    control = holds.pop("control", None)
    together = sorted(hold for path in holds.values() for hold in path)
    for name, histogram in (("zone_lock_p999_us", together), ("control_p999_us", control)):
        if sum(count for _, count in histogram or ()) >= HOLDS_LEAST:
            record(name, percentile(histogram, 0.999))


def _zone_lock_holds(guest):
    """{path: [(up to so many us, holds)]} of the zone locks; empty where they are not counted."""
    path = f"/sys/kernel/debug/virtio_fastballoon/{guest.virtio_name()}/{HOLDS_FILE}"
    try:
        text = guest.read(path)
    except CommandFailed:
        return {}
    holds = {}
    for name, bound_ns, count in re.findall(r"^(\w+)_up_to_ns (\d+) (\d+)$", text, re.M):
        holds.setdefault(name, []).append((int(bound_ns) / 1000, int(count)))
    return holds


def percentile(holds, share):
    """The least bound that this share of the holds, in order, does not exceed."""
    wanted = sum(count for _, count in holds) * share
    seen = 0
    for bound, count in holds:
        seen += count
        if seen >= wanted:
            return bound
    return holds[-1][0]


def _requests(guest):
    """Elements that the device has taken from its queues, modulo 2^16; None if it cannot say."""
    try:
        path = _virtio_path(guest)
        count = guest.qmp("x-query-virtio-status", path=path)["num-vqs"]
        return sum(guest.qmp("x-query-virtio-queue-status", path=path, queue=queue).get(
            "last-avail-idx", 0) for queue in range(count))
    except (QmpError, KeyError):
        return None


def _virtio_path(guest):
    for device in guest.qmp("x-query-virtio"):
        if os.path.basename(os.path.dirname(device["path"])) == "balloon0":
            return device["path"]
    raise KeyError("no balloon")
