# SPDX-License-Identifier: GPL-2.0-or-later
"""What make install-guest installs: DKMS builds it, and modprobe prefers it to virtio_balloon.

Both work in trees of the test's; the running machine's modules are left alone.
"""

import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
KERNEL = (TOP / "build/kernels/default").resolve()
RELEASE = KERNEL.name
MODULES = pathlib.Path("lib/modules") / RELEASE
# As the balloon device names itself to udev, which calls modprobe with it.
DEVICE_ALIAS = "virtio:d00000005v00001AF4"


def output(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=120, **more)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Installed:
    """A root with the module's sources and the kernel's virtio modules."""

    def __init__(self, root):
        self.root = root
        output("make", "-s", "-C", TOP, "install-guest", f"DESTDIR={root}")
        self.version = next((root / "usr/src").iterdir()).name.replace("-", "/")
        virtio = MODULES / "kernel/drivers/virtio"
        shutil.copytree(KERNEL / "modules/kernel/drivers/virtio", root / virtio)
        for name in ("modules.order", "modules.builtin"):
            shutil.copy(KERNEL / "modules" / name, root / MODULES)
        (root / "var/lib/dkms").mkdir(parents=True)

    def dkms(self, command):
        return output("dkms", command, self.version, "-k", RELEASE,
                      "--dkmstree", self.root / "var/lib/dkms", "--sourcetree", self.root / "usr/src",
                      "--installtree", self.root / "lib/modules",
                      "--kernelsourcedir", KERNEL / "headers", "--no-depmod")

    def would_load(self):
        """The modules that modprobe would insert for the device, in order."""
        output("depmod", "-b", self.root, RELEASE)
        shown = output("modprobe", "-n", "-v", "-d", self.root, "-S", RELEASE,
                       "-C", self.root / "etc/modprobe.d", DEVICE_ALIAS)
        return [pathlib.Path(path).stem for path in re.findall(r"^insmod (\S+)", shown, re.MULTILINE)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    for tool in ("dkms", "depmod", "modprobe"):
        if not shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin"):
            pytest.skip(f"{tool} is not installed")
    return Installed(tmp_path_factory.mktemp("root"))


def test_without_a_built_module_the_stock_one_serves(installed):
    assert installed.would_load()[-1] == "virtio_balloon"


def test_dkms_builds_and_installs_it(installed):
    installed.dkms("install")
    assert f"{RELEASE}, x86_64: installed" in installed.dkms("status")
    module = installed.root / MODULES / "updates/dkms/virtio_fastballoon.ko"
    assert output("modinfo", "-F", "vermagic", module).split()[0] == RELEASE
    loaded = installed.would_load()
    assert loaded.index("virtio_fastballoon") < loaded.index("virtio_balloon")


def test_dkms_removes_it(installed):
    installed.dkms("install")
    installed.dkms("uninstall")
    assert installed.would_load()[-1] == "virtio_balloon"
