# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts about the machine that runs the guests."""

import os
import platform
import re
import subprocess
import time

from . import paths

MIB = 1 << 20
# What the host keeps for itself and for QEMU's own needs beside the guest's memory.
RESERVE_MIB = 768


def available_mib():
    """Memory that the machine can give to guests now, in MiB."""
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        values = dict(re.findall(r"(\w+):\s+(\d+) kB", meminfo.read()))
    return int(values["MemAvailable"]) // 1024


def fit_guest_mib(wanted_mib, copies=1):
    """Size of a guest of which `copies` fit into the machine at once; at most `wanted_mib`."""
    room = (available_mib() - RESERVE_MIB) // copies
    return min(wanted_mib, room // 64 * 64)


def rss_bytes(pid):
    """Resident memory of a process."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid):
    """Processor time that a process has used, user and system, in seconds."""
    # Linux gives each process a clock of its own; this is how its number is made.
    return time.clock_gettime(~pid << 3 | 2)


def anon_huge_bytes(pid):
    """How much of a process's private memory is in transparent huge pages."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return int(re.search(r"AnonHugePages:\s+(\d+)", rollup.read()).group(1)) << 10


def cpu_model():
    """The processor's name."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read())
    return found.group(1).strip() if found else platform.machine()


def qemu_version():
    """What QEMU says about its version, without the copyright."""
    text = subprocess.run([paths.qemu(), "--version"], capture_output=True, text=True, check=True)
    return text.stdout.splitlines()[0]


def tcp_congestion_control():
    """What the kernel gives to a TCP connection that asks for nothing."""
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as setting:
        return setting.read().strip()


def describe():
    """The machine in a few fields, for reports."""
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        total_kib = int(re.search(r"MemTotal:\s+(\d+)", meminfo.read()).group(1))
    try:
        with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as thp:
            huge_pages = re.search(r"\[(\w+)\]", thp.read()).group(1)
    except OSError:
        huge_pages = "none"
    return {
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "memory_mib": total_kib // 1024,
        "kernel": platform.release(),
        "transparent_hugepage": huge_pages,
        "tcp_congestion_control": tcp_congestion_control(),
    }
