# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest is made of, and the QEMU command line that follows from it."""

from dataclasses import dataclass, field

from . import paths

# As Debian's defaults leave the memory settings; the rest makes failures visible at once. The
# check of the timer takes a virtual processor that has to wait for a host's for a broken board.
KERNEL_ARGS = (
    "console=ttyS0", "panic=-1", "oops=panic", "panic_on_warn=1", "random.trust_cpu=on",
    "no_timer_check", "rdinit=/init",
)
BALLOON_ID = "balloon0"
BALLOON_PATH = "/machine/peripheral/" + BALLOON_ID
DEVICE_TYPES = {"stock": "virtio-balloon-pci", "ours": "virtio-fastballoon-pci"}


@dataclass
class GuestConfig:
    """A guest: its size, its balloon device and its driver.

    device: "stock", "ours" or None. driver: "stock", "ours" or None (no driver is loaded).
    device_options: properties of the device beside those that have a field here.
    tcg_flush: None leaves the plugin's default; "on" or "off" loads the plugin with it, also
    beside a stock device.
    qmp_path: a further QMP socket, for a client that is no part of the harness.
    disk_mib: size of a disk /dev/vda that reads zero and keeps nothing; 0: none.
    initramfs: another archive than the tests' own.
    launcher: a command that executes the command that follows it, for what QEMU inherits.
    preallocated: QEMU backs all of the guest's memory before it starts.
    plugin: another shared object than the one that was built to be used.
    nodes: NUMA nodes, which share memory evenly and get a processor each.
    hotplug_mib: memory that may be plugged in beside memory_mib, as NUMA node 1, which has
    neither memory nor processors until then.
    disk_file: what a disk /dev/vda that is only read holds.
    gigantic_pages: the processor knows pages of 1 GiB, also where it is an emulated one.
    """

    memory_mib: int = 1024
    cpus: int = 2
    machine: str = "q35"
    device: str = "ours"
    driver: str = "ours"
    driver_params: str = ""
    hint: bool = False
    reporting: bool = False
    deflate_on_oom: bool = True
    iothread: bool = False
    device_options: dict = field(default_factory=dict)
    kernel_args: tuple = ()
    tcg_flush: str = None
    qmp_path: str = None
    disk_mib: int = 0
    initramfs: str = None
    launcher: tuple = ()
    preallocated: bool = False
    plugin: str = None
    nodes: int = 1
    hotplug_mib: int = 0
    disk_file: str = None
    gigantic_pages: bool = False

    def qemu_args(self):
        """The options that make this guest, without accelerator, sockets and log."""
        args = [
            "-machine", self.machine, "-m", self._memory_size(), "-smp", self._processors(),
            "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", str(paths.kernel_image()), "-initrd", str(self.initramfs or paths.initramfs()),
            "-append", " ".join(KERNEL_ARGS + tuple(self.kernel_args)),
        ]
        if self.preallocated:
            args += ["-object", f"memory-backend-ram,id=ram,size={self.memory_mib}M,prealloc=on",
                     "-machine", "memory-backend=ram"]
        if self.gigantic_pages:
            args += ["-global", "qemu64-x86_64-cpu.pdpe1gb=on"]
        if self.qmp_path:
            args += ["-qmp", f"unix:{self.qmp_path},server=on,wait=off"]
        args += self._node_args() + self._disk_args()
        return args + self._plugin_args() + self._device_args()

    def _disk_args(self):
        if self.disk_file:
            # Not locked: both sides of a migration have it open.
            return ["-blockdev", "driver=raw,node-name=disk0,read-only=on,file.driver=file,"
                                 f"file.locking=off,file.filename={self.disk_file}",
                    "-device", "virtio-blk-pci,drive=disk0"]
        if not self.disk_mib:
            return []
        return ["-blockdev", f"driver=null-co,node-name=disk0,size={self.disk_mib << 20},"
                             "read-zeroes=on", "-device", "virtio-blk-pci,drive=disk0"]

    def _processors(self):
        return f"{self.cpus},sockets={self.nodes}"

    def _memory_size(self):
        size = f"{self.memory_mib}M"
        if self.hotplug_mib:
            size += f",slots=2,maxmem={self.memory_mib + self.hotplug_mib}M"
        return size

    def _node_args(self):
        args = []
        if self.hotplug_mib:
            args += ["-object", f"memory-backend-ram,id=node0,size={self.memory_mib}M",
                     "-numa", f"node,nodeid=0,memdev=node0,cpus=0-{self.cpus - 1}",
                     "-numa", "node,nodeid=1"]
        for node in range(self.nodes if self.nodes > 1 else 0):
            args += ["-object", f"memory-backend-ram,id=node{node},"
                                f"size={self.memory_mib // self.nodes}M",
                     "-numa", f"node,nodeid={node},memdev=node{node},cpus={node}"]
        return args

    def _plugin_args(self):
        if self.device != "ours" and self.tcg_flush is None:
            return []
        option = self.plugin or str(paths.plugin())
        if self.tcg_flush is not None:
            option += f",tcg-flush={self.tcg_flush}"
        return ["-plugin", option]

    def _device_args(self):
        if self.device is None:
            return []
        args = []
        options = {
            "id": BALLOON_ID,
            "free-page-hint": _on_off(self.hint),
            "free-page-reporting": _on_off(self.reporting),
            "deflate-on-oom": _on_off(self.deflate_on_oom),
        }
        if self.iothread:
            args += ["-object", "iothread,id=iothread0"]
            options["iothread"] = "iothread0"
        options.update(self.device_options)
        text = ",".join(f"{name}={value}" for name, value in options.items())
        return args + ["-device", f"{DEVICE_TYPES[self.device]},{text}"]


def _on_off(value):
    return "on" if value else "off"
