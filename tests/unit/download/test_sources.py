import numpy as np
import pytest

from src.common.dataset import Dataset
from src.download.decisions import Downloaded
from src.download.params import DownloadParams
from src.download.sources import download_dataset
from tests.builders import make_dataset, make_download_params

SMALL = make_dataset(np.zeros((2, 1, 4, 4), np.uint8), np.arange(2), ["a", "b"])


def test_digits_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket", None)
    data = download_dataset(make_download_params(dataset="digits"))
    assert data.train.images.shape == (1437, 1, 28, 28)
    assert data.test.images.shape == (360, 1, 28, 28)
    assert data.train.images.dtype == np.uint8
    assert (data.train.images.min(), data.train.images.max()) == (0, 255)
    assert data.train.preprocessing.fit == "character"
    assert set(data.train.labels) == set(data.test.labels) == set(range(10))


def test_a_folder_that_is_not_used_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    download_dataset(make_download_params(dataset="digits"))
    assert capsys.readouterr().out == ""
    download_dataset(make_download_params(dataset="digits", folder="photos"))
    unused = "download: download.folder = photos is not used, since download.dataset = digits\n"
    assert capsys.readouterr().out == unused


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "kmnist"])
def test_other_datasets_are_idx_files(monkeypatch: pytest.MonkeyPatch, dataset: str) -> None:
    requested: list[DownloadParams] = []

    def keep(params: DownloadParams) -> tuple[Dataset, Dataset]:
        requested.append(params)
        return SMALL, SMALL

    monkeypatch.setattr("src.download.sources.fetch_idx_dataset", keep)
    params = make_download_params(dataset=dataset)
    assert download_dataset(params).train is SMALL
    assert requested == [params]


def test_data_of_your_own_is_loaded_from_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    params = make_download_params(dataset="idx")
    monkeypatch.setattr("src.download.idx_folder.load_idx_folder", lambda params: (SMALL, SMALL))
    assert download_dataset(params).train is SMALL
    loaded = Downloaded(SMALL, SMALL, [], [])
    monkeypatch.setattr("src.download.folder.load_folder", lambda params, decisions: loaded)
    assert download_dataset(make_download_params(dataset="folder")) is loaded
