"""``serve``: the HTTP service without a window."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Annotated, NoReturn

import typer

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.events import AssistantEvent, EngineChanged
from autoglm_desktop.cloud.keys import SERVICE_VARIABLE, sendable
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import Modality
from autoglm_desktop.server.host import ServiceHost, ServiceState, ServiceStatus, bind, usable_key

from .context import begin
from .options import DataDirOption, LanguageOption, LogLevelOption, ModelOption

PRODUCT = "AutoGLM-Phone-9B"
_SILENT_FOR_S = 600.0
"""An engine that tells nothing for so long while it loads hangs; packing a tier for the first time tells much."""

_NAMES = {Modality.VISION: "vision encoder", Modality.SPEECH: "speech frontend"}


def _checked(api_key: str | None) -> str | None:
    """Wrong usage, where no client could send the key."""
    try:
        return None if api_key is None else sendable(api_key)
    except AppError as error:
        raise typer.BadParameter(error.report.line()) from error


def serve(
    typer_context: typer.Context,
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen at; others than this computer's need a key.")] = (
        None
    ),
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="0 takes any free one.")] = None,
    model: ModelOption = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            envvar=SERVICE_VARIABLE,
            callback=_checked,
            help="What clients must send; better in the variable.",
        ),
    ] = None,
    load: Annotated[
        list[Modality] | None, typer.Option(help="Load it at the start, not on first use; may be given again.")
    ] = None,
    phone_control: Annotated[
        bool | None,
        typer.Option(
            "--phone-control/--no-phone-control", help="Whether clients without a key may move the simulated phone."
        ),
    ] = None,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Serve an OpenAI-compatible API until Ctrl-C or SIGTERM."""
    context = begin(typer_context, data_dir, log_level, language)
    context = context.override(
        model_id=model, service_host=host, service_port=port, service_phone_control=phone_control
    )
    settings = context.settings
    usable_key(settings.service_host, api_key)
    bind(settings.service_host, settings.service_port).close()  # better known before the model is loaded
    context.library().chat_ref(settings.model_id)
    with _terminated(), context.assistant(keep=True) as assistant:
        StartUp(assistant, settings.model_id).run(tuple(dict.fromkeys(load or ())))
        service = ServiceHost(assistant, settings, api_key=api_key)
        try:
            _serve(service)
        finally:
            service.stop()


def announce(level: str, line: str) -> None:
    """A line of the start, for people and for scripts that wait for one."""
    print(f"[{level}] {line}", file=sys.stderr, flush=True)


class StartUp:
    """Loads what is to be loaded and says each thing when it begins. Later modalities are told when they are there."""

    def __init__(self, assistant: Assistant, model_id: str) -> None:
        self._assistant, self._model_id = assistant, model_id
        self._statuses: SimpleQueue[EngineStatus] = SimpleQueue()
        self._told: set[Modality] = set()

    def run(self, modalities: tuple[Modality, ...]) -> None:
        """Returns when everything is loaded. Raises AppError."""
        unsubscribe = self._assistant.subscribe(self._hear)
        try:
            announce("INFO", f"Loading {PRODUCT} model... (weights: {self._model_id})")
            for modality in modalities:
                self._load(modality)
            announce("INFO", f"Initializing {PRODUCT} backbone with KV cache optimization...")
            self._assistant.preload()
            self._wait(lambda status: status.state is EngineState.READY and status.model_id == self._model_id)
        finally:
            unsubscribe()
        self._assistant.subscribe(self._tell_later)

    def _load(self, modality: Modality) -> None:
        announce("INFO", f"Initializing {_NAMES[modality]}...")
        self._told.add(modality)
        self._assistant.load_modality(modality)
        self._wait(lambda status: any(m.loaded and m.modality is modality for m in status.modalities))

    def _wait(self, reached: Callable[[EngineStatus], bool]) -> None:
        while True:
            try:
                status = self._statuses.get(timeout=_SILENT_FOR_S)
            except Empty:
                raise _hangs() from None
            if reached(status):
                return
            if status.error is not None:
                _raise(status.error)

    def _hear(self, event: AssistantEvent) -> None:
        if isinstance(event, EngineChanged):
            self._statuses.put(event.status)

    def _tell_later(self, event: AssistantEvent) -> None:
        if not isinstance(event, EngineChanged):
            return
        for found in event.status.modalities:
            if found.loaded and found.modality not in self._told:
                self._told.add(found.modality)
                announce("INFO", f"Loaded on first use: {_NAMES[found.modality]}, {found.load_s:.1f} s")


def _serve(service: ServiceHost) -> None:
    """Returns never: Ctrl-C and SIGTERM raise. Raises AppError when the service ends by itself."""
    ended: SimpleQueue[ErrorReport] = SimpleQueue()

    def look(status: ServiceStatus) -> None:
        if status.state is ServiceState.OFF and status.error is not None:
            ended.put(status.error)

    service.watch(look)
    service.start()
    if service.wait_running().state is ServiceState.RUNNING:
        announce("INFO", f"Server running on {service.address}")
        announce("SUCCESS", f"{PRODUCT} inference service is ready!")
    _raise(ended.get())


@contextmanager
def _terminated() -> Iterator[None]:
    """SIGTERM ends the process in order, with status 0."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise(report: ErrorReport) -> NoReturn:
    raise AppError(report.code, report.cause, report.next_step, details=report.details)


def _hangs() -> AppError:
    return AppError(
        ErrorCode.ENGINE_FAILED,
        msg("The engine does not answer while it loads."),
        msg("Start again; autoglm-desktop doctor looks for the reason."),
    )
