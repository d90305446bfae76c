"""Real weights for every test of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.real_models import real_model


@pytest.fixture(scope="session")
def model_folder(shared_data_dir: Path) -> Callable[[str], Path]:
    """The folder of an installed model by its id; fetches it into the shared folder when it is not there yet."""
    return lambda model_id: real_model(shared_data_dir, model_id)
