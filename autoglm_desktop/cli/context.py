"""What every command begins with: where the data is, the language, the log; and how the parts are put together."""

from __future__ import annotations

import locale
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from autoglm_desktop import assets
from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.cloud import CloudDesk
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.core import i18n
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import Text
from autoglm_desktop.core.logs import FORMAT, log_file, log_quietly
from autoglm_desktop.core.settings import Settings, load_settings, save_settings
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.store.store import Store
from autoglm_desktop.ui.paths import DataPaths

from .options import Language, LogLevel
from .output import tell

log = logging.getLogger(__name__)

_LOG_BYTES = 1 << 20
_NOTICED = 1e-5
"""Of a charge, under a joule: a command that asked nothing of the phone leaves no trace."""


@dataclass(frozen=True, slots=True)
class Context:
    """A data folder with its settings, ready for a command."""

    paths: DataPaths
    settings: Settings
    notices: tuple[Text, ...] = ()
    """What reading the settings told."""

    def library(self) -> ModelLibrary:
        return ModelLibrary(self.paths.data_dir)

    def override(self, **named: Any) -> Context:
        """Other settings for this run alone; None leaves one as it is. The caller has checked the values."""
        chosen = {key: value for key, value in named.items() if value is not None}
        return replace(self, settings=self.settings.model_copy(update=chosen))

    def engine(self) -> EngineClient:
        settings = self.settings
        return EngineClient(
            EngineOptions(
                settings.threads,
                settings.kv_cache_max_bytes,
                settings.idle_unload_s,
                self.paths.engine_log,
                settings.modality_idle_unload_s,
            )
        )

    @contextmanager
    def assistant(self, *, keep: bool) -> Iterator[Assistant]:
        """An assistant with an engine of its own. Unless `keep`, no word of it touches the disk.

        The simulated phone begins where the settings say, and is left there again: see `keep_phone`.
        """
        with ExitStack() as closing:
            store = Store(self.paths.store if keep else None)
            closing.callback(store.close)
            if store.notices:
                tell(*store.notices)
            engine = self.engine()
            closing.callback(engine.close)
            energy = EnergyService(settings=self.settings, own_phones=self.paths.phones)
            closing.callback(keep_phone, self.paths, energy)
            library = self.library()
            cloud = CloudDesk(engine, self.settings, library, energy)
            assistant = Assistant(cloud.engine, store, library, self.settings, energy=energy)
            closing.callback(assistant.close)
            cloud.image_bytes = lambda part: assistant.image_path(part.sha256).read_bytes()
            energy.start()
            yield assistant


def keep_phone(paths: DataPaths, energy: EnergyService) -> None:
    """Write where the phone stands into the settings, for the next command and the window.

    A window that is open has the phone in hand and will write it itself; another phone than that of the settings is
    not theirs. What cannot be written is logged: the command's work is done.
    """
    from autoglm_desktop.app import take_lock

    left = energy.leave()  # takes its time: a window that starts meanwhile must find the lock free
    try:
        lock = take_lock(paths.data_dir)
        if lock is not None:
            try:
                _save_phone(paths.settings, energy.profile.id, left)
            finally:
                lock.release()
    except AppError:
        log.exception("where the phone stands could not be saved")


def _save_phone(path: Path, phone_id: str, left: dict[str, Any]) -> None:
    stored, _ = load_settings(path)
    settings = stored.model_copy(update=left)
    drained = abs(settings.phone_battery - stored.phone_battery) >= _NOTICED
    moved = settings.model_copy(update={"phone_battery": stored.phone_battery}) != stored
    if stored.phone_id == phone_id and (drained or moved):
        save_settings(path, settings)


@dataclass(frozen=True, slots=True)
class RootOptions:
    """Options given before the name of the command; those after it win."""

    data_dir: Path | None = None
    log_level: LogLevel | None = None
    language: Language | None = None


def begin(
    typer_context: typer.Context,
    data_dir: Path | None,
    log_level: LogLevel | None,
    language: Language | None,
) -> Context:
    """Read the settings, choose the language, open the log. What is odd about the settings is told on stderr."""
    root = typer_context.find_object(RootOptions) or RootOptions()
    paths = DataPaths(data_dir or root.data_dir or assets.default_data_dir())
    settings, notices = load_settings(paths.settings)
    install_language(language or root.language, settings)
    start_log(paths.data_dir, log_level or root.log_level)
    for notice in notices:
        tell(notice)
    return Context(paths, settings, notices)


def install_language(asked: Language | None, settings: Settings) -> None:
    """The language that was asked for, else that of the settings, else the one of the environment."""
    chosen = asked.value if asked else settings.language
    name = environment_language() if chosen == "system" else chosen
    i18n.install(name, assets.translations(name))


def environment_language() -> str:
    """``zh_CN`` when the locale of the environment is Chinese, else ``en``."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return "zh_CN" if value.startswith("zh") else "en"
    return "zh_CN" if (locale.getlocale()[0] or "").startswith(("zh", "Chinese")) else "en"


def log_path(data_dir: Path) -> Path:
    return data_dir / "logs" / "cli.log"


def start_log(data_dir: Path, shown: LogLevel | None) -> None:
    """Log to the data folder, and what `shown` asks for to standard error too.

    A folder that is not there is not made for a log: reading commands leave no trace.
    """
    log_quietly()
    root = logging.getLogger()
    root.setLevel(logging.DEBUG if shown is LogLevel.DEBUG else logging.INFO)
    if shown is not None:
        stream = logging.StreamHandler()
        stream.setLevel(shown.value.upper())
        stream.setFormatter(logging.Formatter(FORMAT))
        root.addHandler(stream)
    root.addHandler(_file_handler(data_dir))


def _file_handler(data_dir: Path) -> logging.Handler:
    if not data_dir.is_dir():
        return logging.NullHandler()
    try:
        return log_file(log_path(data_dir), _LOG_BYTES, older=1)
    except OSError:  # a folder that cannot be written is said where something has to be written
        return logging.NullHandler()
