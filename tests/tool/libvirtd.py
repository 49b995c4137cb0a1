# SPDX-License-Identifier: GPL-2.0-or-later
"""A libvirtd of our own: a session daemon with every file below one folder, and one domain."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

from vm import PARKED, PLUGIN

NOBODY = 65534
START_LIMIT_S = 20
DOMAIN = "parked"

XML = """<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <memory unit='MiB'>256</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type><loader type='rom'>{folder}/bios</loader></os>
  <on_crash>destroy</on_crash>
  <devices><memballoon model='none'/></devices>
  <qemu:commandline>
    <qemu:arg value='-plugin'/><qemu:arg value='{folder}/fastballoon.so'/>
    <qemu:arg value='-device'/>
    <qemu:arg value='virtio-fastballoon-pci,id=balloon0,free-page-hint=on,addr=0x10'/>
  </qemu:commandline>
</domain>
"""


class Missing(Exception):
    """What a libvirtd would need and this machine does not have."""


def find(program):
    """A program's path, also among those for administrators."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not path:
        raise Missing(f"{program} is not installed")
    return path


class Libvirtd:
    """The daemon runs as nobody where the tests run as root, since root has one daemon only."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        daemon = find("libvirtd")
        self._virsh = find("virsh")
        self._prepare()
        self._log = open(self.folder / "log", "w+", encoding="utf-8", errors="replace")
        command = [daemon, "--config", f"{self.folder}/config/libvirt/libvirtd.conf"]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY),
                       "--clear-groups"] + command
        self._process = subprocess.Popen(command, env=self._environment(), stdout=self._log,
                                         stdin=subprocess.DEVNULL, stderr=self._log)
        socket = self.folder / "run/libvirt/libvirt-sock"
        self.uri = f"qemu+unix:///session?socket={socket}"
        try:
            self._await(socket)
            self.virsh("create", f"{self.folder}/domain.xml")
        except BaseException:
            self.close()
            raise

    def _prepare(self):
        for name in ("run", "config/libvirt", "cache", "data"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "config/libvirt/qemu.conf").write_text(
            'stdio_handler = "file"\nsecurity_driver = "none"\ncgroup_controllers = []\n'
            "namespaces = []\n")
        (self.folder / "config/libvirt/libvirtd.conf").write_text('auth_unix_rw = "none"\n')
        (self.folder / "bios").write_bytes(PARKED)
        (self.folder / "domain.xml").write_text(XML.format(name=DOMAIN, folder=self.folder))
        shutil.copy(PLUGIN, self.folder)
        os.chmod(self.folder.parent, 0o755)
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)

    def _environment(self):
        return os.environ | {"HOME": str(self.folder),
                             "XDG_RUNTIME_DIR": f"{self.folder}/run",
                             "XDG_CONFIG_HOME": f"{self.folder}/config",
                             "XDG_CACHE_HOME": f"{self.folder}/cache",
                             "XDG_DATA_HOME": f"{self.folder}/data"}

    def _await(self, socket):
        deadline = time.monotonic() + START_LIMIT_S
        while not socket.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._log.seek(0)
                raise Missing(f"libvirtd does not start here: {self._log.read()[-500:]}")
            time.sleep(0.05)

    def virsh(self, *arguments):
        """Run a command of virsh's; returns what it writes."""
        done = subprocess.run([self._virsh, "-q", "-c", self.uri, *arguments], text=True,
                              env=self._environment(), capture_output=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"virsh {arguments[0]}: {done.stderr}")
        return done.stdout

    def close(self):
        """End the domain and the daemon."""
        for pid_file in self.folder.glob(f"run/libvirt/qemu/run/{DOMAIN}.pid"):
            try:
                os.kill(int(pid_file.read_text()), signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.terminate()
        self._process.wait()
        self._log.close()
