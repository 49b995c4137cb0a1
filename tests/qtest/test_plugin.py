# SPDX-License-Identifier: GPL-2.0-or-later
"""What an operator sees when the plugin and QEMU, or its arguments, do not fit together."""

import subprocess

import pytest

from fbqtest import machine

ABI = machine.IMAGES / "abi"


def refused(plugin, *options):
    """Start QEMU with a plugin that must be refused; returns what it printed."""
    done = subprocess.run(
        ["qemu-system-x86_64", "-machine", "q35", "-nodefaults", "-display", "none",
         "-plugin", str(plugin), *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_other_version_is_refused_with_found_expected_and_remedy():
    text = refused(ABI / "version.so")
    assert "found QEMU 7.2." in text
    assert "built for 7.2.0" in text
    assert "make deps && make" in text


def test_other_layout_is_refused_with_found_expected_and_remedy():
    text = refused(ABI / "layout.so")
    assert "the size of virtio-device is" in text
    assert "make deps && make" in text


@pytest.mark.parametrize("argument", ["tcg-flush=maybe", "speed=on"])
def test_unknown_argument_is_refused(argument):
    text = refused(f"{machine.PLUGIN},{argument}")
    assert f"unknown argument '{argument}'" in text
    assert "tcg-flush=auto" in text


def test_second_balloon_is_refused():
    text = refused(machine.PLUGIN, "-device", "virtio-balloon-pci",
                   "-device", "virtio-fastballoon-pci")
    assert "only one balloon device is supported" in text
