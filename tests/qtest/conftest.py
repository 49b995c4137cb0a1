# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the device tests: machines without a guest, and a time limit for each test."""

import contextlib
import signal

import pytest

from fbqtest import machine
from fbqtest.balloon import Balloon

TEST_LIMIT_S = 60


@pytest.fixture(autouse=True)
def time_limit():
    """No test takes longer than TEST_LIMIT_S."""
    def expired(_signal, _frame):
        raise TimeoutError(f"the test took more than {TEST_LIMIT_S} s")

    previous = signal.signal(signal.SIGALRM, expired)
    signal.alarm(TEST_LIMIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def start():
    """start(device, **properties) starts a machine; every one ends with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **named: stack.enter_context(
            machine.machine_without_guest(*args, **named))


@pytest.fixture
def ours(start):
    """A driver, already started, of our device with its usual properties."""
    balloon = Balloon(start(machine.OURS, free_page_hint=True, free_page_reporting=True))
    balloon.start()
    return balloon


@pytest.fixture(params=[machine.STOCK, machine.OURS], ids=["stock", "ours"])
def device(request):
    """The name of a device: what is tested holds for QEMU's own as well."""
    return request.param


@pytest.fixture
def either(start, device):
    """As ours, for each of the two devices."""
    balloon = Balloon(start(device, free_page_hint=True, free_page_reporting=True))
    balloon.start()
    return balloon
