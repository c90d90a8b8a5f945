"""The `download` section of params.yaml."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from src.common.params import Parameter, Section
from src.common.pictures import Fit


def normalise_mirror(mirror: str) -> str:
    """Return a URL or folder as a URL that ends in a slash; raise ValueError for any other scheme."""
    scheme = urlsplit(mirror).scheme
    if scheme in ("https", "http", "file"):
        return mirror.rstrip("/") + "/"
    if scheme:
        raise ValueError("must be an https, http or file URL, or a folder")
    try:
        return Path(mirror).expanduser().absolute().as_uri() + "/"
    except RuntimeError as error:  # ~user for an unknown user
        raise ValueError(str(error)) from None


class DownloadParams(Section):
    dataset: Annotated[
        Literal["mnist", "fashion_mnist", "kmnist", "digits", "folder", "idx"],
        Parameter(
            "mnist",
            "Dataset to fetch. digits is the small one bundled with scikit-learn; folder (pictures, one folder per"
            " class) and idx (four IDX files) are data of your own.",
        ),
    ]
    mirrors: Annotated[
        list[Annotated[str, AfterValidator(normalise_mirror)]],
        Parameter([], "Folders or URLs (https, http, file) to try before the public mirrors."),
    ]
    folder: Annotated[str, Field(min_length=1), Parameter("images", "Folder of your own data, for folder and idx.")]
    test_fraction: Annotated[
        float,
        Field(gt=0, lt=1),
        Parameter(
            0.2,
            "Fraction of a folder's pictures to set aside as the test set, unless the folder has subfolders train and"
            " test.",
        ),
    ]
    image_size: Annotated[
        int, Field(ge=8, le=512), Parameter(28, "Side of the square images made from a folder's pictures.", "pixels")
    ]
    channels: Annotated[
        Literal[1, 3], Parameter(1, "Channels of the images made from a folder's pictures: 1 is grey, 3 is RGB.")
    ]
    fit: Annotated[
        Fit,
        Parameter(
            "crop",
            "How your own pictures become images of the right shape: crop keeps the centre, pad adds a border, stretch"
            " distorts. For folder and, when predicting, idx.",
        ),
    ]
    skip_unreadable: Annotated[
        bool, Parameter(False, "Leave out a folder's unreadable files and name them, instead of failing.")
    ]
