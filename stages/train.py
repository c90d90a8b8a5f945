"""Stage 3: train the network, or an ensemble of networks, on the training set."""

from functools import partial
from pathlib import Path

from torch.distributed import is_torchelastic_launched

from src.common.cli import run_cli
from src.common.files import load_arrays, write_bytes, write_csv, write_json
from src.network.device import choose_device
from src.settings.all_params import read_stage_params
from src.train.augmentation import draw_examples
from src.train.checkpoint import Checkpoint, checkpoint_folder, checkpoint_key
from src.train.ensemble import train_ensemble
from src.train.history import EpochMetrics
from src.train.params import TrainStageParams as Params
from src.train.processes import ALONE, Group, check_process_count, choose_process_count, join_group, launch
from src.train.runtime import set_up_runtime

IMAGES, INDICES = Path("data/download/train.npz"), Path("data/split/indices.npz")
MODEL, METRICS = Path("data/train/model.safetensors"), Path("data/train/metrics.json")
HISTORY, LAYERS = Path("data/train/history.csv"), Path("data/train/layers.csv")
AUGMENTED, ENVIRONMENT = Path("data/train/augmented.png"), Path("data/train/environment.json")


def main() -> None:
    if is_torchelastic_launched():
        with join_group() as group:
            train(read_stage_params(Params), group)
        return
    params = read_stage_params(Params)
    count = choose_process_count(params.train)
    if count > 1:
        launch(count, "stages.train")
    else:
        train(params, ALONE)


def train(params: Params, group: Group) -> None:
    """Train with the other processes of the group; process 0 writes the outputs."""
    check_process_count(group.size, params.train)
    arrays = load_arrays(IMAGES, "images", "labels", "classes", "fit")
    rows = load_arrays(INDICES, "train", "validation")
    group.connect(choose_device(params.train.device, "train.device"))  # before the description of this process's GPU
    runtime = set_up_runtime(params.train, params.model)
    key = checkpoint_key(params, runtime.environment, [IMAGES, INDICES, Path(__file__)])
    group.check_same({**runtime.environment, "code, data and parameters": key})
    open_checkpoint = partial(Checkpoint, checkpoint_folder(Path.cwd()), key)
    write_history = partial(write_csv, HISTORY, EpochMetrics._fields)  # after every epoch, for live curves
    on_epoch = write_history if group.rank == 0 else lambda history: None
    if params.train.members > 1 and group.size > 1:
        # Each process trains some of the networks alone; below, process 0 only loads the checkpoints of all.
        for member in range(group.rank, params.train.members, group.size):
            train_ensemble(arrays, rows, params.of_member(member), runtime, open_checkpoint, on_epoch)
        group.barrier()
        if group.rank:
            return
        group = ALONE
    ensemble = train_ensemble(arrays, rows, params, runtime, partial(open_checkpoint, group=group), on_epoch, group)
    if group.rank:
        return
    write_bytes(MODEL, ensemble.model_file())
    write_json(METRICS, ensemble.metrics())
    write_history(ensemble.history)
    write_csv(LAYERS, ("layer", "shape", "parameters"), ensemble.networks[0].layer_rows())
    write_bytes(AUGMENTED, draw_examples(arrays["images"], params.augment, params.train.seed))
    write_json(ENVIRONMENT, runtime.environment)
    ensemble.remove_checkpoints()


if __name__ == "__main__":
    run_cli(main)
