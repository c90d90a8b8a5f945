"""The `download` section of params.yaml."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from src.common.dataset import InputFit, Preprocessing
from src.common.params import Auto, Section, parameter


def mirror_url(mirror: str) -> str:
    """Return an https, http or file URL, or a folder, as a URL that ends in a slash; otherwise raise ValueError."""
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
    dataset: Literal["mnist", "fashion_mnist", "kmnist", "digits", "folder", "idx"] = parameter(
        "mnist",
        "Dataset to fetch. digits is the small one bundled with scikit-learn; folder (pictures, one folder per"
        " class) and idx (four IDX files) are data of your own.",
    )
    mirrors: list[Annotated[str, AfterValidator(mirror_url)]] = parameter(
        [], "Folders or URLs (https, http, file) to try before the public mirrors."
    )
    folder: str = parameter("images", "Folder of your own data, for dataset: folder or idx.", min_length=1)
    test_fraction: float = parameter(
        0.2,
        "Fraction of a folder's pictures to set aside as the test set, unless the folder has subfolders train and"
        " test.",
        gt=0,
        lt=1,
    )
    image_size: Auto | Annotated[int, Field(ge=8, le=512)] = parameter(
        "auto",
        "Side of the square images made from a folder's pictures; auto is the median shorter side of the pictures,"
        " rounded to 28, 32, 48, 64 or 96.",
        "pixels",
    )
    channels: Auto | Literal[1, 3] = parameter(
        "auto",
        "Channels of the images made from a folder's pictures: 1 is grey, 3 is RGB; auto is RGB if more than 1% of the"
        " pictures have colour. With fit: character or drawing, auto is grey, and auto for image_size is 28 pixels.",
    )
    fit: InputFit = parameter(
        "crop",
        "How your own pictures become images of the right shape: crop keeps the centre, pad adds a border, stretch"
        " distorts; character isolates and frames one digit or Latin letter, as MNIST does; drawing does the same with"
        " all ink on a sheet. Used for dataset: folder and, when predicting, for idx; with character or drawing,"
        " download frames the images of idx, too.",
    )
    background: Literal["white", "black"] = parameter(
        "white",
        "What is behind the transparent pixels of your own pictures. Used for dataset: folder and, when predicting, for"
        " idx.",
    )
    bits: int = parameter(
        16,
        "How many bits are in use in integer samples of more than 8 bits: 12 for many cameras and microscopes. The"
        " upper 8 of the bits in use are kept. Used for dataset: folder and, when predicting, for idx.",
        "bits",
        ge=8,
        le=16,
    )
    skip_unreadable: bool = parameter(False, "Leave out a folder's unusable files and name them, instead of failing.")

    def preprocessing(self) -> Preprocessing:
        """Return how your own pictures become images."""
        return Preprocessing(fit=self.fit, background=self.background, bits=self.bits)
