"""Fixtures for tests of models: a loopback server, and pip pointed at it alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm_desktop.models.catalogue import Catalogue
from autoglm_desktop.models.fetch import Sources
from autoglm_desktop.models.hub import HuggingFaceHub
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.models.package_index import PipIndex
from tests.helpers.loopback import Loopback, loopback
from tests.helpers.model_sources import Offered, offer


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as running:
        yield running


@pytest.fixture
def loopback_index(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """The user's pip configuration names the loopback index and nothing else, for this process and its children."""
    for name in [name for name in os.environ if name.startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple/")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    return server


@pytest.fixture
def offered(loopback_index: Loopback, tmp_path: Path) -> Offered:
    return offer(loopback_index, tmp_path / "offer")


@pytest.fixture
def sources(server: Loopback) -> Sources:
    """The real hub client and the real pip, both on the loopback."""
    return Sources(HuggingFaceHub(server.url, answer_within_s=1.0), PipIndex())


@pytest.fixture
def library(offered: Offered, sources: Sources, tmp_path: Path) -> ModelLibrary:
    """A library whose catalogue is the tiny model."""
    return ModelLibrary(tmp_path / "data", catalogue=Catalogue.load(offered.catalogue), sources=sources)
