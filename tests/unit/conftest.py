"""Settings of all unit tests."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def single_thread() -> None:
    """Keep the test processes, which share the cores, from waiting for each other's threads."""
    import torch  # takes a second, which the process that only distributes the tests need not spend

    torch.set_num_threads(1)
