"""An assistant over a scripted or manual engine, with everything that it told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.events import AssistantEvent, NodeFinished
from autoglm_desktop.assistant.senses import Models
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.settings import SPEECH_MODEL_ID, Settings
from autoglm_desktop.store.store import Store
from tests.helpers.manual_engine import ManualEngine
from tests.helpers.trees import texts_of

T = TypeVar("T", bound=AssistantEvent)


@dataclass(slots=True)
class Installed:
    """The part of the model library that the assistant uses: these models are installed, no other is."""

    installed: tuple[str, ...] = (Settings().model_id, SPEECH_MODEL_ID)
    modalities: tuple[str, ...] = ("text",)
    """Of every model."""

    def ref(self, model_id: str) -> ModelRef:
        if model_id not in self.installed:
            raise AppError(
                ErrorCode.MODEL_MISSING,
                msg("The model {id} is not installed.", id=model_id),
                msg("Install it first."),
            )
        return ModelRef(model_id, f"/models/{model_id}")

    def info(self, model_id: str) -> Installed:
        self.ref(model_id)
        return self


@dataclass(slots=True)
class Heard:
    """A listener that keeps what it heard and can wait for the end of an answer."""

    events: list[AssistantEvent] = field(default_factory=list)
    _change: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, event: AssistantEvent) -> None:
        with self._change:
            self.events.append(event)
            self._change.notify_all()

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def wait_finished(self, node_id: str, timeout_s: float = 10.0) -> None:
        with self._change:
            assert self._change.wait_for(
                lambda: any(event.node.id == node_id for event in self.of(NodeFinished)), timeout_s
            )


@contextmanager
def assistant_over(
    engine: Engine,
    path: Path | None = None,
    *,
    settings: Settings | None = None,
    library: Models | None = None,
    energy: EnergyService | None = None,
    on_settings_saved: Callable[[Settings], None] | None = None,
) -> Iterator[tuple[Assistant, Heard]]:
    """An open assistant; without a path its store is in memory."""
    assistant = Assistant(
        engine,
        Store(path),
        library or Installed(),
        settings or Settings(),
        on_settings_saved=on_settings_saved,
        energy=energy,
    )
    heard = Heard()
    assistant.subscribe(heard)
    try:
        yield assistant, heard
    finally:
        assistant.close()


@dataclass(frozen=True, slots=True)
class Desk:
    """An assistant, its engine, what it told, and one conversation."""

    assistant: Assistant
    engine: ManualEngine
    heard: Heard
    chat: str

    def ask(self, text: str, answer: str) -> str:
        node = self.assistant.send(self.chat, text)
        self.engine.last.say(answer)
        self.engine.last.finish()
        return node.id

    def texts(self) -> list[str]:
        return texts_of(self.assistant.path(self.chat))


@contextmanager
def desk_at(path: Path) -> Iterator[Desk]:
    """A desk whose store is a file."""
    engine = ManualEngine()
    with assistant_over(engine, path) as (assistant, heard):
        yield Desk(assistant, engine, heard, assistant.new_conversation().id)
