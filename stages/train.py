"""Stage 3, train: images, labels and the split -> trained networks, their history and their metrics."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import model_validator

from src.augment import AugmentParams, augment
from src.checkpoint import Checkpoint, checkpoint_key
from src.device import choose_device, choose_precision, describe_environment, keep_freed_memory, make_exact
from src.epoch import Images
from src.files import load_arrays, write_bytes, write_csv, write_json
from src.model import Architecture, ConvNet, ModelParams, networks_bytes
from src.params import Sections, read_params
from src.run import run
from src.tiles import COLUMNS, to_sheet
from src.train import Epoch, TrainParams, best_epoch, mean_epoch, mean_history, train

IMAGES = Path("data/download/train.npz")
INDICES = Path("data/split/indices.npz")
MODEL = Path("data/train/model.safetensors")
HISTORY = Path("data/train/history.csv")
METRICS = Path("data/train/metrics.json")
LAYERS = Path("data/train/layers.csv")
AUGMENTED = Path("data/train/augmented.png")
ENVIRONMENT = Path("data/train/environment.json")
CHECKPOINTS = Path(".checkpoints")  # outside data: DVC removes a stage's outputs before it runs


class Params(Sections):
    model: ModelParams
    augment: AugmentParams
    train: TrainParams

    @model_validator(mode="after")
    def _some_epoch_is_augmented(self) -> "Params":
        clean, epochs = self.augment.clean_epochs, self.train.epochs
        if self.augment.on and clean >= epochs:
            raise ValueError(f"augment.clean_epochs = {clean}: leaves none of train.epochs = {epochs} to be augmented")
        return self


def main() -> None:
    params = read_params(Params)
    data, indices = load_arrays(IMAGES, "images", "labels", "classes"), load_arrays(INDICES, "train", "validation")
    device = choose_device(params.train.device, "train.device")
    precision = choose_precision(params.train.precision, device)
    make_exact(device, params.train.threads)
    keep_freed_memory()
    environment = describe_environment(device, precision)
    # Every member has a file of its own: with more of them, those that have begun go on.
    alone = params.train.model_copy(update={"members": 1})
    key = checkpoint_key(f"{params.model} {params.augment} {alone} {environment}", [IMAGES, INDICES, Path(__file__)])

    def images(rows: Any) -> Images:
        return Images(*(torch.from_numpy(data[name][rows]).to(device) for name in ("images", "labels")))

    training, validation = (
        (images(slice(None)), None) if params.train.refit else (images(indices["train"]), images(indices["validation"]))
    )
    shape, classes = data["images"].shape[1:], data["classes"].tolist()
    architecture = Architecture(model=params.model, image_shape=shape, classes=classes)
    seeds = range(params.train.seed, params.train.seed + params.train.members)
    networks = [new_network(architecture, seed) for seed in seeds]
    print(networks[0].table())
    if params.train.refit:
        print(f"train: a refit on all {len(training.labels):,} images: no validation, no early stopping")
    most = "" if params.train.refit else "at most "
    print(f"train: on {device} in {environment['precision']}, {most}{params.train.epochs} epochs", flush=True)
    histories, checkpoints = [], [Checkpoint(CHECKPOINTS, key, seed) for seed in seeds]
    for number, (seed, network, checkpoint) in enumerate(zip(seeds, networks, checkpoints, strict=True), start=1):
        if len(seeds) > 1:
            print(f"train: member {number} of {len(seeds)}, seed {seed}", flush=True)
        settings = alone.model_copy(update={"seed": seed})
        histories.append(train(network, training, validation, settings, params.augment, precision, checkpoint))

    best = mean_epoch([best_epoch(history) for history in histories])
    write_bytes(MODEL, networks_bytes(networks))
    write_csv(HISTORY, Epoch._fields, mean_history(histories))
    write_csv(LAYERS, ("layer", "shape", "parameters"), networks[0].layer_rows())
    write_bytes(AUGMENTED, augmented_sheet(data["images"][:COLUMNS], params))
    measured = ("train_loss", "validation_loss", "validation_accuracy") if validation else ("train_loss",)
    write_json(METRICS, {"best_epoch": best.epoch, **{name: getattr(best, name) for name in measured}})
    write_json(ENVIRONMENT, environment)
    for checkpoint in checkpoints:
        checkpoint.remove()
    mean = " on average" if len(seeds) > 1 else ""
    validated = f", {best.validation_accuracy:.2%} of the validation images right" if validation else ""
    print(f"train: kept epoch {best.epoch:.3g}{mean}{validated}")


def new_network(architecture: Architecture, seed: int) -> ConvNet:
    torch.manual_seed(seed)
    return ConvNet(architecture)


def augmented_sheet(images: np.ndarray, params: Params) -> bytes:
    """The images, and below them four rows of what augmentation makes of them."""
    torch.manual_seed(params.train.seed)
    shown = torch.from_numpy(images).repeat(5, 1, 1, 1) / 255
    shown[COLUMNS:] = augment(shown[COLUMNS:], params.augment)
    return to_sheet(shown.mul(255).round().to(torch.uint8).numpy())


if __name__ == "__main__":
    run(main)
