# SPDX-License-Identifier: GPL-2.0-or-later
"""Command lines: help, version, and what is refused before any VM is asked."""
import os
import re
import subprocess

import pytest

from vm import TOOL

COMMANDS = ["status", "set", "stats", "drop-caches", "compact", "hints", "migrate",
            "qemu-args"]


def test_version(run):
    result = run("--version")
    assert result.status == 0 and re.fullmatch(r"fastballoon \d+(\.\d+)+\n", result.out)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(run, arguments):
    result = run(*arguments)
    assert result.status == 0 and not result.err
    assert all(re.search(rf"^  {name} +[A-Z]", result.out, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(run, name):
    asked, option = run("help", name), run(name, "--help")
    assert asked.status == option.status == 0 and asked.out == option.out
    assert asked.out.startswith(f"usage: fastballoon {name} ")
    assert all(text in asked.out for text in ("--qmp", "--domain", "--json", "--quiet", "--help"))
    assert max(map(len, asked.out.splitlines())) <= 90


@pytest.mark.parametrize("arguments, text", [
    ([], "no command given"),
    (["frobnicate"], "unknown command frobnicate"),
    (["--frobnicate"], "unknown option --frobnicate"),
    (["help", "frobnicate"], "unknown command frobnicate"),
    (["help", "set", "stats"], "help takes one command"),
    (["status"], "no VM named"),
    (["status", "--qmp"], "--qmp needs a value"),
    (["status", "--qmp", ""], "no VM named"),
    (["status", "extra"], "needless argument extra"),
    (["status", "--frobnicate"], "option --frobnicate is not known"),
    (["set", "-x", "1G"], "option -x is not known"),
    (["set"], "no size given"),
    (["set", "1G", "2G"], "needless argument 2G"),
    (["set", "-1G", "-2G"], "more than one size"),
    (["set", "--timeout", "-1", "1G"], "--timeout -1 is no number"),
    (["set", "--timeout", "0", "1G"], "--timeout 0 is no number"),
    (["set", "--timeout", "99999999999999999999", "1G"], "is no number of seconds"),
    (["stats", "--interval", "soon"], "--interval soon is no number"),
    (["stats", "needless"], "needless argument needless"),
    (["drop-caches", "--timeout", "4294968"], "--timeout 4294968 is more than 4294967 seconds"),
    (["compact", "--pages"], "option --pages is not known"),
    (["hints", "maybe"], "maybe is none of on, off and held"),
    (["hints", "on", "off"], "needless argument off"),
    (["hints", "--min-order", "11"], "--min-order 11 is no number from 0 to 10"),
    (["migrate"], "no URI given"),
    (["migrate", "a", "b"], "needless argument b"),
    (["migrate", "--bandwidth", "0", "exec:x"], "--bandwidth 0 is no size"),
    (["migrate", "--downtime-limit", "2000001", "exec:x"], "--downtime-limit 2000001"),
    (["migrate", "--hints", "yes", "exec:x"], "--hints yes is none of on, off and held"),
    (["migrate", "--balloon-first", "1", "exec:x"], "1 is less than 1 MiB"),
    (["migrate", "--balloon-first", "1G", "--detach", "exec:x"], "--detach cannot give back"),
    (["qemu-args", "--id", "0x"], "--id 0x is no id"),
    (["qemu-args", "--memory", "1.5M"], "is no multiple of 1 MiB"),
])
def test_wrong_usage(run, arguments, text):
    result = run(*arguments)
    assert result.status == 2 and not result.out
    assert result.err.startswith("fastballoon: ") and result.err.count("\n") == 1
    assert text in result.err and "--help" in result.err


@pytest.mark.parametrize("size", ["", "0", "512", "1048575", "nonsense", "1X", "1KB", "1.G", ".5G",
                                  "1.5", "1e9", "0x100000", "+", "+-1G", "1G ", " 1G", "-1Q",
                                  "16777216T", "99999999999999999999", "maximum"])
def test_sizes_that_are_none(run, size):
    result = run("set", "--", size)
    assert result.status == 2 and "fastballoon: set: " in result.err


def test_full_disk_is_told():
    with open("/dev/full", "wb") as full:
        process = subprocess.run([TOOL, "--help"], stdout=full, stderr=subprocess.PIPE, text=True,
                                 env=os.environ, timeout=10)
    assert process.returncode == 1 and "cannot write to standard output" in process.stderr
