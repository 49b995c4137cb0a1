# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU command lines for the tests: paths, machines and balloon devices."""

import os
from pathlib import Path

from fbqtest.qemu import Qemu

TOP = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("FB_BUILD", TOP / "build"))
PLUGIN = BUILD / "qemu" / "fastballoon.so"
IMAGES = BUILD / "tests" / "qtest"

OURS = "virtio-fastballoon-pci"
STOCK = "virtio-balloon-pci"

RAM_MIB = 256
RAM_BYTES = RAM_MIB << 20


def plugin_args(device=OURS, **arguments):
    """Options that load the plugin; none for a device of QEMU's own."""
    if "fastballoon" not in device:
        return []
    assert PLUGIN.exists(), f"{PLUGIN} is missing: run make first"
    return ["-plugin", ",".join([str(PLUGIN)] + [f"{k}={v}" for k, v in arguments.items()])]


def device_option(device, **properties):
    """The value of -device for a balloon; True and False become on and off."""
    words = {True: "on", False: "off"}
    pairs = (f"{name.replace('_', '-')}={words.get(value, value)}"
             for name, value in properties.items())
    return ",".join([device, "id=balloon0", *pairs])


def args(device=OURS, machine="pc", extra=(), accel="tcg", image="park.bin", **properties):
    """QEMU options for a machine without a guest and one balloon; device None for no balloon."""
    line = ["-accel", accel, "-machine", machine, "-m", str(RAM_MIB),
            "-bios", str(IMAGES / image)]
    if device:
        line += plugin_args(device)
        if properties.get("free_page_hint") and "iothread" not in properties:
            properties["iothread"] = "iothread0"
        if properties.get("iothread"):
            line += ["-object", f"iothread,id={properties['iothread']}"]
        else:
            properties.pop("iothread", None)
        line += ["-device", device_option(device, **properties)]
    return line + list(extra)


def machine_without_guest(*positional, fds=(), **named):
    """A Qemu that qtest drives; arguments as of args(), fds: descriptors that it inherits."""
    return Qemu(args(*positional, **named), fds=fds)
