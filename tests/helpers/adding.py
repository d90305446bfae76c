"""Adding a model and loading what was added: both succeed, or the first says why not."""

from __future__ import annotations

from pathlib import Path

from autoglm_desktop.core.errors import AppError, ErrorReport
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.models.library import ModelInfo, ModelLibrary


def add(path: Path, data_dir: Path) -> ModelInfo:
    """Add it and load it, as far as its first token."""
    library = ModelLibrary(data_dir)
    info = library.add(path, "added")
    load(Path(library.ref("added").folder))
    return info


def refusal(path: Path, data_dir: Path) -> ErrorReport:
    """Why it is not added; nothing of it is left behind, and nothing was converted."""
    library = ModelLibrary(data_dir)
    stages: list[str] = []
    try:
        library.add(path, "added", on_progress=lambda progress: stages.append(progress.stage))
    except AppError as error:
        left = [file for file in data_dir.rglob("*") if file.is_file() and file.suffix != ".lock"]
        assert (left, stages) == ([], [])
        return error.report
    raise AssertionError(f"{path.name} was added")


def load(folder: Path) -> None:
    """Load a model's decoder and tokenizer, and compute one token."""
    from autoglm_desktop.engine.runtime.decoder import Decoder
    from autoglm_desktop.engine.runtime.kv import KvCache
    from autoglm_desktop.engine.runtime.prompt import TokenizerBundle

    decoder = Decoder.load(folder, Tier.FP16, on_progress=lambda _: None)
    bundle = TokenizerBundle.load(folder)
    bundle.decode(range(decoder.config.vocab))
    decoder.forward((bundle.encode("hello") or [0])[:1], KvCache.create(decoder.config))
