# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's own habits, checked over every tracked file."""
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
MAX_LINES = 600
CODE = {".c", ".h", ".py", ".sh", ".mk", ".S"}
# Spelt apart, so that this file does not hold what it looks for.
OPEN_WORDS = re.compile(r"\b(" + "|".join(("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK")) + r")\b")
MACHINE_PATHS = re.compile(r"(?<![\w.$)}-])/(" + "|".join(("wo" "rk", "ho" "me", "ro" "ot")) + r")/\w")
REGISTRIES = re.compile(r"https?://[^ ]*(debian\.org/debian|npm" r"js|pypi\.org|crates\.io)")
QEMU_INCLUDE = re.compile(r'#include *["<](qemu|hw|qapi|qom|migration|exec|sysemu|system)/')


def tracked_files():
    """Every tracked file's path below the top that is there, symbolic links left out."""
    names = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=TOP,
                           check=True, capture_output=True, text=True).stdout.split("\0")
    paths = [pathlib.Path(name) for name in names if name]
    return [path for path in paths if (TOP / path).is_file() and not (TOP / path).is_symlink()]


FILES = tracked_files()


def lines_of(path):
    return (TOP / path).read_text(encoding="utf-8").splitlines()


def hits(pattern, paths):
    """Each line that matches, as path:number: text."""
    return [f"{path}:{number}: {line.strip()}" for path in paths
            for number, line in enumerate(lines_of(path), 1) if pattern.search(line)]


def is_code(path):
    return path.suffix in CODE or path.name in ("Makefile", "Kbuild", "run")


def test_every_file_names_its_licence():
    bare = [str(path) for path in FILES if path.parts[0] != "LICENSES" and
            not any("SPDX-License-Identifier: " in line for line in lines_of(path)[:4])]
    assert not bare


def test_every_licence_named_is_there():
    named = {match for path in FILES if is_code(path) for line in lines_of(path)[:4]
             for match in re.findall(r"SPDX-License-Identifier: ([\w.-]+)", line)}
    there = {path.stem for path in FILES if path.parts[0] == "LICENSES"}
    assert named == there


def test_files_are_short():
    long = [f"{path}: {len(lines_of(path))}" for path in FILES
            if is_code(path) and len(lines_of(path)) > MAX_LINES]
    assert not long


@pytest.mark.parametrize("what, pattern", [
    ("a marker of open work", OPEN_WORDS),
    ("an absolute path of one machine", MACHINE_PATHS),
    ("the address of a package registry", REGISTRIES),
])
def test_no_file_holds(what, pattern):
    paths = [path for path in FILES if path.parts[0] != "LICENSES"]
    assert not hits(pattern, paths), what


def test_device_core_knows_no_hypervisor():
    assert not hits(QEMU_INCLUDE, [path for path in FILES if path.parts[0] == "device"])


@pytest.mark.parametrize("folder, pattern", [
    ("guest", r"LINUX_VERSION_CODE|KERNEL_VERSION\("),
    ("qemu", r"QEMU_VERSION_(MAJOR|MINOR)"),
])
def test_versions_are_tested_in_compat_only(folder, pattern):
    paths = [path for path in FILES if path.parts[0] == folder and path.parts[1] != "compat"]
    assert not hits(re.compile(pattern), paths)


def test_c_is_formatted():
    sources = [str(path) for path in FILES if path.suffix in (".c", ".h")]
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *sources], cwd=TOP,
                          capture_output=True, text=True)
    places = re.findall(r"^(\S+:\d+):\d+: error", done.stderr, re.MULTILINE)
    assert done.returncode == 0, "run make format; differs at " + ", ".join(places[:40])


def test_shell_scripts_parse():
    scripts = [path for path in FILES if is_code(path) and lines_of(path)[:1] == ["#!/bin/sh"] or
               path.suffix == ".sh"]
    bad = [str(path) for path in scripts
           if subprocess.run(["dash", "-n", path], cwd=TOP, capture_output=True).returncode]
    assert scripts and not bad


def test_documents_link_to_what_is_there():
    documents = [path for path in FILES if path.suffix == ".md"]
    gone = [f"{path}: {target}" for path in documents for line in lines_of(path)
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", line)
            if not (TOP / path.parent / target).exists()]
    assert documents and not gone
