"""The `augment` and `train` sections of params.yaml."""

from typing import Literal, NamedTuple

from pydantic import model_validator

from src.common.params import Section, parameter
from src.network.params import Device, ModelParams, Precision


class AugmentParams(Section):
    """The limits of the random augmentation, which is drawn independently for every image."""

    rotation: float = parameter(0.0, "Maximum random rotation, in either direction.", "degrees", ge=0, le=180)
    translation: float = parameter(0.0, "Maximum random shift along each axis.", "pixels", ge=0, le=1000)
    scaling: float = parameter(0.0, "Maximum random scaling along each axis, as a fraction (0.1: ±10%).", ge=0, lt=1)
    shear: float = parameter(0.0, "Maximum random horizontal shear.", "pixels per row", ge=0, lt=1)
    elastic: float = parameter(
        0.0,
        "Strength of a random elastic deformation: the standard deviation of the shifts of 5x5 points, between which"
        " shifts are interpolated.",
        "pixels",
        ge=0,
        le=1000,
    )
    clean_epochs: int = parameter(0, "Number of epochs at the end that train without augmentation.", "epochs", ge=0)

    @property
    def enabled(self) -> bool:
        """Whether any augmentation is set."""
        return any((self.rotation, self.translation, self.scaling, self.shear, self.elastic))


class TrainParams(Section):
    epochs: int = parameter(8, "Maximum number of epochs.", "epochs", ge=1)
    batch_size: int = parameter(128, "Images per optimizer step.", "images", ge=2, le=10**6)
    learning_rate: float = parameter(0.01, "Learning rate of AdamW; for one_cycle, its peak.", gt=0)
    schedule: Literal["constant", "one_cycle"] = parameter(
        "one_cycle", "Learning-rate schedule; one_cycle rises to the peak and falls to zero over train.epochs."
    )
    weight_decay: float = parameter(0.0, "Weight decay of AdamW; with 0, AdamW is identical to Adam.", ge=0, lt=1)
    shards: int = parameter(
        1,
        "Number of shards that every batch is cut into, so that as many processes can share the work. Each shard has"
        " its own random numbers and BatchNorm statistics, so that this changes the results; the number of"
        " processes does not.",
        ge=1,
        le=1024,
    )
    class_weights: Literal["none", "balanced"] = parameter(
        "none",
        "Weights of the classes in the training and validation loss; balanced weighs each class inversely to its"
        " number of training images, so that rare classes count as much as common ones.",
    )
    skip_easy: float = parameter(
        0.9,
        "From the second epoch on, the probability of leaving out an image whose last training loss was below the"
        " mean of all training images; 0 trains on every image in every epoch. Datasets of fewer than 100 batches"
        " are always used whole.",
        ge=0,
        lt=1,
    )
    patience: int = parameter(
        3, "Stop early after this many epochs in a row without a lower validation loss; 0 to disable.", "epochs", ge=0
    )
    refit: bool = parameter(
        False,
        "Train on the validation images as well and keep the last epoch; for settings already chosen by validation.",
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
        "Precision of matrix multiplications; auto is bf16 where the hardware supports it and is fast with it, else"
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
        if self.batch_size < 2 * self.shards:
            raise ValueError(
                f"train.shards = {self.shards}: needs train.batch_size of at least {2 * self.shards}, because BatchNorm"
                f" cannot train on a shard of one image; found {self.batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _check_seeds(self) -> "TrainParams":
        if self.seed + self.members > 2**32:
            raise ValueError(
                f"train.seed = {self.seed}: with train.members = {self.members} the last seed would exceed {2**32 - 1}"
            )
        return self


class TrainSections(NamedTuple):
    """The sections that the train stage reads."""

    model: ModelParams
    augment: AugmentParams
    train: TrainParams

    def of_member(self, member: int) -> "TrainSections":
        """Return the parameters of one member of the ensemble, 0 for the first, as if it were trained alone."""
        changes = {"seed": self.train.seed + member, "members": 1}
        return self._replace(train=self.train.model_copy(update=changes))
