# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU command lines for the tests: paths, machines and balloon devices."""

from pathlib import Path

from fbqtest.qemu import Qemu

TOP = Path(__file__).resolve().parents[3]
BUILD = TOP / "build"
PLUGIN = BUILD / "qemu" / "fastballoon.so"
IMAGES = BUILD / "tests" / "qtest"

OURS = "virtio-fastballoon-pci"
STOCK = "virtio-balloon-pci"

RAM_MIB = 256
RAM_BYTES = RAM_MIB << 20


def plugin_args(path=PLUGIN, **arguments):
    """Options that load the plugin, or another build of it, with these arguments."""
    assert path.exists(), f"{path} is missing: run make first"
    pairs = (f"{name.replace('_', '-')}={value}" for name, value in arguments.items())
    return ["-plugin", ",".join([str(path), *pairs])]


def device_option(device, **properties):
    """The value of -device for a balloon; True and False become on and off."""
    words = {True: "on", False: "off"}
    pairs = (f"{name.replace('_', '-')}={words.get(value, value)}"
             for name, value in properties.items())
    return ",".join([device, "id=balloon0", *pairs])


def args(device=OURS, machine="pc", extra=(), accel="tcg", image="park.bin", plugin=None,
         **properties):
    """QEMU options for a machine without a guest and one balloon; device None for no balloon.

    plugin: arguments of the plugin, which is loaded for devices of ours and where there are any.
    Hole skip and series are off where nothing is said: most tests need a migration that takes a
    while, and have memory full of one byte.
    """
    line = ["-accel", accel, "-machine", machine, "-m", str(RAM_MIB),
            "-bios", str(IMAGES / image)]
    if device:
        if "fastballoon" in device:
            properties.setdefault("hole_skip", False)
            properties.setdefault("page_series", False)
        if "fastballoon" in device or plugin:
            line += plugin_args(**plugin or {})
        if properties.get("free_page_hint") and "iothread" not in properties:
            properties["iothread"] = "iothread0"
        if properties.get("iothread"):
            line += ["-object", f"iothread,id={properties['iothread']}"]
        else:
            properties.pop("iothread", None)
        line += ["-device", device_option(device, **properties)]
    return line + list(extra)


def machine_without_guest(*positional, fds=(), env=None, **named):
    """A Qemu that qtest drives; arguments as of args().

    fds: descriptors that it inherits; env: variables of its environment.
    """
    return Qemu(args(*positional, **named), fds=fds, env=env)
