# SPDX-License-Identifier: GPL-2.0-or-later
"""Which further kernel make deps KERNELS=... takes, and from where."""

import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("linux-image-6.12.9+deb12-amd64", "linux-image-6.12.57+deb12-amd64",
            "linux-image-6.12.90+deb12-cloud-amd64", "linux-image-6.12.90+deb12-rt-amd64",
            "linux-image-6.12.90+deb12-amd64-unsigned", "linux-image-6.12.90+deb12-amd64-dbg")


def shell(script, path=None):
    """The output of a line of shell in which the setup scripts' functions are there."""
    prefix = "set -u; . scripts/common.sh; . scripts/apt-private.sh; . scripts/kernel.sh; "
    environment = dict(os.environ)
    if path:
        environment["PATH"] = f"{path}:{environment['PATH']}"
    return subprocess.run(["dash", "-c", prefix + script], cwd=TOP, check=True, text=True,
                          capture_output=True, env=environment).stdout


def test_newest_release_of_a_version(tmp_path):
    stand_in = tmp_path / "apt-cache"
    stand_in.write_text("#!/bin/sh\nprintf '%s\\n' " + " ".join(PACKAGES) + "\n")
    stand_in.chmod(0o755)
    assert shell("newest_release 6.12", tmp_path) == "6.12.57+deb12-amd64\n"


@pytest.mark.parametrize("name,text,expected", [
    ("sources.list", "deb [a=b] http://mirror/d {0} main\ndeb http://mirror/d {0}-updates main\n",
     "deb [a=b] http://mirror/d {0}-backports main\n"),
    ("sources.list.d/machine.sources",
     "Types: deb deb-src\nURIs: http://mirror/d\nSuites: {0}-updates {0}\nComponents: main\n\n"
     "Types: deb deb-src\nURIs: http://other/d\nSuites: {0}-security\nComponents: main\n",
     "Types: deb deb-src\nURIs: http://mirror/d\nSuites: {0}-backports\nComponents: main\n\n"),
])
def test_backports_are_those_of_the_machines_own_mirror(tmp_path, name, text, expected):
    codename = shell('. /etc/os-release; printf %s "$VERSION_CODENAME"')
    (tmp_path / "sources.list.d").mkdir()
    for source in ("sources.list", "sources.list.d/machine.sources"):
        (tmp_path / source).touch()
    (tmp_path / name).write_text(text.format(codename))
    shell(f"backports_sources {tmp_path}")
    written = "".join((tmp_path / "sources.list.d" / made).read_text()
                      for made in ("backports.list", "backports.sources"))
    assert written == expected.format(codename)
