# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong with a guest, one class each, so that callers can tell them apart."""


class HarnessError(Exception):
    """Something that the tests need is missing or failed; the text says what and the remedy."""


class GuestDied(HarnessError):
    """QEMU ended, or its socket closed, while the guest was needed."""


class GuestTimeout(HarnessError):
    """The guest or QEMU did not answer in time."""


class CommandFailed(HarnessError):
    """The guest answered a command with an error."""


class QmpError(HarnessError):
    """QEMU answered a QMP command with an error."""


class KernelLogError(HarnessError):
    """The guest kernel's log has a line that no healthy kernel prints."""


class MigrationFailed(HarnessError):
    """A migration did not complete."""
