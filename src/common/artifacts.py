"""The types of the rows of CSV artifacts and of whole JSON artifacts, for the stages and tools that use them."""

from dataclasses import dataclass

from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt


@dataclass(frozen=True)
class PictureName:
    """A row of files.csv: a file, and the image made from it.

    part: train or test, whose .npz file holds the image; index: the image's row in that file. If an image has several
    files, the first one was used. For a file that could not be used, part is `unusable`, and index counts only such
    files.
    """

    part: str
    index: int
    file: str


@dataclass(frozen=True)
class AppliedDecision:
    """A row of decisions.csv: what labels.csv said about the picture that has this digest; part: train or test.

    before: the label in the data; label: the label that labels.csv gives the picture, or `-` if it is left out.
    """

    part: str
    digest: str
    before: str
    label: str

    @property
    def changes_test_set(self) -> bool:
        """Whether the decision relabels a test picture or leaves one out."""
        return self.part == "test" and self.label != self.before


@dataclass(frozen=True)
class EpochMetrics:
    """A row of history.csv. Losses are means over images, and learning_rate is that of the epoch's last step.

    images: the number of images trained on. train_loss is the mean of the most recent losses of all training images; if
    an image was left out of the epoch, its loss is from an earlier one. The validation columns are NaN in a refit,
    which has no validation images; otherwise, they are measured with the logits divided by the temperature.
    """

    epoch: int
    images: float
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    temperature: float


@dataclass(frozen=True)
class LayerSize:
    """A row of layers.csv: a layer, its output's shape, such as 32x14x14, and its number of trainable parameters."""

    layer: str
    shape: str
    parameters: int


RELIABLE_ACCURACY = 0.9  # a network below this accuracy may doubt many labels that are right


@dataclass(frozen=True)
class Suspect:
    """A row of suspects.csv: an image of train.npz whose label may be wrong.

    part: train or validation; index: the image's row in train.npz; predicted: the most probable class other than the
    label; digest: the digest of the picture, in hexadecimal; score: the total probability of all classes but the label,
    averaged over some epochs, 0 to 1; for a validation image, the training images' score at the same quantile.
    """

    part: str
    index: int
    label: str
    predicted: str
    score: float
    digest: str


@dataclass(frozen=True)
class Prediction:
    """A row of predictions.csv: the label of a test image, the predicted class with its probability, and the loss."""

    index: int
    actual: str
    predicted: str
    confidence: float
    loss: float


@dataclass(frozen=True)
class TestImage:
    """A row of test_set.csv: the digest of a test image's picture, in hexadecimal, and the image's label."""

    __test__ = False  # keeps pytest from collecting it as a test

    digest: str
    label: str


@dataclass(frozen=True)
class Error(Prediction):
    """A row of errors.csv: the prediction for a misclassified test image, and the most probable classes."""

    likeliest: str


class Members(BaseModel):
    """The accuracy of an ensemble's members."""

    mean_accuracy: float
    deviation: float
    accuracy: dict[str, float]


class Metrics(BaseModel):
    """The metrics on the test set; rates are fractions, and the loss is a mean over images."""

    loss: float
    accuracy: float
    balanced_accuracy: float
    errors: NonNegativeInt
    images: PositiveInt
    macro_f1: float
    calibration_error: float
    recall: dict[str, float] = Field(min_length=1)
    members: Members | None = None


class MetricsFile(BaseModel):
    """The contents of evaluate's metrics.json; DVC names the metrics `test.accuracy` and so on."""

    test: Metrics


class Environment(BaseModel):
    """The contents of environment.json: what results depend on besides code, data and parameters.

    onnxruntime: the version of ONNX Runtime that computed the backbone's features; None without a backbone.
    """

    python: str
    torch: str
    numpy: str
    safetensors: str
    platform: str
    processor: str
    device: str
    threads: int
    precision: str
    onnxruntime: str | None = None
