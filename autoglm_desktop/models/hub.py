"""Model files from the Hugging Face Hub (or a mirror of it): what a repository holds, and each file by HTTP.

The hub gets a few seconds to answer, name lookup included; then the next source is tried.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from autoglm_desktop.core.file_names import first_collision, is_plain_path
from autoglm_desktop.core.i18n import msg

from .catalogue import HubSource, ModelEntry
from .download import Download, Expected, client, holds
from .failures import SourceFailedError, require_disk
from .places import tree_bytes
from .progress import Monitor, PullStage

ANSWER_WITHIN_S = 5.0
_POLL_S = 0.05
_WANTED_SUFFIXES = (".safetensors", ".safetensors.index.json")
_WANTED_NAMES = {
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
    "chat_template.json", "preprocessor_config.json", "processor_config.json", "special_tokens_map.json",
}  # fmt: skip

_SHOWN_CHARACTERS = 100

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository: size in bytes, and what its content must be."""

    name: str
    size: int
    expected: Expected


@dataclass(frozen=True, slots=True)
class HubRepo:
    """A repository as the hub describes it now: the commit, the licence it declares, its files."""

    commit: str
    license: str | None
    files: tuple[HubFile, ...]

    @property
    def model_files(self) -> tuple[HubFile, ...]:
        """What a model needs: weights in safetensors, configuration, tokenizer. Never code, never pickles.

        What lies in folders of the repository is another form of it. Raises SourceFailedError for a name that could
        lead out of the model's folder, or that some system takes for another one.
        """
        wanted = [f for f in self.files if f.name in _WANTED_NAMES or f.name.endswith(_WANTED_SUFFIXES)]
        for file in wanted:
            if not is_plain_path(file.name):
                raise SourceFailedError(
                    msg("It names a file that is no plain one: {name}.", name=repr(file.name)[:_SHOWN_CHARACTERS])
                )
        found = tuple(file for file in wanted if "/" not in file.name)
        if (twice := first_collision(file.name for file in found)) is not None:
            raise SourceFailedError(msg("It names the file {name} twice.", name=twice))
        return found


class Hub(Protocol):
    """What a pull asks of the hub."""

    def describe(self, source: HubSource, monitor: Monitor) -> HubRepo:
        """What the repository holds. Raises SourceFailedError, within seconds."""

    def address(self, source: HubSource, commit: str, name: str) -> str:
        """Where a file lies."""

    def headers(self) -> dict[str, str]:
        """What the hub wants to see with a request (the user's token, if any)."""


class HuggingFaceHub:
    """The hub that `huggingface_hub` is configured for (HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE), or `endpoint`."""

    def __init__(self, endpoint: str | None = None, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._endpoint = endpoint
        self._answer_within_s = answer_within_s

    def describe(self, source: HubSource, monitor: Monitor) -> HubRepo:
        def ask() -> HubRepo:
            from huggingface_hub import HfApi

            info = HfApi(self._endpoint).model_info(
                source.repo, revision=source.revision, files_metadata=True, timeout=self._answer_within_s
            )
            return _repo(info)

        return within(self._answer_within_s, ask, monitor)

    def address(self, source: HubSource, commit: str, name: str) -> str:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(source.repo, name, revision=commit, endpoint=self._endpoint)

    def headers(self) -> dict[str, str]:
        from huggingface_hub import get_token

        token = get_token()
        return {"Authorization": f"Bearer {token}"} if token else {}


def fetch_from_hub(
    entry: ModelEntry, source: HubSource, folder: Path, hub: Hub, monitor: Monitor, *, attempts: int
) -> HubRepo:
    """Put every file of `entry` into ``folder/files`` (without file entries: all that its model needs).

    So many `attempts` of a file may fail in a row without a byte.
    Raises SourceFailedError, AppError CANCELLED, OSError of the disk.
    """
    monitor.report(PullStage.CONNECTING)
    repo = hub.describe(source, monitor)
    wanted = files_of(entry, repo)
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    total, done = sum(file.size for file in wanted), 0
    require_disk(files, total - tree_bytes(folder))
    with client() as http:
        for file in wanted:
            if not holds(files / file.name, file.expected, monitor):
                url = hub.address(source, repo.commit, file.name)

                def on_position(position: int, base: int = done) -> None:
                    monitor.report(PullStage.DOWNLOADING, base + position, total)

                Download(
                    http, url, files / file.name, file.expected, monitor, on_position, hub.headers(), attempts
                ).run()
            done += file.size
    return repo


def files_of(entry: ModelEntry, repo: HubRepo) -> tuple[HubFile, ...]:
    """The files to fetch: the pinned ones, else those of the repository. Raises SourceFailedError when it has none."""
    if entry.file:
        return tuple(HubFile(file.name, file.size, Expected(file.size, file.sha256)) for file in entry.file)
    wanted = repo.model_files
    if not any(file.name.endswith(".safetensors") for file in wanted):
        raise SourceFailedError(msg("The repository has no weights in the safetensors format."))
    return wanted


def _repo(info: Any) -> HubRepo:
    """What the hub's library found, checked: it takes whatever the hub answers. Raises SourceFailedError."""
    declared = getattr(info.card_data, "license", None) if info.card_data else None
    try:
        if not (isinstance(info.sha, str) and re.fullmatch("[0-9a-f]{4,64}", info.sha)):
            raise ValueError(f"commit {info.sha!r:.100}")
        files = tuple(map(_file, info.siblings or ()))
    except (TypeError, ValueError, AttributeError) as error:
        raise SourceFailedError(
            msg("Its description of the repository makes no sense."), details=repr(error)
        ) from error
    return HubRepo(info.sha, declared if isinstance(declared, str) else None, files)


def _file(sibling: Any) -> HubFile:
    """Large files are named by SHA-256, small ones by git's blob id. Raises ValueError, TypeError, AttributeError."""
    name, size, lfs = sibling.rfilename, sibling.size, sibling.lfs
    if not isinstance(name, str) or not isinstance(size, int) or size < 0:
        raise ValueError(f"{name!r:.100} with size {size!r:.20}")
    hashes = (None if lfs is None else lfs.sha256, sibling.blob_id)
    if not all(one is None or isinstance(one, str) for one in hashes):
        raise ValueError(f"{name!r:.100} with hashes {hashes!r:.100}")
    return HubFile(name, size, Expected(size, sha256=hashes[0], git_sha1=hashes[1] if lfs is None else None))


def within(seconds: float, ask: Callable[[], _Result], monitor: Monitor) -> _Result:
    """The result of `ask`, or SourceFailedError. The call runs in a thread of its own because a name lookup that hangs
    knows no timeout; an abandoned one ends by itself."""
    results: list[_Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(ask())
        except Exception as error:  # noqa: BLE001 - whatever the hub's library raises, the next source is the answer
            errors.append(error)

    thread = threading.Thread(target=run, name="hub", daemon=True)
    thread.start()
    deadline_s = time.monotonic() + seconds
    while thread.is_alive() and time.monotonic() < deadline_s:
        thread.join(_POLL_S)
        monitor.check()
    if results:
        return results[0]
    if errors and isinstance(errors[0], SourceFailedError):
        raise errors[0]
    if errors:
        raise SourceFailedError(msg("It could not be reached."), details=repr(errors[0])) from errors[0]
    raise SourceFailedError(msg("It did not answer within {seconds} s.", seconds=int(seconds)))
