"""Two clones that share their results through a remote: a real SSH server, and moto's imitation of S3."""

import hashlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from tests.helpers import ENVIRONMENT, NEW_PROCESSES, ROOT, STAGES, attempt, commit, run, set_params, stages_run

PAGE = (ROOT / "docs/sharing.md").read_text()
SSHD = shutil.which("sshd", path=f"/usr/sbin:{ENVIRONMENT['PATH']}")
MODEL = "data/train/model.safetensors"


def documented(command: str) -> list[str]:
    """Return the words of a command, which the page must have."""
    assert re.search(rf"^\$ {re.escape(command)}(  +#.*)?$", PAGE, re.MULTILINE), f"docs/sharing.md lacks {command}"
    return command.split()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder whose SSH configuration knows two hosts: `storage`, a server, and `closed`, with no server."""
    if SSHD is None:
        pytest.skip("sshd is missing; Debian's package is openssh-server")
    if os.geteuid() == 0 and not Path("/run/sshd").is_dir():
        pytest.skip("sshd needs the folder /run/sshd when it is started by root")
    folder = tmp_path / "home/.ssh"
    folder.mkdir(parents=True)
    for name in ("host", "client"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name, cwd=folder)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        port, closed = server.getsockname()[1], other.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/client.pub\n"
        "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    (folder / "config").write_text(
        f"Host storage closed\n  HostName 127.0.0.1\n  IdentityFile {folder}/client\n"
        f"Host storage\n  Port {port}\nHost closed\n  Port {closed}\n"
    )
    command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert any("Server listening" in line for line in process.stderr)
            yield folder.parent
        finally:
            process.terminate()


def test_a_second_clone_gets_results_over_ssh_and_trains_nothing(project: Path, tmp_path: Path, home: Path) -> None:
    def execute(command: str, cwd: Path) -> str:
        return run(*documented(command), cwd=cwd, HOME=str(home))

    storage, hub = tmp_path / "storage", tmp_path / "hub"
    url = "ssh://storage/srv/dvc"
    documented(f"dvc remote add --default storage {url}")
    run("dvc", "remote", "add", "--default", "storage", f"ssh://storage{storage}", cwd=project)
    execute("dvc remote modify storage verify true", project)
    commit(project)
    run("git", "clone", "--quiet", "--bare", str(project), str(hub), cwd=tmp_path)
    execute("dvc push", project)
    assert stages_run(run("dvc", "exp", "run", "-S", "train.seed=1", cwd=project)) == STAGES[2:]
    expected = (project / MODEL).read_bytes()
    text = execute("python -m tools.share", project)
    assert re.search(r"share: pushed \d+ files; this clone has \d+ runs, all on the remote", text)
    assert "share: pushed 0 files" in execute("python -m tools.share", project)

    second = tmp_path / "second"
    run("git", "clone", "--quiet", str(hub), str(second), cwd=tmp_path)
    execute("dvc pull", second)
    assert not stages_run(execute("dvc repro", second))
    set_params(second, {"train": {"seed": 1}})
    output = execute("dvc repro --pull", second)
    assert not stages_run(output)
    assert output.count("is cached - skipping run, checking out outputs") == 4
    assert (second / MODEL).read_bytes() == expected

    # Files that are damaged without DVC's knowledge: permissions as DVC leaves them.
    run("git", "checkout", "--quiet", ".", cwd=second)
    run("dvc", "checkout", cwd=second)
    md5 = re.search(rf"path: {MODEL}\n +hash: md5\n +md5: (\w+)", (second / "dvc.lock").read_text())
    assert md5
    name = f"files/md5/{md5[1][:2]}/{md5[1][2:]}"
    for file in (storage / name, second / ".dvc/cache" / name):
        file.chmod(0o644)
        file.write_bytes(b"x" + file.read_bytes()[1:])
        file.chmod(0o444)
    check = next(line for line in PAGE.splitlines() if line.startswith("$ find ")).removeprefix("$ ")
    result = attempt("sh", "-c", check, cwd=second)
    assert result.returncode
    assert f".dvc/{'cache/' + name}: FAILED" in result.stdout
    assert result.stdout.count("FAILED") == 1
    third = tmp_path / "third"
    run("git", "clone", "--quiet", str(hub), str(third), cwd=tmp_path)
    result = attempt("dvc", "pull", cwd=third, HOME=str(home))
    assert result.returncode
    assert f"Checkout failed for following targets:\n{MODEL}\n" in result.stdout
    assert not (third / MODEL).exists()

    for cache in (storage, project / ".dvc/cache"):  # what `dvc gc` may delete
        (cache / name).unlink(missing_ok=True)
    text = execute("python -m tools.share", project)
    counts = re.search(r"this clone has (\d+) runs, (\d+) of them on the remote; outputs of the others were", text)
    assert counts
    assert int(counts[1]) - int(counts[2]) == 1

    run("dvc", "remote", "modify", "storage", "url", f"ssh://closed{storage}", cwd=project)
    result = attempt("python", "-m", "tools.share", cwd=project, HOME=str(home))
    assert result.returncode == 1
    assert "share: [Errno 111] Connect call failed" in result.stdout
    assert "Traceback" not in result.stdout


def test_a_second_clone_gets_results_from_motos_s3_server(project: Path, tmp_path: Path) -> None:
    credentials = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        run("curl", "--silent", "--fail", "--request", "PUT", f"{endpoint}/my-bucket", cwd=tmp_path)
        run(*documented("dvc remote add --default storage s3://my-bucket/mnist"), cwd=project)
        documented("dvc remote modify storage endpointurl https://s3.example.com")
        run("dvc", "remote", "modify", "storage", "endpointurl", endpoint, cwd=project)
        commit(project)
        run("dvc", "push", cwd=project, **credentials)
        second = tmp_path / "second"
        run("git", "clone", "--quiet", str(project), str(second), cwd=tmp_path)
        run("dvc", "pull", cwd=second, **credentials)
        assert not stages_run(run("dvc", "repro", cwd=second))
    finally:
        server.stop()


def test_a_full_remote_keeps_what_it_has_got(project: Path, tmp_path: Path) -> None:
    """Fill up a disk that is a little too small, and that only the command's mount namespace has."""
    storage, kept = tmp_path / "storage", tmp_path / "kept"
    storage.mkdir()
    size = sum(file.stat().st_size for file in (project / ".dvc/cache/files").rglob("*") if file.is_file())
    namespace = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    mount = f"mount -t tmpfs -o size={size * 9 // 10} tmpfs {storage}"
    if attempt(*namespace, mount, cwd=project).returncode:
        pytest.skip("this system does not let users mount a tmpfs in a namespace of their own")
    run("dvc", "remote", "add", "--default", "storage", str(storage), cwd=project)
    command = f"{mount} && ! dvc push && cp -r {storage} {kept}"
    result = attempt(*namespace, command, cwd=project, **NEW_PROCESSES)  # only they are in the namespace
    assert result.returncode == 0, result.stdout
    assert "No space left on device" in result.stdout
    assert "Traceback" not in result.stdout
    files = [file for file in kept.rglob("*") if file.is_file() and file.suffix != ".tmp"]
    assert files
    assert all(hashlib.md5(file.read_bytes()).hexdigest() == file.parent.name + file.name for file in files)
    run("dvc", "remote", "modify", "storage", "url", str(kept), cwd=project)
    run("dvc", "push", cwd=project)
    assert "Cache and remote 'storage' are in sync" in run("dvc", "status", "--cloud", cwd=project)


def test_without_a_remote_share_says_how_to_add_one(project: Path) -> None:
    result = attempt("python", "-m", "tools.share", cwd=project)
    assert result.returncode == 1
    assert result.stdout.startswith("share: config file error: no remote specified")
