"""Between the assistant and the window: what people do becomes calls, what the assistant tells becomes display."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.events import (
    AssistantEvent,
    ConversationChanged,
    ConversationDeleted,
    EngineChanged,
    GovernorDecided,
    ImageReadingChanged,
    NodeAdded,
    NodeDelta,
    NodeFinished,
    NodePhase,
    SettingsChanged,
    TierChanged,
)
from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import EngineStatus
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.settings import Settings

from .bridge import Bridge
from .cloud_gate import CloudGate
from .images.desk import ImageDesk
from .images.pictures import Pictures
from .state import ShellState, opened, reduce
from .transcript.background import Background
from .windows.main_window import MainWindow

log = logging.getLogger(__name__)

_BEYOND_RETRY = {
    ErrorCode.MODEL_MISSING,
    ErrorCode.MODEL_UNKNOWN,
    ErrorCode.WEIGHTS_CORRUPT,
    ErrorCode.UNSUPPORTED_ARCHITECTURE,
}


class Controller(QObject):
    """Runs on the GUI thread; only the bridge is touched from elsewhere."""

    failed = Signal(object)
    """An `ErrorReport` to show."""
    settings_changed = Signal(object)
    shown = Signal(object)
    """A person went to a conversation: its id, or None for a new one."""

    def __init__(self, window: MainWindow, assistant: Assistant) -> None:
        super().__init__(window)
        self.window, self.assistant = window, assistant
        self.state = ShellState(engine=assistant.engine_status())
        pictures = Pictures(assistant.image_path, Background(self), self)
        self.images = ImageDesk(window.composer, assistant, pictures, self)
        window.transcript.set_pictures(pictures)
        self.gate: CloudGate | None = None
        self._last_id: str | None = None
        self._query = ""
        self._temporary: tuple[str, ...] = ()
        self._load_error: ErrorReport | None = None
        self._list_due = QTimer(self, singleShot=True, interval=0)
        self._list_due.timeout.connect(self.show_list)
        self.bridge = Bridge(self._handle, parent=self)
        self._connect()
        self._unsubscribe = assistant.subscribe(self.bridge.post)
        for viewer in (window.dock, window.status_line):
            viewer.follow(assistant.energy)
        self.show_list()
        self.apply_settings(assistant.settings)
        self.new_chat()

    def close(self) -> None:
        """Hear nothing more from the assistant."""
        self._unsubscribe()
        for viewer in (self.window.dock, self.window.status_line):
            viewer.leave()
        self._list_due.stop()
        self.images.close()
        self.bridge.close()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Show an AppError of the block instead of raising it."""
        try:
            yield
        except AppError as error:
            log.warning("%s", error)
            self.failed.emit(error.report)

    # What people do

    def new_chat(self, *, temporary: bool = False) -> None:
        """An empty conversation; it is created with its first message."""
        self._show_path(None, [], temporary=temporary)
        self.shown.emit(None)
        self.window.composer.edit.setFocus()

    def open(self, conversation_id: str) -> None:
        """Show a conversation."""
        with self.telling():
            path = self.assistant.path(conversation_id)
            temporary = self.assistant.conversation(conversation_id).temporary
            self._show_path(conversation_id, path, temporary=temporary)
            self.shown.emit(conversation_id)
            found = self.window.sidebar.model.found_node(conversation_id)
            if found is not None and any(node.id == found for node in path):
                self.window.transcript.scroll_to_node(found)
            self.window.composer.edit.setFocus()

    def submit(self, text: str) -> None:
        """Send what is written and attached in the composer; when that fails it stays there."""
        self._ask_first(lambda: self._submit(text), images=bool(self.images.draft.parts))

    def _ask_first(self, go: Callable[[], None], *, images: bool = False) -> None:
        """Go on at once, or after the person was asked whether it may leave this machine."""
        if self.gate is None or not self.gate.asks(go, images=images):
            go()

    def _send_alone(self, text: str) -> None:
        with self.telling():
            self._send(text, ())

    def _submit(self, text: str) -> None:
        with self.telling():
            self._send(text, self.images.draft.parts)
            self.window.composer.last_prompt = text or self.window.composer.last_prompt
            self.images.sent()

    def send(self, text: str) -> None:
        """Send a message of this text alone; what is being written stays."""
        self._ask_first(lambda: self._send_alone(text))

    def _send(self, text: str, images: Sequence[ImagePart]) -> None:
        """Send in the open conversation, which is created when there is none. Raises AppError."""
        conversation_id = self.state.conversation_id
        if conversation_id is None:
            self.assistant.require_model()
            made = self.assistant.new_conversation(temporary=self.state.temporary)
            conversation_id = made.id
            if made.temporary:
                self._temporary = (made.id, *self._temporary)
            self.state = replace(self.state, conversation_id=conversation_id)
            self.images.adopt(conversation_id)
            self.window.sidebar.show_current(conversation_id)
        think = self.window.composer.think.isChecked()
        self.assistant.send(conversation_id, text, images=images, think=think)

    def stop(self) -> None:
        """Stop the answer of the open conversation, if there is one."""
        conversation_id = self.state.conversation_id
        if conversation_id is not None and self.state.answering:
            self.state = replace(self.state, stopping=self.state.stopping | {conversation_id})
            self._show_composer()
            if self._last_id is not None:
                self.window.transcript.set_stopping(self._last_id)
            self.assistant.stop(conversation_id)

    def edit(self, node_id: str, text: str) -> None:
        """Ask with another prompt; when that fails, its editor stays with what was written."""
        with self.telling():
            self.assistant.edit(node_id, text)
            self.window.transcript.end_edit(node_id)
            self.window.composer.edit.setFocus()

    def regenerate(self, node_id: str, *, drop_oldest: bool = False) -> None:
        with self.telling():
            self.assistant.regenerate(node_id, drop_oldest=drop_oldest)

    def choose_in_full_context(self, node_id: str, choice: str) -> None:
        """``new`` or ``drop_oldest``, below an answer that did not fit."""
        if choice == "new":
            self.new_chat()
        else:
            self.regenerate(node_id, drop_oldest=True)

    def retry_in_tier(self, node_id: str, tier: str) -> None:
        """Use a tier that fits, and make the answer that failed for it again."""
        self.choose_tier(TierChoice(tier))
        self.regenerate(node_id)

    def select_branch(self, node_id: str) -> None:
        with self.telling():
            self.assistant.select_branch(node_id)
            self.reload()

    def rename(self, conversation_id: str, title: str) -> None:
        with self.telling():
            self.assistant.rename(conversation_id, title)

    def delete(self, conversation_id: str) -> None:
        """Delete a conversation and offer the way back."""
        with self.telling():
            conversation = self.assistant.conversation(conversation_id)
            self.assistant.delete(conversation_id)
            self._temporary = tuple(identity for identity in self._temporary if identity != conversation_id)
            self.images.forget(conversation_id)
            if conversation_id == self.state.conversation_id:
                self._show_path(None, [], temporary=False)
            self.window.sidebar.undo_bar.offer(conversation)

    def undo_delete(self, conversation_id: str) -> None:
        with self.telling():
            self.assistant.restore_deleted(conversation_id)
            if self.assistant.conversation(conversation_id).temporary:
                self._temporary = (conversation_id, *self._temporary)
            self.show_list()
            self.open(conversation_id)

    def search(self, query: str) -> None:
        self._query = query.strip()
        self.show_list()

    def choose_tier(self, choice: TierChoice) -> None:
        with self.telling():
            self.assistant.set_tier_choice(choice)
        self._show_tier()

    def change_settings(self, **values: object) -> None:
        """Change some settings, keep the others."""
        wanted = Settings.model_validate(self.assistant.settings.model_dump() | values)
        with self.telling():
            self.assistant.update_settings(wanted)

    # What is shown

    def show_list(self) -> None:
        """Conversations, or what the search finds."""
        with self.telling():
            if self._query:
                self.window.sidebar.show_hits(self.assistant.search(self._query))
            else:
                temporary = [self.assistant.conversation(identity) for identity in self._temporary]
                self.window.sidebar.show_conversations([*temporary, *self.assistant.conversations()])

    def reload(self) -> None:
        """Show the open conversation anew, after its branch changed."""
        conversation_id = self.state.conversation_id
        if conversation_id is not None:
            path = self.assistant.path(conversation_id)
            self._show_path(conversation_id, path, temporary=self.state.temporary)

    def apply_settings(self, settings: Settings) -> None:
        """Show what the settings say, in all parts; language and theme follow live."""
        self.window.look.apply(settings)
        composer = self.window.composer
        composer.edit.send_on_enter = settings.send_on_enter
        self.window.transcript.set_send_on_enter(settings.send_on_enter)
        composer.think.setChecked(settings.think)
        self._show_tier()
        self._show_usage()
        self.settings_changed.emit(settings)

    def _show_path(self, conversation_id: str | None, path: list[Node], *, temporary: bool) -> None:
        self.state = opened(self.state, conversation_id, path, temporary=temporary)
        if conversation_id is not None and self.assistant.is_busy(conversation_id):
            self.state = replace(self.state, busy=self.state.busy | {conversation_id})
        self._last_id = path[-1].id if path else None
        self.window.transcript.set_path(path)
        self.window.composer.show_temporary(temporary=temporary)
        self.images.switch(conversation_id)
        self.window.sidebar.show_current(conversation_id)
        prompts = [node.text for node in path if node.role == "user"]
        self.window.composer.last_prompt = prompts[-1] if prompts else self.window.composer.last_prompt
        self._show_composer()
        self._show_usage()

    def _handle(self, event: object) -> None:
        """One event of the assistant, on the GUI thread."""
        if isinstance(event, NodeDelta):
            if event.conversation_id == self.state.conversation_id:
                self.window.transcript.append_delta(
                    event.node_id, event.text, event.reasoning, start=event.start, tokens=event.tokens
                )
            return
        assert isinstance(event, AssistantEvent)
        before, self.state = self.state, reduce(self.state, event, time.time())
        self._show_event(event)
        if (before.busy, before.stopping) != (self.state.busy, self.state.stopping):
            self._show_composer()
        if before.usage is not self.state.usage:
            self._show_usage()
        if before.log is not self.state.log:
            self.window.dock.show_events(self.state.log)

    def _show_event(self, event: AssistantEvent) -> None:
        transcript = self.window.transcript
        match event:
            case NodeAdded(node) if node.conversation_id == self.state.conversation_id:
                self._last_id = node.id
                transcript.add_node(node)
            case NodePhase(conversation_id, node_id, phase, fraction) if conversation_id == self.state.conversation_id:
                transcript.set_phase(node_id, phase, fraction)
            case NodeFinished(node):
                if node.conversation_id == self.state.conversation_id:
                    transcript.finish_node(node)
                self._tell_failure(node)
            case TierChanged(conversation_id, node_id, switch) if conversation_id == self.state.conversation_id:
                transcript.add_tier_notice(node_id, switch, self._reason_for(switch.to_tier))
            case ImageReadingChanged(node_id, sha256, reading) if node_id is not None:
                transcript.show_reading(node_id, sha256, reading)
            case ConversationChanged() | ConversationDeleted():
                self._list_due.start()
            case EngineChanged(status):
                self._show_engine()
                self._tell_load_failure(status)
            case GovernorDecided():
                self._show_tier()
            case SettingsChanged(settings):
                self.apply_settings(settings)

    def _tell_failure(self, node: Node) -> None:
        """The transcript says why an answer ended; a banner is for what has a way on beyond a retry."""
        if node.error is not None and node.error.code in _BEYOND_RETRY:
            self.failed.emit(node.error)
        if self.gate is not None and node.conversation_id == self.state.conversation_id:
            self.gate.refused(node)

    def _tell_load_failure(self, status: EngineStatus) -> None:
        """A load that failed without an answer waiting for it: an answer would tell it itself."""
        if status.error is not None and status.error != self._load_error and not self.state.busy:
            self.failed.emit(status.error)
        self._load_error = status.error

    def _show_engine(self) -> None:
        self.window.top_bar.model.show_status(self.state.engine)
        self._show_tier()

    def _show_tier(self) -> None:
        decision = self.assistant.effective_tier()
        reason = str(decision.reason)
        misfits = {tier: str(words) for tier in Tier if (words := self.assistant.energy.misfit(tier)) is not None}
        self.window.top_bar.tiers.show_choice(self.assistant.settings.tier, decision.tier, reason, misfits)

    def _reason_for(self, tier: Tier) -> str:
        """Why this tier answers, as far as it is the one that was decided for."""
        decision = self.assistant.effective_tier()
        return str(decision.reason) if decision.tier is tier else ""

    def _show_usage(self) -> None:
        """Nothing after a change of model: how much the other one holds is told by its first answer."""
        same = self.state.usage_model_id == self.assistant.settings.model_id
        usage = self.state.usage if same else None
        used = usage.prompt_tokens + usage.completion_tokens if usage else 0
        self.window.top_bar.context.show_usage(used, usage.context_tokens if usage else 0)

    def _show_composer(self) -> None:
        stopping = self.state.conversation_id in self.state.stopping
        self.window.composer.show_state(busy=self.state.answering, stopping=stopping)

    def _retranslated(self) -> None:
        self.show_list()
        self._show_engine()
        self._show_usage()

    def _connect(self) -> None:
        window, sidebar, transcript = self.window, self.window.sidebar, self.window.transcript
        window.look.language_changed.connect(self._retranslated)
        window.dock.failed.connect(self.failed)
        sidebar.new_requested.connect(self.new_chat)
        sidebar.temporary_requested.connect(lambda: self.new_chat(temporary=True))
        sidebar.opened.connect(self.open)
        sidebar.searched.connect(self.search)
        sidebar.renamed.connect(self.rename)
        sidebar.delete_requested.connect(self.delete)
        sidebar.undo_requested.connect(self.undo_delete)
        window.composer.submitted.connect(self.submit)
        window.composer.stop_requested.connect(self.stop)
        window.composer.think_toggled.connect(lambda on: self.change_settings(think=on))
        window.top_bar.tiers.chosen.connect(self.choose_tier)
        transcript.edit_submitted.connect(self.edit)
        transcript.regenerate_requested.connect(self.regenerate)
        transcript.retry_requested.connect(self.regenerate)
        transcript.branch_selected.connect(self.select_branch)
        transcript.context_choice.connect(self.choose_in_full_context)
        transcript.tier_suggested.connect(self.retry_in_tier)
        transcript.continue_requested.connect(lambda _: self.send(tr("Go on.")))
        transcript.suggestion_chosen.connect(self.send)
