"""Measure the default recipe on people's own images, and what they might use instead, on several folders of pictures.

`python -m benchmarks.own_images` writes the data sets as PNG files to a temporary folder, or to --folder, where a later
run finds them again. It needs the Debian packages in PACKAGES. On the test sets, it measures each of --recipes over
seeds, and a random forest, an SVC and a logistic regression from scikit-learn on the pixels, and prints a table. To
choose parameters, which -S sets, use --validation: it measures on the validation images instead, and leaves out
scikit-learn.
"""

import stages  # noqa: F401, I001  # before PyTorch is imported, it sets how PyTorch's threads wait for each other

import argparse
import io
import json
import shutil
import statistics
import string
import subprocess
import tarfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.svm import SVC

from benchmarks.accuracy import override
from src.common.cli import run_cli
from src.common.dataset import Dataset, Split
from src.common.params import read_yaml
from src.common.text import markdown_table
from src.download.sources import load_small_digits
from src.download.folder import load_folder
from src.download.idx_folder import load_idx_folder
from src.download.params import DownloadParams
from src.evaluate.evaluation import evaluate
from src.network.backbone import BackboneFeatures, extract_features
from src.params.params import Params, check_params, read_recipe
from src.split.stratified import split_rows
from src.train.checkpoint import Checkpoint
from src.train.ensemble import TrainedEnsemble, train_ensemble
from src.train.params import TrainSections
from src.train.runtime import set_up_runtime
from src.common.errors import UserError

PACKAGES = (
    "dataset-fashion-mnist fonts-adf-accanthis fonts-adf-gillius fonts-adf-universalis fonts-beteckna fonts-cabin"
    " fonts-cantarell fonts-comfortaa fonts-crosextra-caladea fonts-crosextra-carlito fonts-dejavu-core fonts-dosis"
    " fonts-ebgaramond fonts-fanwood fonts-firacode fonts-freefont-ttf fonts-inconsolata fonts-junicode fonts-lato"
    " fonts-liberation fonts-lobstertwo fonts-open-sans fonts-play fonts-prociono fonts-quicksand"
    " fonts-roboto-unhinted fonts-sil-charis fonts-urw-base35 fonts-vollkorn fonts-yanone-kaffeesatz"
)
FASHION = Path("/usr/share/datasets/fashion-mnist")
FONTS = Path("/usr/share/fonts")
# The lists share no family and no copy of one: Nimbus, FreeFont and Liberation imitate the same three.
TRAIN_FONTS = (
    "AccanthisADFStd-Regular.otf Beteckna.ttf C059-Bold.otf C059-Roman.otf Cabin-Bold.otf Cabin-Regular.otf"
    " Caladea-Bold.ttf Caladea-Regular.ttf Cantarell-Bold.otf Cantarell-Regular.otf Carlito-Regular.ttf"
    " CharisSIL-Bold.ttf CharisSIL-Regular.ttf DejaVuSans-Bold.ttf DejaVuSans.ttf DejaVuSansMono.ttf"
    " DejaVuSerif-Bold.ttf DejaVuSerif.ttf Dosis-Bold.otf Dosis-Book.otf EBGaramond12-Regular.otf Fanwood.otf"
    " FreeMonoBold.ttf FreeSans.ttf FreeSerif.ttf GilliusADF-Bold.otf GilliusADF-Regular.otf Inconsolata.otf"
    " Lato-Bold.ttf Lato-Regular.ttf LiberationMono-Regular.ttf LiberationSans-Bold.ttf LiberationSans-Regular.ttf"
    " LiberationSerif-Bold.ttf LiberationSerif-Regular.ttf NimbusSansNarrow-Bold.otf OpenSans-Bold.ttf"
    " OpenSans-Regular.ttf P052-Bold.otf P052-Roman.otf URWGothic-Book.otf UniversalisADFStd-Bold.otf"
    " UniversalisADFStd-Regular.otf"
)
TEST_FONTS = (
    "Comfortaa-Regular.ttf FiraCode-Bold.ttf FiraCode-Regular.ttf JunicodeTwoBeta-Bold.otf JunicodeTwoBeta-Regular.otf"
    " LobsterTwo-Regular.otf Play-Bold.ttf Play-Regular.ttf Prociono.otf Quicksand-Bold.ttf Quicksand-Regular.ttf"
    " Roboto-Bold.ttf Roboto-Regular.ttf URWBookman-Demi.otf URWBookman-Light.otf Vollkorn-Bold.ttf"
    " Vollkorn-Regular.ttf YanoneKaffeesatz-Bold.otf YanoneKaffeesatz-Regular.otf"
)
SHIRT = "6"  # the class of Fashion-MNIST that is hardest to tell from others
ICONS = "emoji-datasource-twitter@16.0.0"
LETTER_SIZE = 64  # pixels
PARTS = ("train", "test")

Pictures = Iterator[tuple[str, Image.Image]]  # each with its class


class DataSet(NamedTuple):
    """A folder to be written by write, and the parameters of download to read it with."""

    folder: str
    write: Callable[[Path], None]
    image_size: int
    channels: int


class Figures(NamedTuple):
    """Accuracies, balanced accuracies and validation losses over seeds, and the mean time of one training run."""

    accuracies: list[float]
    balanced: list[float]
    losses: list[float]
    seconds: float


def write_digits(folder: Path) -> None:
    """Write scikit-learn's 1,797 digits: 1,437 for training."""
    for part, data in zip(PARTS, load_small_digits(), strict=True):
        write_pictures(folder / part, to_pictures(data))


def write_fashion(folder: Path, rare: bool = False) -> None:
    """Write 2,000 of Fashion-MNIST's training and 2,000 of its test images, drawn at random.

    rare: keep only a tenth of the training images of SHIRT.
    """
    if not FASHION.is_dir():
        raise UserError(missing_packages(str(FASHION)))
    values = read_yaml(Path("params.yaml"))["download"] | {"dataset": "idx", "folder": str(FASHION)}
    draw = np.random.default_rng(0)
    for part, data in zip(PARTS, load_idx_folder(DownloadParams.model_validate(values)), strict=True):
        rows = draw.choice(len(data.labels), 2000, replace=False)
        if rare and part == "train":
            shirts = rows[data.labels[rows] == data.classes.index(SHIRT)]
            rows = np.setdiff1d(rows, shirts[len(shirts) // 10 :])
        write_pictures(folder / part, to_pictures(data.select(rows)))


def write_icons(folder: Path) -> None:
    """Write the 1,906 icons of an npm package, by category; `download` chooses the test images."""
    with TemporaryDirectory() as temporary:
        subprocess.run(["npm", "pack", "--silent", ICONS], cwd=temporary, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(Path(temporary).glob("*.tgz"))) as archive:
            archive.extractall(temporary, filter="data")
        package = Path(temporary, "package")
        for icon in json.loads((package / "emoji.json").read_text()):
            if icon["has_img_twitter"] and icon["category"] != "Component":
                target = folder / icon["category"].replace("&", "and")
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(package / "img/twitter/64" / icon["image"], target)


def to_pictures(data: Dataset) -> Pictures:
    for image, label in zip(data.images, data.labels, strict=True):
        yield data.classes[label], Image.fromarray(image[0])


def write_letters(folder: Path, per_class: int) -> None:
    """Write the letters A to Z in the training fonts, per_class of each, and 40 of each in the test fonts."""
    write_pictures(folder / "train", draw_letters(TRAIN_FONTS, per_class, seed=0))
    write_pictures(folder / "test", draw_letters(TEST_FONTS, 40, seed=1))


def draw_letters(fonts: str, per_class: int, seed: int) -> Pictures:
    """Draw letters in random fonts, sizes, colours and places."""
    names = fonts.split()
    found = {path.name: path for path in FONTS.rglob("*.[ot]tf")}
    if missing := [name for name in names if name not in found]:
        raise UserError(missing_packages(", ".join(missing)))
    draw = np.random.default_rng(seed)
    for letter in string.ascii_uppercase:
        for _ in range(per_class):
            font = ImageFont.truetype(str(found[draw.choice(names)]), int(LETTER_SIZE * draw.uniform(0.55, 0.8)))
            while True:  # until the letter stands out
                paper, ink = (draw.integers(0, 256, 3) for _ in range(2))
                if abs(paper.mean() - ink.mean()) > 60:
                    break
            picture = Image.new("RGB", (LETTER_SIZE, LETTER_SIZE), tuple(paper.tolist()))
            place = tuple((LETTER_SIZE / 2 + draw.uniform(-0.08, 0.08, 2) * LETTER_SIZE).tolist())
            ImageDraw.Draw(picture).text(place, letter, tuple(ink.tolist()), font, anchor="mm")
            yield letter, picture


def write_pictures(folder: Path, pictures: Pictures) -> None:
    for number, (name, picture) in enumerate(pictures):
        path = folder / name.replace("/", " or ") / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)


def missing_packages(what: str) -> str:
    return f"{what} not found; run `apt-get install {PACKAGES}`"


DATA_SETS = {
    "digits": DataSet("digits", write_digits, 28, 1),
    "clothes": DataSet("clothes", write_fashion, 28, 1),
    "clothes, few shirts": DataSet("few shirts", partial(write_fashion, rare=True), 28, 1),
    "few letters, 32 px": DataSet("few letters", partial(write_letters, per_class=20), 32, 3),
    "few letters, 64 px": DataSet("few letters", partial(write_letters, per_class=20), 64, 3),
    "icons, 32 px": DataSet("icons", write_icons, 32, 3),
    "icons, 64 px": DataSet("icons", write_icons, 64, 3),
}


def main() -> None:
    arguments = parse_arguments()
    with TemporaryDirectory() as temporary:
        parent = arguments.folder or Path(temporary)
        header = ("data set", "images", "classifier", "accuracy", "balanced accuracy", "validation loss", "seconds")
        print("\n".join(markdown_table(header, [()])[:2]))
        for name in arguments.data or DATA_SETS:
            train, test = load(DATA_SETS[name], parent)
            for label, figures in measure_all(train, test, arguments):
                images = f"{len(train.labels):,}" + ("" if arguments.validation else f" + {len(test.labels):,}")
                losses = describe(figures.losses, "{:.3f}") if figures.losses else ""
                accuracy, balanced = (
                    describe([100 * value for value in values], "{:.2f}") if values else ""
                    for values in (figures.accuracies, figures.balanced)
                )
                row = f"| {name} | {images} | {label} | {accuracy} | {balanced} | {losses} | {figures.seconds:.0f} |"
                print(row, flush=True)


def load(data_set: DataSet, parent: Path) -> tuple[Dataset, Dataset]:
    """Write a data set unless it is there, and decode it as the download stage does."""
    folder = parent / data_set.folder
    if not folder.exists():
        partial_folder = folder.with_name(f"{folder.name}.partial")
        data_set.write(partial_folder)
        partial_folder.rename(folder)
    values = read_yaml(Path("params.yaml"))["download"] | {"dataset": "folder", "folder": str(folder), "fit": "crop"}
    size = {"image_size": data_set.image_size, "channels": data_set.channels}
    train, test, *_ = load_folder(DownloadParams.model_validate(values | size))
    return train, test


def measure_all(train: Dataset, test: Dataset, arguments: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    """Measure every classifier, each with its name."""
    for recipe in arguments.recipes:
        path = Path("recipes", f"{recipe}.yaml")
        values = override(read_recipe(path), arguments.set)
        figures = measure_recipe(train, None if arguments.validation else test, values, path, arguments.seeds)
        yield " ".join([recipe, *arguments.set]), figures
    if not arguments.validation:
        yield "random forest", measure_scikit(train, test, RandomForestClassifier(300, random_state=0))
        yield "SVC", measure_scikit(train, test, SVC())
        yield "logistic regression", measure_scikit(train, test, LogisticRegression(max_iter=1000))


def measure_recipe(train: Dataset, test: Dataset | None, values: dict[str, Any], path: Path, seeds: int) -> Figures:
    """Train with each seed; the accuracies are those on the test images or, without them, on the validation images."""
    accuracies, balanced, losses, start = [], [], [], time.perf_counter()
    for seed in range(seeds):
        params = check_params(values | {"train": values["train"] | {"seed": seed}}, path)
        features = extract_features(params.model.backbone, train.images)
        trained = train_one(train, split_rows(train, params.split), params, features)
        if not params.train.refit:
            losses.append(trained.best.validation_loss)
        if test is None:
            accuracies.append(trained.best.validation_accuracy)
        else:
            test_features = extract_features(params.model.backbone, test.images)
            evaluation = evaluate(trained.networks, test, params.evaluate, test_features)
            accuracies.append(evaluation.metrics.accuracy)
            balanced.append(evaluation.metrics.balanced_accuracy)
    return Figures(accuracies, balanced, losses, (time.perf_counter() - start) / seeds)


def train_one(data: Dataset, split: Split, params: Params, features: BackboneFeatures | None = None) -> TrainedEnsemble:
    """Train as the stage does, without its output."""
    with TemporaryDirectory() as checkpoints, redirect_stdout(io.StringIO()):
        return train_ensemble(
            data,
            split,
            TrainSections(params.model, params.augment, params.train),
            set_up_runtime(params.train, params.model, features is not None),
            partial(Checkpoint, Path(checkpoints), "key"),
            lambda history: None,
            features=features,
        )


def measure_scikit(train: Dataset, test: Dataset, classifier: Any) -> Figures:
    """Fit one of scikit-learn's classifiers to all training images, and measure it on the test images."""
    start = time.perf_counter()
    train_pixels, test_pixels = (data.images.reshape(len(data.images), -1) / 255 for data in (train, test))
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        classifier.fit(train_pixels, train.labels)
    predicted = classifier.predict(test_pixels)
    accuracy, balanced = ((predicted == test.labels).mean(), balanced_accuracy_score(test.labels, predicted))
    return Figures([float(accuracy)], [float(balanced)], [], time.perf_counter() - start)


def describe(values: list[float], form: str) -> str:
    text = form.format(statistics.mean(values))
    return f"{text} ± {form.format(statistics.stdev(values))}" if len(values) > 1 else text


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.own_images", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where to keep the pictures; default: a temporary folder")
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, help="the data sets; default: all")
    parser.add_argument("--recipes", nargs="+", default=["default"], help="files in recipes/, without .yaml")
    parser.add_argument("--seeds", type=int, default=3, help="number of training runs; default: 3")
    parser.add_argument("--validation", action="store_true", help="measure on the validation images")
    parser.add_argument("-S", "--set", metavar="KEY=VALUE", action="append", default=[], help="as in dvc exp run")
    return parser.parse_args()


if __name__ == "__main__":
    run_cli(main)
