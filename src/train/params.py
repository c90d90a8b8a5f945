"""The `augment` and `train` sections of params.yaml, and the rule that connects them."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from src.common.params import Parameter, Section, StageParams
from src.network.params import Device, ModelParams, Precision


class AugmentParams(Section):
    """The limits of the random augmentation; values are drawn uniformly and independently for every image."""

    rotation: Annotated[
        float, Field(ge=0, le=180), Parameter(0.0, "Maximum random rotation, in either direction.", "degrees")
    ]
    translation: Annotated[
        float, Field(ge=0, le=1000), Parameter(0.0, "Maximum random shift along each axis.", "pixels")
    ]
    scaling: Annotated[
        float,
        Field(ge=0, lt=1),
        Parameter(0.0, "Maximum random scaling along each axis, as a fraction (0.1: ±10%)."),
    ]
    shear: Annotated[float, Field(ge=0, lt=1), Parameter(0.0, "Maximum random horizontal shear.", "pixels per row")]
    clean_epochs: Annotated[
        int, Field(ge=0), Parameter(0, "Number of epochs at the end that train without augmentation.", "epochs")
    ]

    @property
    def enabled(self) -> bool:
        """Whether any augmentation is set."""
        return any((self.rotation, self.translation, self.scaling, self.shear))


class TrainParams(Section):
    epochs: Annotated[PositiveInt, Parameter(8, "Maximum number of epochs.", "epochs")]
    batch_size: Annotated[int, Field(ge=2, le=10**6), Parameter(128, "Images per optimizer step.", "images")]
    learning_rate: Annotated[float, Field(gt=0), Parameter(0.01, "Learning rate of AdamW; for one_cycle, its peak.")]
    schedule: Annotated[
        Literal["constant", "one_cycle"],
        Parameter(
            "one_cycle", "Learning-rate schedule; one_cycle rises to the peak and falls to zero over train.epochs."
        ),
    ]
    weight_decay: Annotated[
        float, Field(ge=0, lt=1), Parameter(0.0, "Weight decay of AdamW; with 0, AdamW is identical to Adam.")
    ]
    shards: Annotated[
        int,
        Field(ge=1, le=1024),
        Parameter(
            1,
            "Number of parts that every batch is cut into, so that as many processes can share the work. Each part has"
            " its own random numbers and BatchNorm statistics, so that this changes the results; the number of"
            " processes does not.",
        ),
    ]
    class_weights: Annotated[
        Literal["none", "balanced"],
        Parameter(
            "none",
            "Weights of the classes in the training and validation loss; balanced weighs each class inversely to its"
            " number of training images, so that rare classes count as much as common ones.",
        ),
    ]
    skip_easy: Annotated[
        float,
        Field(ge=0, lt=1),
        Parameter(
            0.9,
            "From the second epoch on, the probability of leaving out an image whose last training loss was below the"
            " mean of all training images; 0 trains on every image in every epoch. Datasets of fewer than 100 batches"
            " are always used whole.",
        ),
    ]
    patience: Annotated[
        int,
        Field(ge=0),
        Parameter(
            3, "Stop early after this many epochs in a row without a lower validation loss; 0 to disable.", "epochs"
        ),
    ]
    refit: Annotated[
        bool,
        Parameter(
            False,
            "Train on the validation images as well and keep the last epoch; for settings already chosen by"
            " validation.",
        ),
    ]
    members: Annotated[
        int,
        Field(ge=1, le=1000),
        Parameter(
            1, "Number of networks in the ensemble, trained with consecutive seeds; their probabilities are averaged."
        ),
    ]
    seed: Annotated[int, Field(ge=0, lt=2**32), Parameter(0, "Random seed of the first network.")]
    device: Annotated[Device, Parameter("auto", "Device to train on; auto is CUDA when available, else the CPU.")]
    precision: Annotated[
        Precision,
        Parameter(
            "auto",
            "Precision of matrix multiplications; auto is bf16 where the hardware supports it and is fast with it, else"
            " fp32.",
        ),
    ]
    threads: Annotated[
        int,
        Field(ge=0, le=1024),
        Parameter(
            0,
            "CPU threads; 0 for one per core, or as many as the environment variable OMP_NUM_THREADS says. A different"
            " number changes rounding and therefore the results.",
        ),
    ]


class TrainStageParams(StageParams):
    """The sections that the train stage reads."""

    model: ModelParams
    augment: AugmentParams
    train: TrainParams

    @model_validator(mode="after")
    def _check_clean_epochs(self) -> "TrainStageParams":
        clean, epochs = self.augment.clean_epochs, self.train.epochs
        if self.augment.enabled and clean >= epochs:
            raise ValueError(
                f"augment.clean_epochs = {clean}: must be less than train.epochs = {epochs}, otherwise no epoch would"
                " be augmented"
            )
        return self

    def of_member(self, member: int) -> "TrainStageParams":
        """Return the parameters of one network of the ensemble, 0 for the first, as if it were trained alone."""
        changes = {"seed": self.train.seed + member, "members": 1}
        return self.model_copy(update={"train": self.train.model_copy(update=changes)})

    @model_validator(mode="after")
    def _check_shards(self) -> "TrainStageParams":
        shards, batch_size = self.train.shards, self.train.batch_size
        if batch_size < 2 * shards:
            raise ValueError(
                f"train.shards = {shards}: needs train.batch_size of at least {2 * shards}, because BatchNorm cannot"
                f" train on a part of one image; found {batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _check_seeds(self) -> "TrainStageParams":
        if self.train.seed + self.train.members > 2**32:
            raise ValueError(
                f"train.seed = {self.train.seed}: with train.members = {self.train.members} the last seed would exceed"
                f" {2**32 - 1}"
            )
        return self
