"""A whole window over a scripted engine, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.events import AssistantEvent, NodeFinished, SettingsChanged
from autoglm_desktop.assistant.routing import RoutingEngine
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import Memory
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.service import ServiceSwitch
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID, Settings
from autoglm_desktop.energy.telemetry import ThisComputer
from autoglm_desktop.engine.script import Reply, Script, Senses
from autoglm_desktop.engine.scripted import ScriptedEngine
from autoglm_desktop.models.library import ModelInfo, ModelLibrary, PullProgress, PullStage
from autoglm_desktop.models.progress import Cancelled, OnProgress, never, untold
from autoglm_desktop.store.store import Store
from autoglm_desktop.ui.paths import DataPaths
from autoglm_desktop.ui.shell import Shell

SMALLEST = "smollm2-135m-instruct"
MEMORY = Memory(weights_bytes=412_000_000, kv_bytes=3_150_000, rss_bytes=912_000_000)
DEFAULT_SCRIPT = (Reply("An answer."),)
ENGLISH = Settings(language="en", theme="light")


class PlayedLibrary(ModelLibrary):
    """The real library, but what is installed is a set, and a pull plays steps and waits where a test says."""

    def __init__(self, data_dir: Path, installed: Sequence[str] = (DEFAULT_MODEL_ID,)) -> None:
        super().__init__(data_dir)
        self.installed = set(installed)
        self.steps: list[PullProgress] = [PullProgress(PullStage.DONE, 1, 1, "tests")]
        self.go_on = threading.Event()
        self.go_on.set()
        self.fails: AppError | None = None
        self.pulls: list[str] = []

    def info(self, model_id: str) -> ModelInfo:
        return replace(super().info(model_id), installed=model_id in self.installed)

    def pull(self, model_id: str, on_progress: OnProgress, cancelled: Cancelled) -> ModelRef:
        self.pulls.append(model_id)
        self._play(on_progress, cancelled)
        self.installed.add(model_id)
        return self.ref(model_id)

    def _play(self, on_progress: OnProgress, cancelled: Cancelled) -> None:
        for step in self.steps:
            on_progress(step)
        while not self.go_on.wait(0.01):
            if cancelled():
                raise AppError(ErrorCode.CANCELLED, msg("Stopped."), msg("Go on later."))
        if self.fails is not None:
            raise self.fails

    def add(
        self,
        path: Path,
        name: str | None = None,
        *,
        on_progress: OnProgress = untold,
        cancelled: Cancelled = never,
    ) -> ModelInfo:
        self._play(on_progress, cancelled)
        self.installed.add(SMALLEST)
        return self.info(SMALLEST)

    def offer(self, model_id: str, cancelled: Cancelled = never) -> ModelInfo:
        if self.fails is not None:
            raise self.fails
        return replace(self.info(model_id), license="Apache-2.0", download_bytes=1_500_000_000)

    def verify(self, model_id: str, *, on_progress: OnProgress = untold, cancelled: Cancelled = never) -> None:
        self._play(on_progress, cancelled)

    def remove(self, model_id: str, *, cancelled: Cancelled = never) -> int:
        self.installed.discard(model_id)
        return 1_000_000


@dataclass(slots=True)
class Clock:
    """A monotonic clock that stands still by itself."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def wall(self) -> float:
        """Unix time that runs with it."""
        return 1_800_000_000.0 + self.now_s


@dataclass(frozen=True, slots=True)
class Opened:
    """A shown window with what stands behind it."""

    shell: Shell
    assistant: Assistant
    engine: ScriptedEngine
    library: PlayedLibrary
    finished: list[NodeFinished]
    """Answers that ended, in order."""
    clock: Clock
    """Of the simulated phone, which moves when a test says so."""

    def pass_time(self, seconds: float, *, step_s: float = 0.1) -> None:
        """Let the phone's clock run on, with a beat of the energy service at every step; the window has shown it."""
        for _ in range(round(seconds / step_s)):
            self.clock.now_s += step_s
            self.assistant.energy.beat()
        for _ in range(3):  # what a view changes may need another round of layout
            QApplication.processEvents()

    def idle(self, answers: int) -> bool:
        """Whether so many answers ended and the window has shown all of it."""
        return len(self.finished) >= answers and self.shell.controller.bridge.idle


@contextmanager
def open_window(
    qapp: QApplication,
    data_dir: Path,
    script: Script = DEFAULT_SCRIPT,
    *,
    settings: Settings = ENGLISH,
    installed: Sequence[str] = (DEFAULT_MODEL_ID,),
    prepare: Callable[[Assistant], None] = lambda _: None,
    senses: Senses | None = None,
    route: Callable[[Engine, Settings], RoutingEngine] | None = None,
    service: Callable[[Assistant], ServiceSwitch] | None = None,
) -> Iterator[Opened]:
    """A window on conversations in `data_dir`; `prepare` fills them before it opens.

    `route` puts a way to the cloud before the scripted engine, `service` is the HTTP service of the settings.
    """
    engine = ScriptedEngine(script, memory=MEMORY, senses=senses)
    library = PlayedLibrary(data_dir, installed)
    data_dir.mkdir(parents=True, exist_ok=True)
    paths = DataPaths(data_dir)
    clock = Clock()
    energy = EnergyService(settings=settings, computer=ThisComputer(gpu=msg("No card.")), clock=clock, wall=clock.wall)
    router = route(engine, settings) if route is not None else None
    assistant = Assistant(router or engine, Store(paths.store), library, settings, energy=energy)
    if router is not None:
        assistant.subscribe(lambda event: _configure(router, event))
    prepare(assistant)
    switch = service(assistant) if service is not None else None
    shell = Shell(qapp, assistant, library, paths, unload=engine.unload, router=router, service=switch)
    finished: list[NodeFinished] = []
    assistant.subscribe(lambda event: finished.append(event) if isinstance(event, NodeFinished) else None)
    shell.show()
    QTest.qWaitForWindowActive(shell.window)
    try:
        yield Opened(shell, assistant, engine, library, finished, clock)
    finally:
        shell.close()
        if switch is not None:
            switch.stop()
        assistant.close()


def _configure(router: RoutingEngine, event: AssistantEvent) -> None:
    if isinstance(event, SettingsChanged):
        router.configure(event.settings)
