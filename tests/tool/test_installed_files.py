# SPDX-License-Identifier: GPL-2.0-or-later
"""Man page, completion and installation: they agree with what the tool really takes."""
import re
import shutil
import subprocess

import pytest

from vm import TOOL, TOP

MAN = TOP / "tool/man/fastballoon.1"
COMPLETION = TOP / "tool/completion/fastballoon"
COMMANDS = ["status", "set", "stats", "drop-caches", "compact", "hints", "migrate",
            "qemu-args"]


def options_of(run, command):
    return set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", run("help", command).out, re.MULTILINE))


def section_of(command):
    """A command's part of the man page, without groff's escapes."""
    text = MAN.read_text(encoding="utf-8").replace("\\-", "-")
    return text.split(f"\n.SH {command.upper()}\n")[1].split("\n.SH ")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_man_page_tells_every_option(run, command):
    told = set(re.findall(r"--[a-z-]+", section_of(command) + section_of("common options")))
    assert options_of(run, command) <= told


def test_man_page_is_clean():
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", MAN], capture_output=True,
                          text=True)
    assert done.returncode == 0 and done.stderr == ""


def complete(*words):
    """What bash offers for the last of these words."""
    script = (f". {COMPLETION}; COMP_WORDS=(fastballoon \"$@\"); COMP_CWORD=$#; "
              "_fastballoon; printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "-ec", script, "bash", *words], capture_output=True, text=True,
                          check=True)
    assert not done.stderr
    return set(done.stdout.split())


def test_completion_of_commands():
    assert set(COMMANDS) <= complete("")
    assert complete("st") == {"status", "stats"}


@pytest.mark.parametrize("command", COMMANDS)
def test_completion_of_options(run, command):
    assert complete(command, "--") == options_of(run, command)


def test_completion_of_values(folder):
    (folder / "vm.qmp").touch()
    assert complete("status", "--qmp", f"{folder}/v") == {f"{folder}/vm.qmp"}
    assert complete("set", "--timeout", "") == set()
    assert complete("migrate", "--hints", "o") == {"on", "off"}


def make(target, folder):
    subprocess.run(["make", "-s", "-C", TOP, target, f"DESTDIR={folder}", "PREFIX=/usr"],
                   check=True, capture_output=True, timeout=60)


def test_install_and_uninstall(folder):
    make("install-tool", folder)
    installed = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert installed == {"usr/bin/fastballoon", "usr/share/man/man1/fastballoon.1",
                         "usr/share/bash-completion/completions/fastballoon"}
    shown = [subprocess.run([tool, "--version"], capture_output=True, check=True).stdout
             for tool in (TOOL, folder / "usr/bin/fastballoon")]
    assert shown[0] == shown[1]
    make("uninstall-tool", folder)
    assert not [path for path in folder.rglob("*") if path.is_file()]
