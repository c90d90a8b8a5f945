"""The `augment` and `train` sections of params.yaml."""

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, NonNegativeInt, model_validator

from src.common.params import Auto, Section, parameter
from src.network.params import Device, ModelParams

Precision = Literal["auto", "fp32", "bf16"]
BATCH, SMALL_BATCH = 128, 32  # images
SMALL_DATA = 12_800  # training images; with fewer, batches are small and no image is left out
STEPS = 1500  # at least, if no image is left out, within the limits of EPOCHS
EPOCHS = 8, 160  # the smallest and the largest number
PATIENCE = 3 / 8  # of the epochs


class AugmentParams(Section):
    """The limits of the random augmentation, which is drawn independently for every image."""

    rotation: float = parameter(0.0, "Maximum random rotation, in either direction.", "degrees", ge=0, le=180)
    translation: float = parameter(0.0, "Maximum random shift along each axis.", "pixels", ge=0, le=1000)
    scaling: float = parameter(0.0, "Maximum random scaling along each axis, as a fraction (0.1: ±10%).", ge=0, lt=1)
    shear: float = parameter(0.0, "Maximum random horizontal shear.", "pixels per row", ge=0, lt=1)
    flip: bool = parameter(
        False,
        "Mirror each image left to right with probability 1/2: for photos, but not for letters, digits or arrows.",
    )
    brightness: float = parameter(0.0, "Maximum random change of brightness, as a fraction.", ge=0, lt=1)
    contrast: float = parameter(0.0, "Maximum random change of contrast, as a fraction.", ge=0, lt=1)
    saturation: float = parameter(0.0, "Maximum random change of saturation, as a fraction.", ge=0, le=1)
    clean_epochs: int = parameter(0, "Number of final epochs that train without augmentation.", "epochs", ge=0)

    @property
    def deforms(self) -> bool:
        """Whether any augmentation moves pixels."""
        return any((self.rotation, self.translation, self.scaling, self.shear, self.flip))

    @property
    def recolours(self) -> bool:
        """Whether any augmentation changes colours."""
        return any((self.brightness, self.contrast, self.saturation))

    @property
    def enabled(self) -> bool:
        """Whether any augmentation is set."""
        return self.deforms or self.recolours


class TrainParams(Section):
    epochs: Auto | Annotated[int, Field(ge=1)] = parameter(
        "auto",
        "Maximum number of epochs; auto is the number that gives 1,500 steps if no image is left out, but at least 8"
        " and at most 160.",
        "epochs",
    )
    batch_size: Auto | Annotated[int, Field(ge=2, le=10**6)] = parameter(
        "auto",
        "Images per optimizer step; auto is 128, or 32 for fewer than 12,800 training images, but at least two per"
        " shard.",
        "images",
    )
    learning_rate: float = parameter(0.01, "Learning rate of AdamW; for one_cycle, its peak.", gt=0)
    schedule: Literal["constant", "one_cycle"] = parameter(
        "one_cycle", "Learning-rate schedule; one_cycle rises to the peak and falls almost to zero over train.epochs."
    )
    weight_decay: float = parameter(0.0, "Weight decay of AdamW; with 0, AdamW is identical to Adam.", ge=0, lt=1)
    shards: int = parameter(
        1,
        "Number of shards into which every batch is cut, and the largest number of processes that can train one network"
        " together. Each shard has its own random numbers and BatchNorm statistics, so this changes the results; the"
        " number of processes does not.",
        ge=1,
        le=1024,
    )
    class_weights: Literal["none", "balanced"] = parameter(
        "none",
        "Weights of the classes in the training and validation loss; with balanced, each class is weighted in inverse"
        " proportion to its number of training images, so that rare classes count as much as common ones.",
    )
    skip_easy: float = parameter(
        0.9,
        "Probability of leaving out an easy image, one whose last training loss was below the mean, from the second"
        " epoch on. From the third, images whose label gets a probability below 5% and below half of its class's share"
        " of the images are left out just as often, and not counted in the mean, provided that they are more than 4%"
        " but less than half of all images. With 0, or with fewer than 12,800 training images, every image is used.",
        ge=0,
        lt=1,
    )
    patience: Auto | NonNegativeInt = parameter(
        "auto",
        "Stop early after this many epochs in a row without a lower validation loss; auto is three eighths of the"
        " epochs; 0 disables it.",
        "epochs",
    )
    refit: bool = parameter(
        False,
        "Train on the validation images as well and keep the last epoch; for parameters already chosen by validation.",
    )
    members: int = parameter(
        1,
        "Number of networks in the ensemble, trained with consecutive seeds; their probabilities are averaged.",
        ge=1,
        le=1000,
    )
    seed: int = parameter(0, "Random seed of the first network.", ge=0, lt=2**32)
    device: Device = parameter("auto", "Device to train on; auto is CUDA when available, else the CPU.")
    precision: Precision = parameter(
        "auto",
        "Precision of matrix multiplications; auto is bf16 where the hardware supports it, else fp32; on a CPU,"
        " networks with fewer than 16 channels between two convolutions get fp32, too. With a backbone, it is always"
        " fp32.",
    )
    threads: int = parameter(
        0,
        "CPU threads; 0 for one per core, or as many as the environment variable OMP_NUM_THREADS says. A different"
        " number changes rounding and therefore the results.",
        ge=0,
        le=1024,
    )

    @model_validator(mode="after")
    def _check_shards(self) -> "TrainParams":
        if isinstance(self.batch_size, int) and self.batch_size < 2 * self.shards:
            raise ValueError(
                f"train.shards = {self.shards}: needs a train.batch_size of at least {2 * self.shards}, because"
                f" BatchNorm cannot train on a shard of one image; found {self.batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _check_seeds(self) -> "TrainParams":
        if self.seed + self.members > 2**32:
            raise ValueError(
                f"train.seed = {self.seed}: with train.members = {self.members} the last seed would exceed {2**32 - 1}"
            )
        return self

    def plan(self, images: int) -> "Plan":
        """Return how to train on this many images; what is auto depends on their number."""
        small = SMALL_BATCH if images < SMALL_DATA else BATCH
        batch_size = self.batch_size if isinstance(self.batch_size, int) else max(small, 2 * self.shards)
        least, most = EPOCHS
        enough = min(max(math.ceil(STEPS * batch_size / images), least), most)
        epochs = self.epochs if isinstance(self.epochs, int) else enough
        patience = self.patience if isinstance(self.patience, int) else math.ceil(PATIENCE * epochs)
        return Plan(epochs, batch_size, patience)


class Plan(NamedTuple):
    """The maximum number of epochs, the batch size, and the number of epochs without improvement before stopping."""

    epochs: int
    batch_size: int
    patience: int


class TrainSections(NamedTuple):
    """The sections that the train stage reads."""

    model: ModelParams
    augment: AugmentParams
    train: TrainParams

    def of_member(self, member: int) -> "TrainSections":
        """Return the parameters of one member of the ensemble, 0 for the first, as if it were trained alone."""
        changes = {"seed": self.train.seed + member, "members": 1}
        return self._replace(train=self.train.model_copy(update=changes))
