import numpy as np
import pytest

from src.common.dataset import Dataset
from src.download import idx_datasets
from src.download.params import DownloadParams
from src.download.sources import download_dataset
from tests.builders import Downloaded, make_download_params


def test_digits_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket", None)
    data = Downloaded(*download_dataset(make_download_params(dataset="digits")))
    assert data.train.images.shape == (1437, 1, 28, 28)
    assert data.test.images.shape == (360, 1, 28, 28)
    assert data.train.images.dtype == np.uint8
    assert (data.train.images.min(), data.train.images.max()) == (0, 255)
    assert data.train.preprocessing.fit == "character"
    assert set(data.train.labels) == set(data.test.labels) == set(range(10))


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "kmnist"])
def test_other_datasets_are_idx_files(monkeypatch: pytest.MonkeyPatch, dataset: str) -> None:
    requested: list[DownloadParams] = []

    def keep(params: DownloadParams) -> list[Dataset]:
        requested.append(params)
        return []

    monkeypatch.setattr(idx_datasets, "fetch_idx_dataset", keep)
    params = make_download_params(dataset=dataset)
    download_dataset(params)
    assert requested == [params]


@pytest.mark.parametrize(
    ("dataset", "loader"), [("folder", "folder.load_folder"), ("idx", "idx_folder.load_idx_folder")]
)
def test_data_of_your_own_is_loaded_from_a_folder(monkeypatch: pytest.MonkeyPatch, dataset: str, loader: str) -> None:
    requested: list[DownloadParams] = []

    def keep(params: DownloadParams) -> list[Dataset]:
        requested.append(params)
        return []

    monkeypatch.setattr(f"src.download.{loader}", keep)
    params = make_download_params(dataset=dataset)
    download_dataset(params)
    assert requested == [params]
