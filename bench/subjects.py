# SPDX-License-Identifier: GPL-2.0-or-later
"""What is compared: pairs of driver and device, each at its best setting."""

from dataclasses import dataclass

from harness.config import GuestConfig


@dataclass(frozen=True)
class Subject:
    """A pair of driver and device under the name that results carry."""

    name: str
    title: str
    driver: str
    device: str
    hints: bool = True

    @property
    def ours(self):
        """Whether part of it is this project's."""
        return "ours" in (self.driver, self.device)

    def config(self, memory_mib, accelerator, reporting=False, flush_stock=False):
        """The guest for this subject.

        The stock device takes hints from an iothread only. Our plugin's flush (QEMU 7.2 may
        lose writes under TCG) is on in every row of ours; the stock rows run QEMU as it is,
        unless `flush_stock`.
        """
        flush = "on" if accelerator.name == "tcg" and (self.ours or flush_stock) else None
        return GuestConfig(
            memory_mib=memory_mib, device=self.device, driver=self.driver, hint=self.hints,
            iothread=self.hints and self.device == "stock", reporting=reporting,
            tcg_flush=flush)


STOCK = Subject("stock", "stock driver, stock device", "stock", "stock")
STOCK_NO_HINTS = Subject("stock-no-hints", "stock, without hints", "stock", "stock", hints=False)
OURS_ON_STOCK = Subject("ours-on-stock", "our driver, stock device", "ours", "stock")
STOCK_ON_OURS = Subject("stock-on-ours", "stock driver, our device", "stock", "ours")
OURS_NO_HINTS = Subject("ours-no-hints", "our driver and device, without hints", "ours", "ours",
                        hints=False)
OURS = Subject("ours", "our driver, our device", "ours", "ours")

INFLATE_SUBJECTS = (STOCK, OURS_ON_STOCK, OURS)
MIGRATE_SUBJECTS = (STOCK_NO_HINTS, STOCK, OURS_ON_STOCK, OURS)

# Not a guest at all: a plain C program that gives its own memory back, or sends it.
LIMIT = Subject("limit", "a C program", "", "")
ALL_SUBJECTS = MIGRATE_SUBJECTS + (STOCK_ON_OURS, OURS_NO_HINTS, LIMIT)
