"""Small networks, data and results that several test modules build."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from src.common.artifacts import (
    Environment,
    EpochMetrics,
    Error,
    LayerSize,
    Members,
    Metrics,
    Prediction,
    Suspect,
    TestImage,
)
from src.common.dataset import Dataset, InputFit, Preprocessing
from src.common.sprites import make_sprite_sheet
from src.compare.revisions import Result
from src.download.params import DownloadParams
from src.evaluate.params import EvaluateParams
from src.evaluate.prediction import Predictions
from src.export.classifier import Classifier, Description, decode_classifier
from src.export.onnx_model import to_onnx
from src.network.convnet import Architecture, ConvNet
from src.network.params import ModelParams
from src.params.params import default_values
from src.pictures.reading import digest_images
from src.report.results import Results
from src.train.data import LabelledImages
from src.train.params import AugmentParams, TrainParams, TrainSections

DEFAULTS = default_values()
NOTEBOOK_MODEL = DEFAULTS["model"] | {"crop": 0, "pool_first": False}  # the notebook's network with dropout
TINY_MODEL = NOTEBOOK_MODEL | {"conv_channels": [[4]], "hidden_units": []}
NO_AUGMENTATION = DEFAULTS["augment"]
AUGMENTATION = NO_AUGMENTATION | {
    "rotation": 10.0,
    "translation": 1.0,
    "scaling": 0.1,
    "shear": 0.1,
    "clean_epochs": 1,
}
TRAIN = DEFAULTS["train"] | {
    "epochs": 3,
    "batch_size": 16,
    "weight_decay": 0.01,
    "skip_easy": 0.0,
    "patience": 0,
    "device": "cpu",
    "precision": "fp32",
}


def make_download_params(**changes: Any) -> DownloadParams:
    return DownloadParams.model_validate(DEFAULTS["download"] | changes)


def make_network(
    shape: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    seed: int = 0,
    fit: InputFit = "character",
    **model: Any,
) -> ConvNet:
    """Build the notebook's network, with these settings changed; the class names are 0, 1, 2 and so on."""
    torch.manual_seed(seed)
    names = [str(index) for index in range(classes)]
    params = ModelParams.model_validate(NOTEBOOK_MODEL | model)
    return ConvNet(Architecture(model=params, image_shape=shape, classes=names, preprocessing=Preprocessing(fit=fit)))


def make_tiny_network(classes: int = 2, seed: int = 0, dropout: float = 0.25) -> ConvNet:
    """Build a network of one convolution for images of 1x8x8."""
    return make_network((1, 8, 8), classes, seed, **(TINY_MODEL | {"dropout": dropout}))


def make_sensitive_network(shape: tuple[int, int, int], fit: InputFit = "character", seed: int = 0) -> ConvNet:
    """Build a network of every kind of layer, with four classes, whose probabilities depend visibly on the image."""
    network = make_network(shape, 4, seed, fit, crop=3, conv_channels=[[4, 4], [8]])
    network.train()(torch.rand(50, *shape))  # sets BatchNorm's means and variances
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.3)
    return network.eval()


def make_classifier(networks: Sequence[ConvNet], shift: int = 0) -> Classifier:
    """Export networks and load the result."""
    description = Description(
        **networks[0].architecture.model_dump(include={"classes", "image_shape", "preprocessing"}),
        members=len(networks),
        shift=shift,
        trained_model_md5="0123abcd",
    )
    return decode_classifier(to_onnx(networks, description), Path("model.onnx"))


def make_train_params(augment: dict[str, float] = NO_AUGMENTATION, **train: Any) -> TrainSections:
    """Parameters of the train stage for the tiny network."""
    return TrainSections(
        ModelParams.model_validate(TINY_MODEL),
        AugmentParams.model_validate(augment),
        TrainParams.model_validate(TRAIN | train),
    )


def make_images(count: int, seed: int = 0) -> LabelledImages:
    """Noise of 1x8x8 pixels, brighter in the left half if the label is 0."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=generator)
    pixels = torch.randint(0, 128, (count, 1, 8, 8), generator=generator)
    pixels[:, :, :, :4] += (labels == 0).long()[:, None, None, None] * 60
    return LabelledImages(pixels.to(torch.uint8), labels)


def make_imbalanced(common: int, rare: int) -> LabelledImages:
    """The images of make_images, with these numbers of images labelled 0 and 1."""
    images, labels = make_images(3 * common)
    rows = torch.cat([(labels == 0).nonzero()[:common, 0], (labels == 1).nonzero()[:rare, 0]])
    return LabelledImages(images[rows], labels[rows])


def make_evaluate_params(**changes: Any) -> EvaluateParams:
    return EvaluateParams.model_validate(
        {"batch_size": 10, "device": "cpu", "shift": 0, "calibration_bins": 10} | changes
    )


def make_predictions(probabilities: list[list[float]]) -> Predictions:
    array = np.array(probabilities)
    return Predictions(array.argmax(1), array)


def make_result(
    name: str,
    errors: set[int],
    params: dict[str, Any] | None = None,
    test_set: Sequence[int] = range(1000),
    labels: dict[int, str] | None = None,
) -> Result:
    """A result with these errors, by index, each a 4 predicted as a 9, on test images with these numbers as digests.

    labels: those of the images, by index, that are no 4.
    """
    metrics = {"test.accuracy": 1 - len(errors) / len(test_set), "test.images": len(test_set)}
    by_index = {index: Error(index, (labels or {}).get(index, "4"), "9", 0.9, 2.0, "") for index in sorted(errors)}
    rows = (f"{digest},{(labels or {}).get(index, '4')}\n" for index, digest in enumerate(test_set))
    inputs = {("evaluate", "data/download/test.npz"): f"{test_set}"}
    contents = "".join(["digest,label\n", *rows]).encode()
    return Result(name, params or {}, [], metrics, by_index, contents, inputs, images_md5="", split_md5="")


def make_epochs(*validation_losses: float) -> list[EpochMetrics]:
    """A history with these validation losses."""
    return [
        EpochMetrics(number, 100, 1.0, loss, 0.5, 0.1, 1.0) for number, loss in enumerate(validation_losses, start=1)
    ]


def make_errors(count: int, classes: Sequence[str]) -> list[Error]:
    """Errors of random classes, on every second image."""
    rng = np.random.default_rng(0)
    actual = rng.integers(0, len(classes), count)
    predicted = (actual + rng.integers(1, len(classes), count)) % len(classes)
    return [
        Error(
            index=2 * place,
            actual=classes[actual[place]],
            predicted=classes[predicted[place]],
            confidence=rng.uniform(0.4, 1),
            loss=rng.uniform(0.5, 9),
            likeliest=f"{classes[predicted[place]]}: 60.0% · {classes[actual[place]]}: 30.0%",
        )
        for place in range(count)
    ]


def make_report_results(count: int, classes: list[str], members: int = 1) -> Results:
    """What the report shows of the given number of errors in 20,000 images; an ensemble also has augmented images."""
    errors = make_errors(count, classes)
    metrics = Metrics(
        loss=0.1,
        accuracy=1 - count / 20_000,
        balanced_accuracy=0.98,
        errors=count,
        images=20_000,
        macro_f1=0.9,
        calibration_error=0.01,
        recall=dict.fromkeys(classes, 0.99),
    )
    if members > 1:
        accuracy = {str(member): 0.991 for member in range(members)}
        metrics.members = Members(mean_accuracy=0.991, deviation=0.0002, accuracy=accuracy)
    sheet = make_sprite_sheet(np.random.default_rng(0).integers(0, 256, (count, 1, 28, 28), np.uint8))
    correct = [Prediction(1, name, name, 0.99, 0.01) for name in classes]
    wrong = [Prediction(error.index, error.actual, error.predicted, error.confidence, error.loss) for error in errors]
    return Results(
        errors=errors,
        error_images=sheet,
        predictions=[*99 * correct, *wrong],
        metrics=metrics,
        history=make_epochs(0.3, 0.2),
        layers=[LayerSize("Conv2d", "32x28x28", 320)],
        augmented=sheet,
        environment=make_environment(),
        training_data=make_dataset(np.zeros((9, 1, 28, 28), np.uint8), np.arange(9) % len(classes), classes)._replace(
            digests=np.repeat(np.array([0, 0xAB, 0xCD], np.uint8), [7 * 16, 16, 16]).reshape(9, 16)
        ),
        files={},
        copies=0,
        unusable=0,
        suspects=[
            Suspect("train", 7, classes[0], classes[-1], 0.99, "ab" * 16),
            Suspect("validation", 8, classes[-1], classes[1], 0.8, "cd" * 16),
        ],
        test_set=[
            TestImage(f"{index:032x}", "4") for index in range(1 + max([error.index for error in errors], default=0))
        ],
        decisions=[],
        params=DEFAULTS | {"augment": AUGMENTATION if members > 1 else NO_AUGMENTATION},
        result_id="0123abcd",
    )


def make_environment(**changes: Any) -> Environment:
    names = ("python", "torch", "numpy", "safetensors", "platform", "processor", "device", "precision")
    return Environment(**(dict.fromkeys(names, "2") | {"threads": 1} | changes))


def make_dataset(images: np.ndarray, labels: np.ndarray, classes: list[str]) -> Dataset:
    return Dataset(images, labels, classes, Preprocessing(fit="crop"), digest_images(images))
