"""Stage 3, train: images, labels and the split -> a trained network, its history and its metrics."""

from pathlib import Path

import torch

from src.checkpoint import Checkpoint, checkpoint_key
from src.device import choose_device, choose_precision, describe_environment, keep_freed_memory, make_exact
from src.epoch import Images
from src.files import load_arrays, write_bytes, write_csv, write_json
from src.model import Architecture, ConvNet, ModelParams, network_bytes
from src.params import Sections, read_params
from src.run import run
from src.train import Epoch, TrainParams, best_epoch, train

IMAGES = Path("data/download/train.npz")
INDICES = Path("data/split/indices.npz")
MODEL = Path("data/train/model.safetensors")
HISTORY = Path("data/train/history.csv")
METRICS = Path("data/train/metrics.json")
LAYERS = Path("data/train/layers.csv")
ENVIRONMENT = Path("data/train/environment.json")
CHECKPOINTS = Path(".checkpoints")  # outside data: DVC removes a stage's outputs before it runs


class Params(Sections):
    model: ModelParams
    train: TrainParams


def main() -> None:
    params = read_params(Params)
    data, indices = load_arrays(IMAGES, "images", "labels", "classes"), load_arrays(INDICES, "train", "validation")
    device = choose_device(params.train.device, "train.device")
    precision = choose_precision(params.train.precision, device)
    make_exact(device, params.train.threads)
    keep_freed_memory()
    environment = describe_environment(device, precision)
    checkpoint = Checkpoint(CHECKPOINTS, checkpoint_key(f"{params} {environment}", [IMAGES, INDICES, Path(__file__)]))

    torch.manual_seed(params.train.seed)
    image_shape = data["images"].shape[1:]
    network = ConvNet(Architecture(model=params.model, image_shape=image_shape, classes=data["classes"].tolist()))
    print(network.table())
    print(f"train: on {device} in {environment['precision']}, at most {params.train.epochs} epochs", flush=True)
    training, validation = (
        Images(*(torch.from_numpy(data[name][indices[side]]).to(device) for name in ("images", "labels")))
        for side in ("train", "validation")
    )
    history = train(network, training, validation, params.train, precision, checkpoint)

    best = best_epoch(history)
    metrics = {name: getattr(best, name) for name in ("train_loss", "validation_loss", "validation_accuracy")}
    write_bytes(MODEL, network_bytes(network))
    write_csv(HISTORY, Epoch._fields, history)
    write_csv(LAYERS, ("layer", "shape", "parameters"), network.layer_rows())
    write_json(METRICS, {"best_epoch": best.epoch, **metrics})
    write_json(ENVIRONMENT, environment)
    checkpoint.remove()
    print(f"train: kept epoch {best.epoch}, {best.validation_accuracy:.2%} of the validation images right")


if __name__ == "__main__":
    run(main)
