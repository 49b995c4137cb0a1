# SPDX-License-Identifier: GPL-2.0-or-later
"""What run and make deps refuse: each time one clear line and a status, and nothing begun.

A copy of the checkout's setup scripts runs with stand-ins for the machine's commands in front of
PATH.
"""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = [line for line in (TOP / "scripts/packages.txt").read_text().splitlines()
            if line and not line.startswith("#")]


class Checkout:
    """A copy of run, Makefile and scripts, and the stand-ins that its commands meet."""

    def __init__(self, folder):
        self.top = folder / "checkout"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.bin.mkdir()
        self.calls.touch()
        shutil.copytree(TOP / "scripts", self.top / "scripts")
        for name in ("run", "Makefile"):
            shutil.copy(TOP / name, self.top / name)

    def stand_in(self, name, script):
        """Replaces a command by a shell script that first notes that it was called."""
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.calls}\n{script}\n')
        path.chmod(0o755)

    def packages_installed(self, installed):
        """dpkg-query knows these packages; a single format for a version is answered as well."""
        lines = "".join(f"{name} installed\\n" for name in installed)
        self.stand_in("dpkg-query", 'case "$*" in *source:Version*) printf "1:7.2-fake";; '
                      f'*) printf "{lines}";; esac')

    def run(self, *command):
        environment = {"PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}
        return subprocess.run(command, cwd=self.top, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)

    def called(self, name):
        return [line for line in self.calls.read_text().splitlines()
                if line.split(" ")[0] == name]


@pytest.fixture
def checkout(tmp_path):
    copy = Checkout(tmp_path)
    copy.packages_installed(PACKAGES)
    copy.stand_in("apt-get", "exit 100")
    copy.stand_in("sudo", "exit 1")
    return copy


def refusal(done, status=1):
    """The one line that a refusal ends with, make's own word left out."""
    assert done.returncode == status
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert lines and "Traceback" not in done.stderr
    return lines[-1]


@pytest.mark.parametrize("arguments", [(), ("bench",), ("demo", "check"), ("--help",)])
def test_usage(checkout, arguments):
    assert refusal(checkout.run("./run", *arguments), 2) == "usage: ./run demo|check"


def test_nothing_missing_calls_no_apt(checkout):
    assert checkout.run("sh", "scripts/packages.sh").returncode == 0
    assert not checkout.called("apt-get")


def test_neither_root_nor_sudo(checkout):
    checkout.packages_installed(PACKAGES[:-1])
    checkout.stand_in("id", "echo 1000")
    # Only what the script needs, so that no sudo of the machine is found.
    (checkout.bin / "sudo").unlink()
    for name in ("sh", "sed", "awk", "grep", "dirname", "dpkg"):
        (checkout.bin / name).symlink_to(shutil.which(name))
    done = subprocess.run(["/bin/sh", "scripts/packages.sh"], cwd=checkout.top, text=True,
                          env={"PATH": str(checkout.bin)}, capture_output=True, timeout=60)
    assert "neither root nor sudo" in refusal(done) and PACKAGES[-1] in done.stderr
    assert not checkout.called("apt-get")


def test_sudo_for_the_package_step_alone(checkout):
    checkout.packages_installed(PACKAGES[:-1])
    checkout.stand_in("id", "echo 1000")
    checkout.stand_in("sudo", 'test "$1" = -v || exec "$@"')
    checkout.stand_in("apt-get", "exit 0")
    refusal(checkout.run("sh", "scripts/packages.sh"))
    assert {line.split(" ")[1] for line in checkout.called("sudo")} == {"-v", "apt-get", "env"}


def test_sudo_that_refuses(checkout):
    checkout.packages_installed(PACKAGES[:-1])
    checkout.stand_in("id", "echo 1000")
    assert "sudo refused" in refusal(checkout.run("sh", "scripts/packages.sh"))


def test_no_network(checkout):
    checkout.packages_installed(PACKAGES[:-1])
    checkout.stand_in("id", "echo 0")
    assert "check the network" in refusal(checkout.run("sh", "scripts/packages.sh"))


def test_missing_kernel_package(checkout):
    checkout.stand_in("apt-cache", "exit 0")
    line = refusal(checkout.run("make", "deps"), 2)
    assert "no package linux-image-amd64" in line
    assert not (checkout.top / "build/deps.stamp").exists()
    assert not (checkout.top / "build/apt").exists()


def test_source_of_qemu_is_gone(checkout):
    checkout.stand_in("apt-cache", "exit 0")
    (checkout.top / "build/kernels/6.1-fake").mkdir(parents=True)
    (checkout.top / "build/kernels/6.1-fake/vmlinuz").touch()
    (checkout.top / "build/kernels/default").symlink_to("6.1-fake")
    line = refusal(checkout.run("make", "deps"), 2)
    assert "cannot download the source of QEMU 1:7.2-fake" in line and "apt-get install" in line


@pytest.mark.parametrize("target", ["deps", "check"])
def test_too_little_disk(checkout, target):
    checkout.stand_in("df", "printf 'a b c d\\nx 1 1 100 1%% /\\n'")
    line = refusal(checkout.run("make", target), 2)
    assert line.startswith("fastballoon: too little disk: 100 MiB free")


def test_too_little_memory(checkout):
    checkout.stand_in("getconf", "test $1 = PAGE_SIZE && echo 4096 || echo 262144")
    assert "the machine has 1024 MiB" in refusal(checkout.run("make", "deps"), 2)


def test_run_ends_with_status_1(checkout):
    checkout.stand_in("getconf", "test $1 = PAGE_SIZE && echo 4096 || echo 262144")
    assert "too little memory" in refusal(checkout.run("./run", "demo"))


def test_other_architecture(checkout):
    checkout.stand_in("dpkg", "echo arm64")
    assert "only amd64" in refusal(checkout.run("./run", "check"))


def test_path_that_kbuild_cannot_take(checkout):
    spaced = checkout.top.rename(checkout.top.with_name("check out"))
    checkout.top = spaced
    assert "path" in refusal(checkout.run("make", "deps"), 2)


def test_make_before_deps(checkout):
    assert "run make deps" in refusal(checkout.run("make"), 2)


def test_make_after_an_update_of_qemu(checkout):
    (checkout.top / "build/qemu-headers").mkdir(parents=True)
    (checkout.top / "build/qemu-headers/current").symlink_to("7.2-older")
    (checkout.top / "build/deps.stamp").touch()
    for name in re.findall(r"\S+\.mk", (TOP / "Makefile").read_text()):
        (checkout.top / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.top / name).touch()
    line = refusal(checkout.run("make", "prepared"), 2)
    assert line == "QEMU 1:7.2-fake is installed, build/ was prepared for 7.2-older: run make deps"
