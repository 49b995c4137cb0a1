# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets that are no QMP: one clear line, status 1, and never a hang."""
import os
import shutil
import socket
import subprocess
import time

import pytest

from vm import GREETING, TOOL, Played, send


def greet(client):
    stream = client.makefile("rw", encoding="utf-8")
    send(stream, GREETING)
    stream.readline()
    return stream


def endless(client):
    while True:
        client.sendall(b"x" * 65536)


def lines_without_end(client):
    while True:
        client.sendall(b"{}\n" * 1000)


def endless_after_greeting(client):
    greet(client)
    endless(client)


@pytest.mark.parametrize("serve, text", [
    (lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "else than JSON"),
    (lambda client: client.sendall(b"\x00\xff\xfe\x80garbage\n"), "else than JSON"),
    (lambda client: client.sendall(b'["QMP"]\n'), "else than JSON"),
    (lambda client: client.sendall(b"[" * 100000 + b"\n"), "else than JSON"),
    (lambda client: client.sendall(b'{"hello": "world"}\n'), "no QMP greeting"),
    (lines_without_end, "no QMP greeting"),
    (lambda client: client.shutdown(socket.SHUT_RDWR), "without a greeting"),
    (endless, "a line of more than 1 MiB"),
    (endless_after_greeting, "a line of more than 1 MiB"),
], ids=["http", "bytes", "array", "deep", "other-object", "objects", "closed", "endless",
        "endless-later"])
def test_what_is_no_qmp(run, peer, serve, text):
    listening = peer(serve)
    result = run("status", "--qmp", listening.socket)
    assert result.failed_with(f"{listening.socket} is not a QMP socket: ", text)
    assert "-qmp unix:" in result.err


def drip(client):
    while True:
        client.sendall(b" ")
        time.sleep(0.1)


def test_silent_peers_end_in_time(start, peer, stock):
    """One sends nothing, one drips, and a QEMU is held by another client; all at once."""
    holder = socket.socket(socket.AF_UNIX)
    holder.connect(stock.socket)
    holder.recv(1)
    begin = time.monotonic()
    silent = start("status", socket=peer(lambda client: client.recv(1)).socket)
    dripping = start("status", socket=peer(drip).socket)
    held = start("status", socket=stock.socket)
    texts = [process.communicate(timeout=15)[1] for process in (silent, dripping, held)]
    holder.close()
    assert time.monotonic() - begin < 8
    assert [process.returncode for process in (silent, dripping, held)] == [1, 1, 1]
    assert "is not a QMP socket: it sent no greeting within 5 s, or another client holds" in texts[0]
    assert "is not a QMP socket: what it sent is no complete line" in texts[1]
    assert "another client holds it; close the other client" in texts[2]


def test_json_error_is_an_object_too(run, peer):
    listening = peer(lambda client: client.sendall(b"garbage\n"))
    result = run("status", "--json", "--qmp", listening.socket)
    assert result.status == 1 and set(result.json) == {"error"}
    assert "is not a QMP socket" in result.json["error"]["cause"]
    assert "-qmp unix:" in result.json["error"]["remedy"]


def test_control_characters_reach_no_terminal(run, peer):
    played = Played(query_status=RuntimeError("\x1b[2J\x07 evil\n line"))
    result = run("status", socket=peer(played).socket)
    assert result.failed_with("?[2J? evil? line") and "\x1b" not in result.err


def test_qemu_that_goes_away(run, peer):
    result = run("status", socket=peer(Played(query_kvm=None)).socket)
    assert result.failed_with("QEMU closed the connection")


def test_missing_socket(run, folder):
    assert run("status", "--qmp", f"{folder}/none").failed_with("No such file", "-qmp unix:")


def test_file_that_is_no_socket(run, folder):
    (folder / "file").write_text("text")
    result = run("status", "--qmp", f"{folder}/file")
    assert result.failed_with("is not a QMP socket: it is not a socket")


def test_datagram_socket(run, folder):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(f"{folder}/dgram")
        result = run("status", "--qmp", f"{folder}/dgram")
    assert result.failed_with("is not a QMP socket: it is not a stream socket")


def test_socket_nobody_listens_on(run, folder):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"{folder}/dead")
    assert run("status", "--qmp", f"{folder}/dead").failed_with("refused", "VM still runs")


def test_path_too_long(run):
    assert run("status", "--qmp", "/tmp/" + "x" * 120).failed_with("longer than 107 bytes")


def test_socket_of_another_user(folder, peer):
    """Root may do all, so a copy of the tool runs as somebody else where the tests run as root."""
    listening = peer(Played())
    os.chmod(listening.socket, 0)
    for path in (folder, folder.parent):
        os.chmod(path, 0o755)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    tool = shutil.copy(TOOL, folder / "fastballoon")
    process = subprocess.run([tool, "status", "--qmp", listening.socket], text=True, timeout=10,
                             stdin=subprocess.DEVNULL, capture_output=True, **nobody)
    assert process.returncode == 1
    assert "Permission denied; run as the user that QEMU runs as" in process.stderr
