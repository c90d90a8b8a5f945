"""The `download` section of params.yaml."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

from src.common.params import Parameter, Section


def normalise_mirror(mirror: str) -> str:
    """Return the mirror as a URL that ends in a slash, a folder as a file URL; ValueError for any other scheme."""
    scheme = urlsplit(mirror).scheme
    if scheme in ("https", "http", "file"):
        return mirror.rstrip("/") + "/"
    if scheme:
        raise ValueError("must be an https, http or file URL, or a folder")
    try:
        return Path(mirror).expanduser().absolute().as_uri() + "/"
    except RuntimeError as error:  # the home folder of an unknown user
        raise ValueError(str(error)) from None


class DownloadParams(Section):
    dataset: Annotated[
        Literal["mnist", "fashion_mnist", "kmnist", "digits"],
        Parameter(
            "mnist", "Dataset to fetch; digits is the small one that scikit-learn ships, which needs no network."
        ),
    ]
    mirrors: Annotated[
        list[Annotated[str, AfterValidator(normalise_mirror)]],
        Parameter([], "Folders, or https, http or file URLs, to try before the public mirrors."),
    ]
