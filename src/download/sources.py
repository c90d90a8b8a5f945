"""Dispatch to the module that gets the dataset."""

from src.download.dataset import Dataset
from src.download.params import DownloadParams


def download_dataset(params: DownloadParams) -> Dataset:
    """Get the dataset; raise UserError if no source has it. Imports are local because some are slow."""
    if params.dataset == "digits":
        from src.download.digits import load_small_digits

        return load_small_digits()
    if params.dataset == "folder":
        from src.download.folder import load_folder

        return load_folder(params)
    if params.dataset == "idx":
        from src.download.idx_folder import load_idx_folder

        return load_idx_folder(params)
    from src.download.idx_datasets import fetch_idx_dataset

    return fetch_idx_dataset(params)
