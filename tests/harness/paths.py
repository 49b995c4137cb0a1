# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the build put things, and which programs of the host are used."""

import os
import shutil
from pathlib import Path

from .errors import HarnessError

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
LOGS = BUILD / "log" / "guests"
QEMU = os.environ.get("FB_QEMU", "qemu-system-x86_64")


def kernel_release():
    """Release of the guest kernel: FB_KERNEL_RELEASE, or the one that make deps chose."""
    chosen = os.environ.get("FB_KERNEL_RELEASE")
    if chosen:
        return chosen
    link = BUILD / "kernels" / "default"
    if not link.exists():
        raise HarnessError(f"no guest kernel below {link}: run make deps")
    return link.resolve().name


def kernel_image():
    """The guest kernel's bzImage."""
    image = BUILD / "kernels" / kernel_release() / "vmlinuz"
    if not image.exists():
        raise HarnessError(f"no guest kernel {image}: run make deps")
    return image


def initramfs():
    """The initramfs for the guest kernel."""
    image = BUILD / "tests" / "guest" / f"initramfs-{kernel_release()}.cpio"
    if not image.exists():
        raise HarnessError(f"no {image}: run make testbins")
    return image


def plugin():
    """The shared object that adds our device to QEMU."""
    path = Path(os.environ.get("FB_PLUGIN", BUILD / "qemu" / "fastballoon.so"))
    if not path.exists():
        raise HarnessError(f"no {path}: run make")
    return path


def qemu():
    """The QEMU program of the host."""
    path = shutil.which(QEMU)
    if not path:
        raise HarnessError(f"no {QEMU} on this machine: run make deps")
    return path
