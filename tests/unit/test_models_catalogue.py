"""The shipped catalogue, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_desktop.assets import resource
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID
from autoglm_desktop.models.catalogue import Catalogue, HubSource, require_runnable


def test_the_default_model_is_in_it_with_every_byte_pinned() -> None:
    entry = Catalogue.load().find(DEFAULT_MODEL_ID)
    assert entry is not None
    assert entry.download_bytes == 491400064
    assert [source.kind for source in entry.source] == ["hub", "wheel"]


def test_hub_only_models_have_no_typed_in_size_or_licence() -> None:
    for entry in Catalogue.load().model:
        if all(isinstance(source, HubSource) for source in entry.source):
            assert (entry.download_bytes, entry.license, entry.installed_bytes) == (None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("display_name =", "displayname =", "displayname"),
        ("size = 491400064", "size = -1", "greater than 0"),
        ('\n  kind = "hub"', '\n  kind = "ftp"', "ftp"),
        ('id = "smollm2-135m-instruct"', 'id = "../escape"', "pattern"),
        ('"SmolLM2-135M-Instruct.Q4_1.gguf" =', '"other.gguf" =', "do not yield exactly"),
    ],
)
def test_a_wrong_catalogue_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = resource("models.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "models.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        Catalogue.load(path)


def test_an_architecture_that_the_engine_does_not_know_is_refused() -> None:
    require_runnable("qwen3")
    with pytest.raises(AppError) as caught:
        require_runnable("mamba")
    assert caught.value.report.code is ErrorCode.UNSUPPORTED_ARCHITECTURE
    assert "mamba" in caught.value.report.line()
