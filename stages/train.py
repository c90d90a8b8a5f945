"""Stage 3: train the network, or an ensemble of networks, on the training set."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch.distributed import is_torchelastic_launched

from src.common.artifacts import RELIABLE_ACCURACY, EpochMetrics, LayerSize, Suspect
from src.common.dataset import Dataset, Split
from src.common.files import shared_folder, write_bytes, write_csv, write_json
from src.common.text import count
from src.network.backbone import extract_features
from src.network.device import choose_device
from src.network.model_file import encode_networks
from src.params.params import read_params
from src.train.augmentation import draw_examples
from src.train.checkpoint import CHECKPOINTS, Checkpoint, checkpoint_key
from src.train.ensemble import train_ensemble
from src.train.params import TrainSections
from src.train.processes import ALONE, Group, check_process_count, choose_process_count, join_group, launch
from src.train.runtime import set_up_runtime
from src.train.suspects import find_suspects

IMAGES, SPLIT = Path("data/download/train.npz"), Path("data/split/indices.npz")
MODEL, METRICS = Path("data/train/model.safetensors"), Path("data/train/metrics.json")
HISTORY, LAYERS = Path("data/train/history.csv"), Path("data/train/layers.csv")
AUGMENTED, ENVIRONMENT = Path("data/train/augmented.png"), Path("data/train/environment.json")
SUSPECTS = Path("data/train/suspects.csv")


def main() -> Callable[[], None] | None:
    """Train; the process that has written the outputs returns the function that removes the checkpoints."""
    if is_torchelastic_launched():
        with join_group() as group:
            return train(read_sections(), group)
    sections = read_sections()
    processes = choose_process_count(sections.train)
    if processes > 1:
        launch(processes, "stages", "train")
        return None
    return train(sections, ALONE)


def read_sections() -> TrainSections:
    """Read the sections of params.yaml that training depends on."""
    params = read_params()
    return TrainSections(params.model, params.augment, params.train)


def train(params: TrainSections, group: Group) -> Callable[[], None] | None:
    """Train with the other processes of the group; process 0 writes the outputs, and returns a function to clean up."""
    check_process_count(group.size, params.train)
    data, split = Dataset.load(IMAGES), Split.load(SPLIT)
    group.connect(choose_device(params.train.device, "train.device"))  # before set_up_runtime describes this GPU
    features = extract_features(params.model.backbone, data.images, params.train.threads)
    runtime = set_up_runtime(params.train, params.model, features is not None)
    key = checkpoint_key(params, runtime.environment, [IMAGES, SPLIT], features and features.backbone)
    group.check_same({**vars(runtime.environment), "code, data and parameters": key})
    open_checkpoint = partial(Checkpoint, shared_folder(CHECKPOINTS), key)
    write_history = partial(write_csv, HISTORY, EpochMetrics)  # after every epoch, for live curves
    on_epoch = write_history if group.rank == 0 else lambda history: None
    if params.train.members > 1 and group.size > 1:
        # Each process trains some of the networks alone; below, process 0 only loads all checkpoints.
        print(f"train: {group.size} processes share the networks; below is the progress of one process", flush=True)
        for member in range(group.rank, params.train.members, group.size):
            train_ensemble(data, split, params.of_member(member), runtime, open_checkpoint, on_epoch, features=features)
        group.barrier()
        if group.rank:
            return None
        group = ALONE
        print("train: all networks are trained", flush=True)
    open_checkpoint = partial(open_checkpoint, group=group)
    ensemble = train_ensemble(data, split, params, runtime, open_checkpoint, on_epoch, group, features)
    if group.rank:
        return None
    write_bytes(MODEL, encode_networks(ensemble.networks))
    write_json(METRICS, ensemble.metrics())
    write_history(ensemble.history)
    write_csv(LAYERS, LayerSize, ensemble.networks[0].layer_sizes())
    write_bytes(AUGMENTED, draw_examples(data.images, params.augment, params.train.seed))
    taken = features.values if features else data.images
    suspects = find_suspects(data, taken, split, ensemble.doubts, ensemble.networks)
    write_csv(SUSPECTS, Suspect, suspects, ".6f")
    write_json(ENVIRONMENT, runtime.environment.model_dump(exclude_none=True))
    accuracy = ensemble.best.validation_accuracy
    doubt = ""
    if suspects and accuracy < RELIABLE_ACCURACY:
        disputed = f"the network contradicts {1 - accuracy:.0%} of the validation labels"
        doubt = f" ({disputed}, so many of these labels may be right)"
    elif suspects and params.train.class_weights == "balanced":
        doubt = " (class weights favour rare classes, so many of these labels may be right if their class is common)"
    print(f"train: {count('image', len(suspects))} may have a wrong label{doubt}; see the report, or {SUSPECTS}")
    return ensemble.remove_checkpoints
