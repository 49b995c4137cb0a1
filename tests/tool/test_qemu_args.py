# SPDX-License-Identifier: GPL-2.0-or-later
"""fastballoon qemu-args."""
import shlex
import shutil
import subprocess

from vm import PLUGIN, TOOL

DEVICE = ("virtio-fastballoon-pci,id=balloon0,free-page-hint=on,free-page-reporting=on,"
          "deflate-on-oom=on")


def test_plugin_of_the_build_tree(run):
    if not PLUGIN.exists():
        assert run("qemu-args").failed_with("cannot find fastballoon.so", "make")
        return
    result = run("qemu-args")
    assert shlex.split(result.out) == ["-plugin", str(PLUGIN.resolve()), "-device", DEVICE]


def test_json_and_all_options(run, folder):
    plugin = folder / "it's, a plugin.so"
    plugin.touch()
    arguments = ("qemu-args", "--plugin", str(plugin), "--iothread", "--id", "b-1", "--memory", "4G")
    args = run(*arguments, "--json").json["args"]
    assert args == [
        "-m", "4096M", "-plugin", str(plugin).replace(",", ",,"),
        "-object", "iothread,id=iothread-b-1",
        "-device", DEVICE.replace("balloon0", "b-1") + ",iothread=iothread-b-1"]
    assert shlex.split(run(*arguments).out) == args


def test_shell_reads_it_back(run, folder):
    plugin = folder / "a'b\"c $HOME `x` \\n*;.so"
    plugin.touch()
    text = run("qemu-args", "--plugin", str(plugin)).out
    shown = subprocess.run(["sh", "-c", f"printf '%s\\n' {text}"], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    assert shown[1] == str(plugin)


def test_quiet(run, folder):
    (folder / "p.so").touch()
    result = run("qemu-args", "--quiet", "--plugin", str(folder / "p.so"))
    assert (result.status, result.out) == (0, "")


def test_missing_plugin(run):
    result = run("qemu-args", "--plugin", "/nonexistent/p.so")
    assert result.failed_with("cannot find /nonexistent/p.so: No such file")


def test_installed_layout(folder):
    multiarch = subprocess.run(["cc", "-print-multiarch"], capture_output=True, text=True,
                               check=True).stdout.strip()
    (folder / "bin").mkdir()
    tool = shutil.copy(TOOL, folder / "bin/fastballoon")
    missing = subprocess.run([tool, "qemu-args"], capture_output=True, text=True)
    assert missing.returncode == 1 and "neither built nor installed" in missing.stderr
    plugin = folder / "lib" / multiarch / "qemu/fastballoon.so"
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    shown = subprocess.run([tool, "qemu-args"], capture_output=True, text=True, check=True).stdout
    assert shlex.split(shown)[1] == str(plugin)
