# SPDX-License-Identifier: GPL-2.0-or-later
"""Stop one thread of a QEMU process, as an overloaded host might."""

import ctypes
import os
from contextlib import contextmanager

# ptrace(2)
_PTRACE_DETACH = 17
_PTRACE_SEIZE = 0x4206
_PTRACE_INTERRUPT = 0x4207
# waitpid(2): for threads, too
_WALL = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def _ptrace(request, thread_id):
    if _libc.ptrace(request, thread_id, None, None):
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace request {request:#x}: {os.strerror(error)}")


@contextmanager
def stopped(thread_id):
    """The thread does not run inside the with block; the process's other threads do."""
    _ptrace(_PTRACE_SEIZE, thread_id)
    try:
        _ptrace(_PTRACE_INTERRUPT, thread_id)
        os.waitpid(thread_id, _WALL)
        yield
    finally:
        _ptrace(_PTRACE_DETACH, thread_id)
