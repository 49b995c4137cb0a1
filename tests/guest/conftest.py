# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures: guests that tests share while they stay healthy, and guests of a test's own."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import accel, host  # noqa: E402
from harness import guest as guest_module  # noqa: E402
from harness.guest import Guest  # noqa: E402


def pytest_report_header():
    """Say what the guests run on."""
    chosen = accel.choose()
    return f"guests: accelerator {chosen.name}, since {chosen.reason}; {host.qemu_version()}"


def pytest_terminal_summary(terminalreporter):
    """Say how many boots hung or failed and were repeated."""
    retries = guest_module.boot_retries
    if retries:
        terminalreporter.write_line(f"{len(retries)} boots hung or failed and were repeated:")
    for line in retries:
        terminalreporter.write_line(f"  {line}")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    """Remember a test's failure, so that the guest that it used is not used again."""
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True


def _need_memory(config, copies):
    if host.fit_guest_mib(config.memory_mib, copies) < config.memory_mib:
        pytest.skip(f"{copies} guests of {config.memory_mib} MiB need more memory than the "
                    f"{host.available_mib()} MiB that this machine has free")


class SharedGuest:
    """One guest that tests of the same configuration use in turn."""

    def __init__(self):
        self._stack = ExitStack()
        self._key = None
        self._guest = None

    def get(self, config, name):
        """The guest for that configuration; ends the one of another configuration."""
        key = repr(config)
        if key != self._key or not self._guest.machine.alive():
            self.end()
            self._guest = self._stack.enter_context(Guest(config, name))
            self._key = key
        return self._guest

    def end(self):
        """End the guest, if there is one."""
        self._key = None
        self._stack.close()


@pytest.fixture(scope="session")
def shared_guests():
    """The holder of the guest that tests share."""
    holder = SharedGuest()
    yield holder
    holder.end()


@pytest.fixture
def shared_guest(request, shared_guests):
    """A function that gives the shared guest for a configuration, booting it if need be."""
    used = []

    def get(config, name):
        _need_memory(config, 1)
        used.append(shared_guests.get(config, name))
        return used[-1]

    yield get
    if getattr(request.node, "failed", False):
        shared_guests.end()
    for guest in used:
        guest.check_kernel_log()


@pytest.fixture
def own_guest():
    """A function that boots a guest which lives as long as the test."""
    with ExitStack() as stack:
        def boot(config, name, copies=1):
            _need_memory(config, copies)
            return stack.enter_context(Guest(config, name))
        yield boot
