"""A Dask cluster for tests that want one."""

import pytest
from clusters import scheduler


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler without workers yet."""
    with scheduler(tmp_path) as started:
        yield started
