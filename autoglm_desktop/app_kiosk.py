"""The composition root of the kiosk: the same parts as the window's, with nothing of a visitor on the disk."""

from __future__ import annotations

import gc
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from autoglm_desktop.app import Arguments, begin_to_load, engine_options, signals_close, start_log, take_lock
from autoglm_desktop.assets import resource
from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.visitors import Visitors, kiosk_settings
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.interrupts import held
from autoglm_desktop.core.kiosk import KioskConfig, load_kiosk, make_kiosk
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.settings import load_settings
from autoglm_desktop.energy.phone import Phone
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import load_profile
from autoglm_desktop.energy.scenario_files import load_scenario
from autoglm_desktop.energy.scenario_run import run_scenario
from autoglm_desktop.engine.client import EngineClient
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.store.store import Store
from autoglm_desktop.ui.paths import DataPaths

if TYPE_CHECKING:
    from autoglm_desktop.ui.kiosk.window import KioskWindow

log = logging.getLogger(__name__)

_WINDOW_CLOSES_S = 10.0
"""A window that starts the kiosk closes meanwhile."""


@dataclass(slots=True)
class _Ending:
    """Why the loop ended."""

    again: bool = False


def run_kiosk(
    arguments: Arguments,
    file: Path | None,
    *,
    engine: Engine | None = None,
    on_shown: Callable[[KioskWindow], None] | None = None,
) -> int:
    """Open the kiosk and run until staff or a signal ends it; the daily restart replaces the process.

    `engine` stands in for the real one, which then is neither started nor needs a model. Returns the exit status.
    """
    ending = _Ending()
    logging.getLogger().addHandler(logging.NullHandler())  # until the log is open nothing goes to stderr
    try:
        config = _config(arguments.data_dir, file)
        with held() as check, ExitStack() as closing:
            lock = take_lock(arguments.data_dir, wait_s=_WINDOW_CLOSES_S)
            if lock is None:
                print("autoglm-desktop: another window or kiosk has this data folder open; close it.", file=sys.stderr)
                return 1
            closing.callback(lock.release)
            start_log(arguments)
            status = _run(arguments, config, closing, given=engine, ending=ending, check=check, on_shown=on_shown)
    except AppError as error:
        log.exception("the kiosk could not start")
        print(f"autoglm-desktop: {error.report.line()}", file=sys.stderr)
        return 1
    if ending.again:
        os.execv(sys.executable, [sys.executable, "-m", "autoglm_desktop", *sys.argv[1:]])  # noqa: S606 - this very program
    return status


def _config(data_dir: Path, file: Path | None) -> KioskConfig:
    """The configuration; without one a fresh file with a fresh PIN, which is told once."""
    path = file or data_dir / "kiosk.toml"
    if file is None and not path.exists():
        pin = make_kiosk(path, resource("kiosk.toml").read_text(encoding="utf-8"))
        print(f"autoglm-desktop: the kiosk's configuration is {path}, its staff PIN is {pin}", file=sys.stderr)
    return load_kiosk(path)


def _run(
    arguments: Arguments,
    config: KioskConfig,
    closing: ExitStack,
    *,
    given: Engine | None,
    ending: _Ending,
    check: Callable[[], None],
    on_shown: Callable[[KioskWindow], None] | None,
) -> int:
    paths = DataPaths(arguments.data_dir)
    _own_temporary_files(paths.kiosk_files)
    stored, _ = load_settings(paths.settings)
    settings = kiosk_settings(stored.model_copy(update=arguments.overrides()), config)
    engine = given or EngineClient(engine_options(settings, paths))
    closing.callback(engine.close)
    library = ModelLibrary(arguments.data_dir)
    energy = EnergyService(settings=settings, own_phones=paths.phones)
    closing.callback(energy.close)
    begin_to_load(engine, library, energy, settings)
    assistant = Assistant(engine, Store(None), library, settings, energy=energy)
    closing.callback(assistant.close)
    energy.start()

    from autoglm_desktop.ui.garbage import collected_on_this_thread
    from autoglm_desktop.ui.kiosk.window import KioskWindow
    from autoglm_desktop.ui.shell import make_application

    application = make_application()
    closing.enter_context(collected_on_this_thread())
    visitors = Visitors(assistant, config, paths.kiosk_files)
    closing.callback(visitors.close)
    window = KioskWindow(application, assistant, visitors, config)
    closing.callback(window.end)
    player = Thread(target=_play, args=(window, config, paths), name="attract", daemon=True)
    player.start()
    closing.callback(player.join)

    def start_again() -> None:
        ending.again = True
        window.allow_close()

    window.restart_requested.connect(start_again)
    window.open()
    gc.freeze()
    if on_shown is not None:
        on_shown(window)
    with signals_close(window.allow_close):
        check()
        return application.exec()


def _own_temporary_files(folder: Path) -> None:
    """Let every temporary file of this process and the engine's go to `folder`, so that a wipe finds them all."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["TMPDIR"] = os.environ["TMP"] = os.environ["TEMP"] = str(folder)
    tempfile.tempdir = None  # read the environment anew


def _play(window: KioskWindow, config: KioskConfig, paths: DataPaths) -> None:
    """Compute the scenario of the attract page, on a thread of its own; one that cannot be used is told in the log."""
    try:
        scenario = load_scenario(config.attract.scenario, paths.data_dir / "scenarios")
        profile = load_profile(config.phone.id, paths.phones)
        result = run_scenario(scenario, profile, Policy.STEADY)
    except AppError as error:
        log.warning("the attract page has no scenario to play: %s", error)
        return
    window.scenario_ready.emit(result.samples, scenario.start.time, Phone(profile).cell.stored_j)
