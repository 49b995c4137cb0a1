# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that uses all of its memory in every way, through many migrations of many rounds.

FB_MIGRATIONS is the number of migrations between our driver and our device; a fifth as many are
done with the stock device. `make check-migration` makes it 50.
"""

import os
import random

import pytest

from harness import content
from harness.config import BALLOON_PATH
from harness.migration import migrate
from pairs import MIB, OURS_ON_OURS, OURS_ON_STOCK, pair_config, pair_name, wait_for

MIGRATIONS = int(os.environ.get("FB_MIGRATIONS", "10"))
MEMORY_MIB = 640
KINDS = ("tmpfs", "mapped", "shared", "disk", "pressure")
DISK_MIB = 48
# Bandwidth in MiB/s and downtime in ms; the guest writes more than most of them carry.
PACES = ((200, 300), (120, 1000), (102400, 2000), (300, 200), (100, 1500))
# Of so many migrations one compares the memory, and another one holds what it hints: the content
# of held pages is nobody's, so the two do not go together.
ONE_IN = 3


@pytest.fixture(scope="module")
def disk_file(tmp_path_factory):
    """A disk each page of which holds its number in every word."""
    path = tmp_path_factory.mktemp("disk") / "numbered"
    with open(path, "wb") as disk:
        for page in range(DISK_MIB * MIB // content.PAGE):
            disk.write(page.to_bytes(8, "little") * (content.PAGE // 8))
    return str(path)


@pytest.fixture
def worker(own_guest, disk_file):
    """A function that boots a guest of a pair, with hints of all orders, and lets it work."""
    def boot(pair):
        guest = own_guest(
            pair_config(pair, memory_mib=MEMORY_MIB, driver_params="hint_min_order=0",
                        disk_file=disk_file), f"many-{pair_name(pair)}", copies=2)
        memory_map = content.MemoryMap(guest)
        guest.command("insmod virtio_blk")
        guest.start_verifier(32, rate_mib_s=30)
        guest.start_work(24)
        return guest, memory_map
    return boot


def set_hints(guest, mode):
    """How our device asks for hints, of all orders."""
    for name, value in (("fastballoon-hints", mode), ("fastballoon-hint-min-order", 0)):
        guest.qmp("qom-set", path=BALLOON_PATH, property=name, value=value)


def options(guest, memory_map, number):
    """Options of migration `number`; where there is a memory map, some compare the memory."""
    bandwidth, downtime_ms = PACES[number % len(PACES)]

    def prepare():
        if guest.config.device == "ours":
            set_hints(guest, "held" if number % ONE_IN == 1 else "on")
        guest.qmp("migrate-set-parameters", max_bandwidth=bandwidth * MIB,
                  downtime_limit=downtime_ms, cpu_throttle_initial=40, cpu_throttle_increment=20)

    def check(source, destination):
        result = content.compare(memory_map, guest, source, destination)
        assert not result.different, result.text

    compares = memory_map and number % ONE_IN == 0
    return {"prepare": prepare, "capabilities": ("auto-converge",),
            "stopped": check if compares else None}


def check_work(guest, before):
    """Every process goes on, and none has lost anything."""
    def gone_on():
        now = guest.work_verdict()
        return now["lost"] or all(now[kind] > before[kind] for kind in KINDS)

    assert wait_for(gone_on, 60), f"stuck: {before} -> {guest.work_verdict()}"
    verdict = guest.work_verdict()
    assert not verdict["lost"], verdict
    assert guest.verdict().text == "ok"
    guest.check_kernel_log()


@pytest.mark.parametrize("pair, migrations", [
    pytest.param(OURS_ON_OURS, MIGRATIONS, id="ours-on-ours"),
    pytest.param(OURS_ON_STOCK, max(MIGRATIONS // 5, 1), id="ours-on-stock"),
])
def test_working_guest(worker, pair, migrations):
    """Nothing is lost, whatever the pace; some migrations take many rounds."""
    guest, memory_map = worker(pair)
    sizes = random.Random(11)
    results = []
    for number in range(migrations):
        check_work(guest, guest.work_verdict())
        hinted = guest.driver_stats()["hinted_pages"]
        if number % 4 == 1:
            guest.qmp("balloon", value=sizes.randrange(500, MEMORY_MIB) * MIB)
        # On the stock device, pages that are held in mid-hint have nobody's content.
        compared = memory_map if pair is OURS_ON_OURS else None
        results.append(migrate(guest, **options(guest, compared, number)))
        assert guest.driver_stats()["hinted_pages"] > hinted
    check_work(guest, guest.work_verdict())
    rounds = [result.rounds for result in results]
    print(f"rounds: {rounds}, ms: {[result.total_ms for result in results]}, {guest.work_verdict()}")
    assert max(rounds) >= 4, rounds
