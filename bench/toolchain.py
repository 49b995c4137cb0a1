# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian root with a C compiler for a guest, and a program that the guest builds with it.

Made of the files of the machine's own installed packages: what building fastballoon needs is what
the guest needs to build its command. The archive follows the tests' own in one initramfs.
"""

import re
import stat
import subprocess
from functools import lru_cache
from pathlib import Path

from harness import paths
from harness.errors import HarnessError
from harness.initramfs import Archive

PACKAGES = ("gcc-12", "cpp-12", "binutils-x86-64-linux-gnu", "libc6-dev", "linux-libc-dev",
            "libgcc-12-dev", "libjson-c-dev")
# Of these packages, what compiling and linking C needs.
WANTED = re.compile(r"/usr/include/|/cc1$|/collect2$|/include/|crt\w*\.o$|/libgcc\w*\.(a|so)$"
                    r"|/lib(c|c_nonshared|m|json-c)\.(so|a)$|gnu-(gcc-12|as|ld\.bfd)$|"
                    r"/liblto_plugin\.so$|/lto-wrapper$")
LINKS = {"/usr/bin/gcc": "x86_64-linux-gnu-gcc-12", "/usr/bin/as": "x86_64-linux-gnu-as",
         "/usr/bin/ld": "x86_64-linux-gnu-ld.bfd"}
# What the linker finds by names that no package's list has, and the program needs to run.
LIBRARIES = ("libc.so.6", "libm.so.6", "libmvec.so.1", "libgcc_s.so.1", "libjson-c.so.5")
LIBRARY_FOLDER = "/lib/x86_64-linux-gnu"
OUTPUT = paths.BUILD / "bench" / "compiler.cpio"
SOURCES = ("tool", "include")
SCRIPT = """#!/bin/sh
# Builds the command with two jobs; leaves the guest's clock at start and end.
export PATH=/usr/bin:/bin
cd /src && mkdir -p /tmp/o && rm -f /tmp/o/* /tmp/built
now() { cut -d" " -f1 /proc/uptime; }
compile() { for file in "$@"; do gcc -std=gnu11 -O2 -g -Wall -Iinclude/uapi -Itool \\
	-I/usr/include/json-c -D_GNU_SOURCE -DFB_VERSION='"0"' -DFB_MULTIARCH='"none"' -c -o /tmp/o/$(basename $file .c).o $file || exit 1; done; }
start=$(now)
compile EVEN & even=$!
compile ODD || exit 1
wait $even && gcc -o /tmp/o/fastballoon /tmp/o/*.o -ljson-c || exit 1
/tmp/o/fastballoon --help >/dev/null || exit 1
echo "$start $(now)" >/tmp/built.new && mv /tmp/built.new /tmp/built
"""


@lru_cache(maxsize=1)
def build():
    """Write the initramfs with the compiler, once in a run; returns its path."""
    files = _package_files()
    for program in [path for path in files if _is_program(path)]:
        files.update(_libraries_of(program))
    files.update(f"{LIBRARY_FOLDER}/{name}" for name in LIBRARIES
                 if Path(LIBRARY_FOLDER, name).exists())
    archive = Archive()
    folders = set()
    for path in sorted(files):
        _add(archive, folders, path, Path(path).resolve())
    for path, target in LINKS.items():
        archive.add_link(path.lstrip("/"), target)
    _add_sources(archive, folders)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    with open(OUTPUT, "wb") as output:
        output.write(paths.initramfs().read_bytes())
        output.write(archive.finish())
    return OUTPUT


def _package_files():
    listed = subprocess.run(["dpkg", "-L", *PACKAGES], capture_output=True, text=True, check=False)
    if listed.returncode:
        raise HarnessError(f"packages are missing: {listed.stderr.strip().splitlines()[0]}")
    return {path for path in listed.stdout.splitlines()
            if WANTED.search(path) and Path(path).is_file()}


def _is_program(path):
    with open(path, "rb") as file:
        return path.endswith(("cc1", "collect2", "lto-wrapper")) or (
            "/bin/" in path and file.read(4) == b"\x7fELF")


def _libraries_of(program):
    """Paths of the shared libraries that a program loads."""
    found = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return set(re.findall(r"(?:=> |^\s*)(/\S+) \(0x", found.stdout, re.M))


def _add(archive, folders, path, source):
    """Add a file with the folders above it, each once."""
    for folder in list(Path(path).parents)[-2::-1]:
        if folder not in folders:
            folders.add(folder)
            archive.add_directory(str(folder).lstrip("/"))
    archive.add("/".join(Path(path).parts[1:]),
                stat.S_IFREG | (source.stat().st_mode & 0o755), source.read_bytes())


def _add_sources(archive, folders):
    sources = [path.relative_to(paths.TOP) for folder in SOURCES
               for path in sorted((paths.TOP / folder).rglob("*.[ch]"))]
    for path in sources:
        _add(archive, folders, f"/src/{path}", paths.TOP / path)
    units = [str(path) for path in sources if path.suffix == ".c"]
    script = SCRIPT.replace("EVEN", " ".join(units[::2])).replace("ODD", " ".join(units[1::2]))
    archive.add_file("src/build.sh", script.encode(), 0o755)
