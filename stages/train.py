"""Stage 3: train the network, or an ensemble of networks, on the training set."""

from functools import partial
from pathlib import Path

from src.common.cli import run_cli
from src.common.files import load_arrays, write_bytes, write_csv, write_json
from src.settings.all_params import read_stage_params
from src.train.augmentation import draw_examples
from src.train.checkpoint import Checkpoint, checkpoint_folder, checkpoint_key
from src.train.ensemble import train_ensemble
from src.train.history import EpochMetrics
from src.train.params import TrainStageParams as Params
from src.train.runtime import set_up_runtime

IMAGES, INDICES = Path("data/download/train.npz"), Path("data/split/indices.npz")
MODEL, METRICS = Path("data/train/model.safetensors"), Path("data/train/metrics.json")
HISTORY, LAYERS = Path("data/train/history.csv"), Path("data/train/layers.csv")
AUGMENTED, ENVIRONMENT = Path("data/train/augmented.png"), Path("data/train/environment.json")


def main() -> None:
    params = read_stage_params(Params)
    arrays = load_arrays(IMAGES, "images", "labels", "classes", "fit")
    rows = load_arrays(INDICES, "train", "validation")
    runtime = set_up_runtime(params.train, params.model)
    key = checkpoint_key(params, runtime.environment, [IMAGES, INDICES, Path(__file__)])
    open_checkpoint = partial(Checkpoint, checkpoint_folder(Path.cwd()), key)
    write_history = partial(write_csv, HISTORY, EpochMetrics._fields)  # after every epoch, for live curves
    ensemble = train_ensemble(arrays, rows, params, runtime, open_checkpoint, write_history)
    write_bytes(MODEL, ensemble.model_file())
    write_json(METRICS, ensemble.metrics())
    write_history(ensemble.history)
    write_csv(LAYERS, ("layer", "shape", "parameters"), ensemble.networks[0].layer_rows())
    write_bytes(AUGMENTED, draw_examples(arrays["images"], params.augment, params.train.seed))
    write_json(ENVIRONMENT, runtime.environment)
    ensemble.remove_checkpoints()


if __name__ == "__main__":
    run_cli(main)
