# SPDX-License-Identifier: GPL-2.0-or-later
"""VMs that are libvirt's: --domain and --connect."""
import subprocess

import pytest

from libvirtd import DOMAIN, Libvirtd, Missing
from vm import MIB, PLUGIN, TOOL


@pytest.fixture(scope="module")
def libvirtd(scratch):
    """A libvirtd with one running domain that has our device and no driver."""
    if not PLUGIN.exists():
        pytest.skip("build/qemu/fastballoon.so is not built")
    try:
        daemon = Libvirtd(scratch / "libvirt")
    except Missing as reason:
        pytest.skip(str(reason))
    yield daemon
    daemon.close()


@pytest.fixture
def ask(run, libvirtd):
    """ask(ARGUMENT...) runs the tool on the domain."""
    return lambda *arguments: run(*arguments, "--domain", DOMAIN, "--connect", libvirtd.uri)


def test_status(ask):
    shown = ask("status", "--json").json
    assert shown["qemu-version"].startswith("7.2.") and shown["vm-state"] == "running"
    assert shown["memory-bytes"] == 256 * MIB
    assert shown["balloon"]["type"] == "virtio-fastballoon-pci"
    assert shown["balloon"]["path"] == "/machine/peripheral/balloon0"


def test_the_option_beats_the_variable(run, libvirtd):
    result = run("status", "--domain", DOMAIN, "--connect", libvirtd.uri, socket="/nowhere")
    assert result.status == 0


def test_set_and_compact(ask, libvirtd):
    assert ask("set", "128M", "--timeout", "1").failed_with("stalled at 256 MiB", "no driver")
    assert "128 MiB" not in libvirtd.virsh("dominfo", DOMAIN)
    assert ask("set", "max").status == 0
    assert ask("hints", "held", "--json").json["hints"] == "held"
    assert ask("compact").failed_with("no driver in the guest")


def test_migrations_are_libvirts(ask):
    assert ask("migrate", "tcp:h:1").failed_with("libvirt migrates its domains itself",
                                                 "use virsh migrate")


def test_domains_that_are_not_there(run, ask, libvirtd):
    result = run("status", "--domain", "nobody", "--connect", libvirtd.uri)
    assert result.failed_with("has no such domain", "nobody", "virsh list --all")
    libvirtd.virsh("suspend", DOMAIN)
    assert ask("set", "128M", "--timeout", "1").failed_with("the VM does not run (paused)")
    libvirtd.virsh("resume", DOMAIN)


def test_save_and_restore(ask, libvirtd):
    """libvirt saves and restores a domain with the device by itself, which is a migration too."""
    libvirtd.virsh("save", DOMAIN, str(libvirtd.folder / "saved"))
    libvirtd.virsh("restore", str(libvirtd.folder / "saved"))
    shown = ask("status", "--json").json
    assert shown["vm-state"] == "running" and shown["balloon"]["fastballoon"] is True


def test_domain_that_ends(run, libvirtd):
    """A transient domain is gone with its QEMU; a stopped one says that it does not run."""
    xml = libvirtd.folder / "domain.xml"
    stopped = libvirtd.folder / "stopped.xml"
    stopped.write_text(xml.read_text().replace(f"<name>{DOMAIN}", "<name>stopped"))
    libvirtd.virsh("define", str(stopped))
    result = run("status", "--domain", "stopped", "--connect", libvirtd.uri)
    assert result.failed_with("did not pass a command on", "not running")
    libvirtd.virsh("undefine", "stopped")


def test_no_daemon_there(run):
    """With or without the library: one line with a remedy."""
    result = run("status", "--domain", "vm", "--connect",
                 "qemu+unix:///session?socket=/nonexistent/socket")
    assert result.failed_with("libvirt") and ("--connect" in result.err or "libvirt0" in result.err)


@pytest.mark.parametrize("arguments, text", [
    (["--domain", "a", "--qmp", "b"], "either --qmp or --domain"),
    (["--connect", "qemu:///system"], "--connect takes a --domain"),
    (["--domain", ""], "no VM named"),
])
def test_usage(run, arguments, text):
    result = run("status", *arguments)
    assert result.status == 2 and text in result.err


def test_it_needs_no_libvirt_to_start():
    """The library is loaded when it is asked for: the program itself is not linked with it."""
    needed = subprocess.run(["ldd", TOOL], capture_output=True, text=True, check=True).stdout
    assert "json-c" in needed and "libvirt" not in needed
