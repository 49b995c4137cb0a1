# SPDX-License-Identifier: GPL-2.0-or-later
"""Build the test guest's initramfs: our process 1, busybox and kernel modules.

Written as an uncompressed cpio archive ("newc"): under emulation, unpacking a compressed one
costs more than it saves.
"""

import argparse
import lzma
import re
import stat
import sys
from pathlib import Path

# Loaded at boot in this order, with what they depend on before them.
BOOT_MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev",
                "virtio_pci")
# There for the host to load.
MORE_MODULES = ("virtio_balloon", "virtio_blk", "brd")
APPLETS = ("sh", "cat", "ls", "grep", "sed", "awk", "basename", "readlink", "dmesg", "sleep", "dd",
           "head", "tail", "mkdir", "mount", "umount", "echo", "free", "ps", "kill", "find", "sort",
           "wc", "tr", "cut", "true", "false", "test", "uname", "sync")


class Archive:
    """A cpio archive in memory."""

    def __init__(self):
        self._data = bytearray()
        self._inode = 0

    def add(self, name, mode, content=b"", device=(0, 0)):
        """Append an entry; `mode` holds the type as well."""
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0)
        self._data += b"070701" + b"".join(b"%08x" % value for value in fields) + encoded
        self._pad()
        self._data += content
        self._pad()

    def add_directory(self, name):
        """Append a directory."""
        self.add(name, stat.S_IFDIR | 0o755)

    def add_file(self, name, content, mode=0o644):
        """Append a regular file."""
        self.add(name, stat.S_IFREG | mode, content)

    def add_link(self, name, target):
        """Append a symbolic link."""
        self.add(name, stat.S_IFLNK | 0o777, target.encode())

    def finish(self):
        """Append the end mark and return the archive's bytes."""
        self.add("TRAILER!!!", 0)
        return bytes(self._data)

    def _pad(self):
        self._data += b"\0" * (-len(self._data) % 4)


def read_module(path):
    """A module's ELF file, unpacked where the distribution compresses it."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.name.endswith(".xz") else data


def dependencies(module):
    """Names of the modules that a module's ELF file says it needs."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name for name in found.group(1).decode().split(",") if name] if found else []


def collect(names, tree):
    """The named modules and what they need, each after its needs: {name: ELF bytes}.

    A module that the tree does not have is built into that kernel.
    """
    files = {path.name.split(".ko")[0].replace("-", "_"): path for path in tree.rglob("*.ko*")}
    found = {}

    def visit(name):
        if name in found or name not in files:
            return
        module = read_module(files[name])
        for needed in dependencies(module):
            visit(needed.replace("-", "_"))
        found[name] = module

    for name in names:
        visit(name)
    return found


def build(options):
    """The initramfs as bytes."""
    archive = Archive()
    for name in ("bin", "dev", "lib", "lib/modules", "proc", "sys", "tmp"):
        archive.add_directory(name)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add_file("init", options.init.read_bytes(), 0o755)
    archive.add_file("bin/busybox", options.busybox.read_bytes(), 0o755)
    for applet in APPLETS:
        archive.add_link(f"bin/{applet}", "busybox")
    boot = collect(BOOT_MODULES, options.modules)
    modules = collect(BOOT_MODULES + MORE_MODULES, options.modules)
    modules.update({path.stem: path.read_bytes() for path in options.extra})
    for name, content in modules.items():
        archive.add_file(f"lib/modules/{name}.ko", content)
    archive.add_file("lib/modules/boot", "".join(f"{name}\n" for name in boot).encode())
    return archive.finish()


def main():
    """Command line: see --help."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--init", type=Path, required=True, help="static program for process 1")
    parser.add_argument("--busybox", type=Path, required=True, help="static busybox")
    parser.add_argument("--modules", type=Path, required=True, help="lib/modules/RELEASE")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("extra", type=Path, nargs="*", help="more modules, put in as they are")
    options = parser.parse_args()
    for path in (options.init, options.busybox, options.modules, *options.extra):
        if not path.exists():
            sys.exit(f"initramfs: {path} is missing: run make deps, then make")
    options.output.write_bytes(build(options))


if __name__ == "__main__":
    main()
