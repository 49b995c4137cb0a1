# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tool's tests: the tool, machines without a guest, and peers."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from vm import PLUGIN, TOOL, Peer, Vm

RUN_LIMIT_S = 20


class Result:
    """What a run of the tool has given."""

    def __init__(self, process):
        self.status = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def json(self):
        """The one object on standard output."""
        return json.loads(self.out)

    def failed_with(self, *texts):
        """Whether it failed with one line on standard error that holds all texts."""
        assert self.status == 1, (self.out, self.err)
        assert self.err.startswith("fastballoon: ") and self.err.count("\n") == 1, self.err
        assert all(text in self.err for text in texts), self.err
        return True


def environment(socket):
    """The environment of a run."""
    names = {name: value for name, value in os.environ.items() if name != "FASTBALLOON_QMP"}
    return names | ({"FASTBALLOON_QMP": socket} if socket else {})


@pytest.fixture
def run():
    """run(ARGUMENT..., socket=PATH) runs the tool to its end."""
    def run_tool(*arguments, socket=None, tool=TOOL, **options):
        return Result(subprocess.run([tool, *arguments], env=environment(socket), text=True,
                                     stdin=subprocess.DEVNULL, capture_output=True,
                                     timeout=RUN_LIMIT_S, **options))
    return run_tool


@pytest.fixture
def start():
    """start(ARGUMENT..., socket=PATH) starts the tool; it ends with the test."""
    started = []

    def start_tool(*arguments, socket=None, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        started.append(subprocess.Popen([TOOL, *arguments], env=environment(socket),
                                        stdin=subprocess.DEVNULL, **options))
        return started[-1]

    yield start_tool
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def scratch():
    """A folder with a short path, since a socket's path must be short."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fb-tool-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def folder(scratch, request):
    """A folder of one test's own."""
    number = sum(1 for _ in scratch.iterdir())
    path = scratch / f"{number}"
    path.mkdir()
    return path


def machine(scratch, name, *options):
    """Yields a VM and ends it."""
    vm = Vm(scratch / name, *options)
    yield vm
    vm.close()


STOCK = ("-device", "virtio-balloon-pci,id=balloon0")


@pytest.fixture(scope="session")
def stock(scratch):
    """A running VM with QEMU's own balloon, without a driver."""
    yield from machine(scratch, "stock", *STOCK)


@pytest.fixture(scope="session")
def paused(scratch):
    """A VM that does not run, with QEMU's own balloon."""
    yield from machine(scratch, "paused", "-S", *STOCK)


@pytest.fixture(scope="session")
def bare(scratch):
    """A VM without a balloon."""
    yield from machine(scratch, "bare", "-S")


def our_options():
    """The options that the tool prints for our device."""
    if not PLUGIN.exists():
        pytest.skip("build/qemu/fastballoon.so is not built")
    options = subprocess.run([TOOL, "qemu-args", "--json"], check=True, capture_output=True)
    return json.loads(options.stdout)["args"]


@pytest.fixture(scope="session")
def ours(scratch):
    """A running VM with our balloon, without a driver."""
    yield from machine(scratch, "ours", *our_options())


@pytest.fixture
def leaving(folder):
    """A VM that a test may migrate away."""
    yield from machine(folder, "vm", *STOCK)


@pytest.fixture
def leaving_ours(folder):
    """A VM with our balloon that a test may migrate away."""
    yield from machine(folder, "vm", *our_options())


@pytest.fixture
def peer(folder):
    """peer(serve) listens on a socket and gives each client to serve(client)."""
    peers = []

    def listen(serve):
        peers.append(Peer(folder / f"peer{len(peers)}", serve))
        return peers[-1]

    yield listen
    for listening in peers:
        listening.close()
