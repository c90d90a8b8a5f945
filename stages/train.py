"""Stage 3, train: images, labels and the split -> a trained network, its history and its metrics."""

from pathlib import Path

import numpy as np
import torch

from src.device import choose_device, choose_precision
from src.files import load_arrays, write_bytes, write_csv, write_json
from src.model import Architecture, ConvNet, ModelParams, network_bytes
from src.params import Sections, read_params
from src.run import run
from src.train import Epoch, Images, TrainParams, best_epoch, train

IMAGES = Path("data/download/train.npz")
INDICES = Path("data/split/indices.npz")
MODEL = Path("data/train/model.safetensors")
HISTORY = Path("data/train/history.csv")
METRICS = Path("data/train/metrics.json")


class Params(Sections):
    model: ModelParams
    train: TrainParams


def main() -> None:
    params = read_params(Params)
    data, indices = load_arrays(IMAGES), load_arrays(INDICES)
    device = choose_device(params.train.device, "train.device")
    precision = choose_precision(params.train.precision, device)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(params.train.seed)
    image_shape = data["images"].shape[1:]
    network = ConvNet(Architecture(model=params.model, image_shape=image_shape, classes=data["classes"].tolist()))
    print(network.table())
    print(f"train: on {device} in {str(precision).removeprefix('torch.')}, at most {params.train.epochs} epochs")

    def on_device(rows: np.ndarray) -> Images:
        arrays = data["images"][rows], data["labels"][rows]
        return Images(*(torch.from_numpy(array).to(device) for array in arrays))

    training, validation = on_device(indices["train"]), on_device(indices["validation"])
    history = train(network, training, validation, params.train, precision)
    best = best_epoch(history)
    write_bytes(MODEL, network_bytes(network))
    write_csv(HISTORY, Epoch._fields, history)
    metrics = {name: getattr(best, name) for name in ("train_loss", "validation_loss", "validation_accuracy")}
    write_json(METRICS, {"best_epoch": best.epoch, **metrics})
    print(f"train: kept epoch {best.epoch}, {best.validation_accuracy:.2%} of the validation images right")


if __name__ == "__main__":
    run(main)
