"""Compare decoding a folder of pictures with torchvision's ImageFolder, and measure memory and `dvc repro`.

Run it from the project's root on an idle machine: `python -m benchmarks.folder IDX_FOLDER`, where IDX_FOLDER has
Fashion-MNIST's files, as in Debian's package dataset-fashion-mnist. Its 60,000 training images are written out as PNG
files. The programs alternate, each turn in its own process. Takes three minutes on two cores.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from PIL import Image

from benchmarks.copying import copy_project
from benchmarks.spread import spread
from src.common.params import read_yaml
from src.download.folder import load_folder
from src.download.idx_folder import load_idx_folder
from src.download.params import DownloadParams
from src.params.documentation import render_params

ROUNDS = 5
WORKERS = 2
BATCH = 250
OURS, THEIRS = "this project's load_folder", f"ImageFolder, DataLoader with {WORKERS} workers"


def main() -> None:
    with TemporaryDirectory() as temporary:
        project = copy_project(Path(temporary) / "project")
        photos, few = project / "photos", project / "few"
        decoded = write_pictures(Path(sys.argv[1]), photos, few)
        seconds: dict[str, list[float]] = {OURS: [], THEIRS: []}
        for _ in range(ROUNDS):
            for name, values in seconds.items():
                command = [sys.executable, "-m", "benchmarks.folder", str(photos), name]
                values.append(float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
        for name, values in seconds.items():
            print(f"{name}: {spread(values, '.3g')} s")
        print(f"ratio: {spread([ours / theirs for ours, theirs in zip(*seconds.values(), strict=True)], '.3g')}")

        use_folder(project, few)
        base = peak_memory(project)
        use_folder(project, photos)
        peaks = [peak_memory(project) for _ in range(ROUNDS)]
        print(f"download stage and its workers with {len(list(few.rglob('*.png')))} pictures: {base / 2**20:.0f} MiB")
        print(f"with all: {spread([peak / 2**20 for peak in peaks], '.3g')} MiB; the images: {decoded / 2**20:.0f} MiB")
        print(f"difference / images: {spread([(peak - base) / decoded for peak in peaks], '.3g')}")

        for command in (["git", "init", "--quiet"], ["dvc", "repro", "--quiet", "download"]):
            subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL)
        unchanged = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            output = subprocess.run(
                ["dvc", "repro", "download"], cwd=project, check=True, stdout=subprocess.PIPE
            ).stdout
            unchanged.append(time.perf_counter() - start)
            assert b"up to date" in output
        print(f"dvc repro download, nothing changed: {spread(unchanged, '.3g')} s")


def make_params(folder: Path) -> DownloadParams:
    values = read_yaml(Path("params.yaml"))["download"]
    return DownloadParams.model_validate(values | {"dataset": "folder", "folder": str(folder)})


def use_folder(project: Path, folder: Path) -> None:
    values = read_yaml(project / "params.yaml")
    values["download"] = make_params(folder).model_dump() | {"folder": folder.name}
    (project / "params.yaml").write_text(render_params(values))


def write_pictures(idx: Path, photos: Path, few: Path) -> int:
    """Write the training images to photos, and two per class to few; return the bytes of the decoded images."""
    data, _ = load_idx_folder(make_params(idx))
    for label in range(len(data.classes)):
        for folder, count in ((photos, None), (few, 2)):
            (folder / str(label)).mkdir(parents=True)
            for number in np.flatnonzero(data.labels == label)[:count]:
                Image.fromarray(data.images[number, 0]).save(folder / str(label) / f"{number:05}.png")
    return data.images.nbytes


def measure(photos: Path, name: str) -> float:
    """Return the seconds from the folder to the decoded images in memory, without the time to import libraries."""
    if name == OURS:
        start = time.perf_counter()
        load_folder(make_params(photos))
        return time.perf_counter() - start
    import torch
    from torch.utils.data import DataLoader

    from src.download.idx_datasets import import_torchvision

    torchvision = import_torchvision()
    transforms = torchvision.transforms
    start = time.perf_counter()
    decode = transforms.Compose([transforms.Grayscale(), transforms.PILToTensor()])
    dataset = torchvision.datasets.ImageFolder(str(photos), decode)
    torch.cat([images for images, _ in DataLoader(dataset, BATCH, num_workers=WORKERS)])
    return time.perf_counter() - start


def peak_memory(project: Path) -> int:
    """Return the largest total resident memory, in bytes, of the download stage and its processes.

    Pages that the processes share are counted for each of them.
    """
    command = [sys.executable, "-m", "stages", "download"]
    with subprocess.Popen(command, cwd=project, env=os.environ, stdout=subprocess.DEVNULL) as stage:
        peak, process = 0, psutil.Process(stage.pid)
        while stage.poll() is None:
            with suppress(psutil.NoSuchProcess):
                total = sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
                peak = max(peak, total)
            time.sleep(0.005)
    assert stage.returncode == 0
    return peak


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(measure(Path(sys.argv[1]), sys.argv[2]))
    else:
        main()
