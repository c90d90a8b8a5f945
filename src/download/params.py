"""The `download` section of params.yaml."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

from src.common.params import Parameter, Section


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
        Literal["mnist", "fashion_mnist", "kmnist", "digits"],
        Parameter(
            "mnist", "Dataset to fetch; digits is the small dataset bundled with scikit-learn and needs no download."
        ),
    ]
    mirrors: Annotated[
        list[Annotated[str, AfterValidator(normalise_mirror)]],
        Parameter([], "Folders or URLs (https, http, file) to try before the public mirrors."),
    ]
