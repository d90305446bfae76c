"""The composition root of the window: settings, engine, store, assistant, then Qt.

The order is for the clock: the engine's process starts before Qt is imported, so that the model loads while the window
is built. Nothing here imports torch.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from autoglm_desktop import assets
from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.cloud import CloudDesk
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.events import AssistantEvent, SettingsChanged
from autoglm_desktop.assistant.leftovers import remove_files
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.files import make_private_folder
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.interrupts import held
from autoglm_desktop.core.logs import log_file, log_quietly
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.settings import Settings, load_settings, save_settings
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.server.host import ServiceHost
from autoglm_desktop.store.store import Store
from autoglm_desktop.ui.paths import DataPaths

if TYPE_CHECKING:
    from autoglm_desktop.ui.shell import Shell

log = logging.getLogger(__name__)

_LOG_BYTES = 2_000_000
_COMMAND_WRITES_S = 0.3
"""A command that ends holds the lock for as long as it writes where the phone stands."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the command line may say about the window; None: as the settings say."""

    data_dir: Path
    model_id: str | None = None
    language: str | None = None
    log_level: str = "INFO"
    kiosk: str | None = None
    """The kiosk's configuration file; empty: the one of the data folder; None: no kiosk."""

    def overrides(self) -> dict[str, str]:
        """The settings that the command line names."""
        named = {"model_id": self.model_id, "language": self.language}
        return {key: value for key, value in named.items() if value is not None}


def parse(argv: Sequence[str]) -> Arguments:
    """The arguments of the window. Ends the process with status 2 and a usage line for wrong ones."""
    parser = argparse.ArgumentParser(prog="autoglm-desktop", add_help=False)
    parser.add_argument("--model")
    parser.add_argument("--lang", choices=("zh_CN", "en"))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--log-level", default="INFO", type=str.upper, choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    parser.add_argument("--kiosk", nargs="?", const="", metavar="FILE")
    found = parser.parse_args(list(argv))
    data_dir = found.data_dir or assets.default_data_dir()
    return Arguments(data_dir, found.model, found.lang, found.log_level, found.kiosk)


def has_display() -> bool:
    """Whether a window can be opened here: Qt ends the process when it cannot reach the display."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM") or os.environ.get("WAYLAND_DISPLAY"):
        return True
    display = os.environ.get("DISPLAY", "")
    if not display.startswith(":"):
        return bool(display)
    path = f"/tmp/.X11-unix/X{display[1:].split('.')[0]}"  # noqa: S108 - where X servers listen
    with socket.socket(socket.AF_UNIX) as probe:
        return any(probe.connect_ex(address) == 0 for address in (path, f"\0{path}"))


def run_window(argv: Sequence[str] = (), *, on_shown: Callable[[Shell], None] | None = None) -> int:
    """Open the window and run until it closes. Returns the exit status: 0, or 1 with one line on stderr.

    Raises KeyboardInterrupt after a Ctrl-C during the start, once what was opened is closed again.

    `on_shown` gets the window once it is shown, on the GUI thread: for programs that measure it or take its picture.
    """
    arguments = parse(argv)
    logging.getLogger().addHandler(logging.NullHandler())  # until the log is open nothing goes to stderr
    try:
        with held() as check, ExitStack() as closing:
            lock = take_lock(arguments.data_dir, wait_s=_COMMAND_WRITES_S)
            if lock is None:
                return _wake_first(arguments.data_dir)
            closing.callback(lock.release)
            start_log(arguments)
            _finish_wipe(DataPaths(arguments.data_dir).kiosk_files)
            return _run(arguments, closing, check, on_shown)
    except AppError as error:
        log.exception("the window could not start")
        print(f"autoglm-desktop: {error.report.line()}", file=sys.stderr)
        from autoglm_desktop.ui.shell import show_failure

        show_failure(error.report)
        return 1


def _run(
    arguments: Arguments, closing: ExitStack, check: Callable[[], None], on_shown: Callable[[Shell], None] | None
) -> int:
    """Build everything, run Qt's loop, and let `closing` take it all down in the opposite order.

    `check` raises KeyboardInterrupt after a Ctrl-C, here where that is safe.
    """
    paths = DataPaths(arguments.data_dir)
    stored, notices = load_settings(paths.settings)
    settings = stored.model_copy(update=arguments.overrides())
    engine = EngineClient(engine_options(settings, paths))
    closing.callback(engine.close)
    library = ModelLibrary(arguments.data_dir)
    energy = EnergyService(settings=settings, own_phones=paths.phones)
    closing.callback(energy.close)
    begin_to_load(engine, library, energy, settings)
    check()
    store, told = _open_store(paths)
    closing.callback(store.close)
    cloud = CloudDesk(engine, settings, library, energy)
    assistant = Assistant(
        cloud.engine,
        store,
        library,
        settings,
        on_settings_saved=lambda new: save_settings(paths.settings, _without(arguments.overrides(), new, stored)),
        energy=energy,
    )
    closing.callback(assistant.close)
    energy.start()
    cloud.image_bytes = lambda part: assistant.image_path(part.sha256).read_bytes()
    closing.callback(assistant.subscribe(lambda event: _reconfigure(engine, cloud, paths, event)))

    from autoglm_desktop.ui import shell as qt
    from autoglm_desktop.ui.garbage import collected_on_this_thread

    check()
    application = qt.make_application()
    closing.enter_context(collected_on_this_thread())
    service = ServiceHost(assistant)
    closing.callback(service.stop)
    shell = qt.Shell(
        application,
        assistant,
        library,
        paths,
        unload=engine.unload,
        router=cloud.engine,
        service=service,
        spare_engine=lambda: EngineClient(_spare_options(assistant.settings, paths)),
    )
    closing.callback(shell.close)
    shell.show(notices + told)
    gc.freeze()  # a full collection while an answer streams passes over what the start made: 20 ms, not 50
    if on_shown is not None:
        on_shown(shell)
    with signals_close(application.closeAllWindows):
        check()
        return application.exec()


def take_lock(data_dir: Path, *, wait_s: float = 0.0) -> FileLock | None:
    """The lock of this folder's window, or None when another keeps it for `wait_s`. A crash frees it."""
    lock = FileLock(data_dir / "window.lock", mode=0o600)
    try:
        make_private_folder(data_dir)
        lock.acquire(timeout=wait_s)
    except Timeout:
        return None
    except OSError as error:
        raise AppError(
            ErrorCode.NOT_WRITABLE,
            msg("The data folder {path} cannot be written.", path=str(data_dir)),
            msg("Make it writable, free some space, or name another folder with --data-dir."),
            details=str(error),
        ) from error
    return lock


def _wake_first(data_dir: Path) -> int:
    from autoglm_desktop.ui.single_instance import wake_first

    if wake_first(data_dir):
        return 0
    error = AppError(
        ErrorCode.BUSY,
        msg("Another window with the data folder {path} is open, but does not answer.", path=str(data_dir)),
        msg("Close it, or end its process, and start again."),
    )
    print(f"autoglm-desktop: {error.report.line()}", file=sys.stderr)
    return 1


def _finish_wipe(folder: Path) -> None:
    """What a power cut left of a kiosk's last visitor goes now, whether or not the kiosk is ever started again."""
    if folder.exists() and (left := remove_files(folder)):
        log.error("temporary files of a visitor are left: %s", "; ".join(left))


def start_log(arguments: Arguments) -> None:
    path = DataPaths(arguments.data_dir).log
    try:
        handler = log_file(path, _LOG_BYTES, older=2)
    except OSError:  # a folder that cannot be written is said where something has to be written
        handler = logging.NullHandler()
    log_quietly()
    logging.basicConfig(level=arguments.log_level, handlers=[handler], force=True)
    log.info("window starts, data folder %s", arguments.data_dir)


def engine_options(settings: Settings, paths: DataPaths) -> EngineOptions:
    return EngineOptions(
        settings.threads,
        settings.kv_cache_max_bytes,
        settings.idle_unload_s,
        paths.engine_log,
        settings.modality_idle_unload_s,
    )


def _spare_options(settings: Settings, paths: DataPaths) -> EngineOptions:
    """For the engine that packs tiers: one thread, so that an answer meanwhile keeps the others."""
    own_log = paths.engine_log.with_name("engine-prepare.log")
    return replace(engine_options(settings, paths), threads=1, log_path=own_log)


def _reconfigure(engine: EngineClient, cloud: CloudDesk, paths: DataPaths, event: AssistantEvent) -> None:
    if isinstance(event, SettingsChanged):
        engine.configure(engine_options(event.settings, paths))
        cloud.configure(event.settings)


def begin_to_load(engine: Engine, library: ModelLibrary, energy: EnergyService, settings: Settings) -> None:
    """Start the engine before anything else is built; a model that is missing is the first page's matter."""
    try:
        model = library.ref(settings.model_id)
    except AppError as error:
        log.info("nothing to load: %s", error)
    else:
        engine.preload(model, energy.decision.tier)


def _without(overrides: Mapping[str, str], new: Settings, stored: Settings) -> Settings:
    """The settings to keep: what the command line named for this run, and nobody changed since, stays as it was."""
    untouched = [key for key, value in overrides.items() if getattr(new, key) == value]
    return new.model_copy(update={key: getattr(stored, key) for key in untouched})


def _open_store(paths: DataPaths) -> tuple[Store, tuple[Text, ...]]:
    """The conversations on disk; where they cannot be opened, a store in memory and the sentence that says so."""
    try:
        store = Store(paths.store)
    except AppError as error:
        log.exception("conversations are kept in memory only")
        told = msg(
            "{cause} Until then conversations are not kept: they end with this window.", cause=error.report.line()
        )
        return Store(None), (told,)
    return store, store.notices


@contextmanager
def signals_close(close: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM call `close`, in order: Python hears of them through a socket that Qt watches."""
    from autoglm_desktop.ui.signals import SignalWatch

    watch = SignalWatch(close)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        watch.close()
