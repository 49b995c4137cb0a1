# SPDX-License-Identifier: GPL-2.0-or-later
"""The aggregator counts what happened, and nothing that goes wrong counts as passed."""
import importlib.util
import os
import pathlib
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def check(tmp_path, monkeypatch):
    """scripts/check.py as a module that writes into a folder of the test's."""
    spec = importlib.util.spec_from_file_location("check", TOP / "scripts/check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "XML_DIR", tmp_path)
    return module


@pytest.fixture
def suite(check, tmp_path):
    """Runs one file of tests as a suite and returns the tally."""
    def run(source, seconds=60):
        folder = tmp_path / "suite"
        folder.mkdir()
        if source:
            (folder / "test_it.py").write_text(source)
        tally = check.Tally()
        check.run_pytest(tally, "it", str(folder), seconds, dict(os.environ))
        return tally
    return run


def test_counts(suite):
    tally = suite("import pytest\n"
                  "def test_a(): pass\n"
                  "def test_b(): pass\n"
                  "def test_c(): assert 1 == 2, 'one is not two'\n"
                  "def test_d(): pytest.skip('no KVM here')\n")
    assert tally.closing_line() == "2 passed, 1 failed, 1 skipped"
    assert "one is not two" in tally.failures[0] and "no KVM here" in tally.skips[0]


@pytest.mark.parametrize("source, reason", [
    ("import os\ndef test_a(): os._exit(0)\n", "without results"),
    ("syntax error\n", "collection failure"),
    ("", "holds no test"),
])
def test_broken_suite_fails(suite, source, reason):
    tally = suite(source)
    assert len(tally.failures) == 1 and reason in tally.failures[0]


def test_suite_out_of_time_is_ended(suite, tmp_path):
    child = tmp_path / "child"
    tally = suite("import pathlib, subprocess, time\n"
                  "def test_a():\n"
                  "    child = subprocess.Popen(['sleep', '300'])\n"
                  f"    pathlib.Path({str(child)!r}).write_text(str(child.pid))\n"
                  "    time.sleep(300)\n", seconds=3)
    assert "not done after 3 s" in tally.failures[0] and tally.passed == 0
    deadline = time.monotonic() + 5
    while is_running(int(child.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(int(child.read_text()))


def test_suite_out_of_time_tidies_up(suite, tmp_path):
    tidied = tmp_path / "tidied"
    suite("import pathlib, pytest, time\n"
          "@pytest.fixture\n"
          "def guest():\n"
          "    yield\n"
          f"    pathlib.Path({str(tidied)!r}).touch()\n"
          "def test_a(guest): time.sleep(300)\n", seconds=10)
    assert tidied.exists()


def is_running(pid):
    """Whether the process exists and is more than a zombie."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_folder_that_is_missing_fails(check, tmp_path):
    tally = check.Tally()
    check.run_pytest(tally, "it", str(tmp_path / "nowhere"), 10, dict(os.environ))
    assert tally.closing_line() == "0 passed, 1 failed, 0 skipped"


@pytest.mark.parametrize("script, reason", [
    ("exit 0", "without results"),
    ("kill -SEGV $$", "without results"),
    ('echo "<testsuites/>" >"$(echo "$CMOCKA_XML_FILE" | sed s/%g/g/)"; exit 3', "status 3"),
])
def test_program_that_crashes_fails(check, tmp_path, script, reason):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    tally = check.Tally()
    check.run_program(tally, "unit", str(program), 10, dict(os.environ))
    assert len(tally.failures) == 1 and reason in tally.failures[0]


def test_program_of_cmocka_is_counted(check, tmp_path):
    program = tmp_path / "program"
    program.write_text("""#!/bin/sh
cat >"$(echo "$CMOCKA_XML_FILE" | sed s/%g/g/)" <<END
<testsuites><testsuite name="g"><testcase name="a"/>
<testcase name="b"><failure><![CDATA[0 != 1]]></failure></testcase>
<testcase name="c"><skipped/></testcase></testsuite></testsuites>
END
exit 1
""")
    program.chmod(0o755)
    tally = check.Tally()
    check.run_program(tally, "unit", str(program), 10, dict(os.environ))
    assert tally.closing_line() == "1 passed, 1 failed, 1 skipped"
