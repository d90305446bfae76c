"""What several of the unit tests start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.assistants import Desk, desk_at


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An assistant over a hand-driven engine, with one conversation."""
    with desk_at(tmp_path / "conversations.sqlite") as made:
        yield made
