# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives balloon devices of a real QEMU without a guest."""
