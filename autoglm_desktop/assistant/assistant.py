"""What the window, the command line and the HTTP service drive. No Qt, no torch.

Every method may be called from any thread. Events reach the listeners in order, from whichever thread caused them.
Methods that change a conversation raise AppError and then have changed nothing: BUSY while it is being answered,
BAD_INPUT for an id that is gone or an empty text, NOT_WRITABLE, DISK_FULL or STORE_CORRUPT from the store.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from autoglm_desktop.core.conversation import Conversation, Node, NodeState, SearchHit
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import EngineStatus
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart, Part, Role, Sampling, TextPart, TurnRequest
from autoglm_desktop.core.perception import ModalityStatus
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.governor import Decision
from autoglm_desktop.store import exchange, markdown
from autoglm_desktop.store.rows import images_of
from autoglm_desktop.store.store import Store
from autoglm_desktop.store.text import clean

from .announcer import Announcer
from .completions import CompletionService
from .context import messages_for
from .energy import EnergyService
from .energy_desk import News
from .energy_turns import TurnMeter
from .events import (
    ConversationChanged,
    ConversationDeleted,
    EngineChanged,
    GovernorDecided,
    Listener,
    ModalitiesChanged,
    NodeAdded,
    SettingsChanged,
)
from .image_intake import is_sound
from .image_text import described
from .ledger import Ledger
from .line import Line
from .nodes import new_node, newest, require_role, title_for
from .perception import Perception
from .runner import NodeImage, Runner
from .senses import Models, Senses, checked_images
from .shelf import Shelf
from .tiering import TierDecision, tier_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Ask:
    """How one answer is asked for; None means as the settings say."""

    think: bool | None = None
    drop_oldest: bool = False
    sampling: Sampling | None = None
    max_tokens: int | None = None
    meter: TurnMeter | None = None
    """Of what was done for it before."""


class Assistant(Senses):
    """Conversations, turns and settings over an engine, a store and the installed models; it sees and hears, too."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        library: Models,
        settings: Settings,
        *,
        on_settings_saved: Callable[[Settings], None] | None = None,
        energy: EnergyService | None = None,
    ) -> None:
        """`on_settings_saved` gets every change and writes it to its file.

        `close` closes `store`, `engine` and `energy`, too. Without an `energy` service there is one that nobody has
        started: it moves when it is asked.

        Raises nothing.
        """
        self.energy = energy or EnergyService(settings=settings)
        shelf, announcer, line = Shelf(store), Announcer(), Line(engine)
        super().__init__(engine, library, shelf, Perception(engine, self.energy, shelf, line), announcer)
        self._settings = settings
        self._save_settings = on_settings_saved
        self._settings_lock = threading.RLock()
        self.energy.connect(self._governed, self._keep_energy)
        self.ledger = Ledger(self._shelf)
        self._runner = Runner(engine, self._announcer, self.energy, self._perception, line)
        self.completions = CompletionService(
            engine,
            line,
            library,
            self.energy,
            self._runner.cache,
            settings=lambda: self._settings,
            enter_ledger=store.enter_ledger,
            in_words=lambda message: described((message,), self._perception.reading)[0],
            sees=self.sees,
        )
        self._deleted: list[str] = []
        self._closed = False
        self._modalities: tuple[ModalityStatus, ...] = ()
        self._unwatch = engine.watch(self._engine_changed)

    @property
    def settings(self) -> Settings:
        return self._settings

    def update_settings(self, settings: Settings) -> None:
        """Use them from now on, tell the listeners, save. A changed tier reaches a running answer at its next token.

        Where the simulated phone stands is not taken from them. Raises AppError BAD_INPUT for a phone that cannot be
        used (nothing changes then), NOT_WRITABLE when they cannot be saved: this process uses them all the same.
        """
        with self._settings_lock:
            before = self._settings
            self.energy.apply(before, settings)
            self._settings = settings.model_copy(update=self.energy.settings_keys())
        self._announcer.tell(SettingsChanged(self._settings))
        if settings.tier is not before.tier:
            self._set_tier(self.effective_tier().tier)
        self._save()

    def set_tier_choice(self, choice: TierChoice) -> None:
        """`update_settings` with another tier."""
        self.update_settings(self._settings.model_copy(update={"tier": choice}))

    def effective_tier(self) -> TierDecision:
        """The tier that an answer begun now is made in, and why: what the governor decided last."""
        return tier_of(self.energy.decision)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of every event, from any thread; returns the function that ends it. It must be quick."""
        return self._announcer.subscribe(listener)

    def conversations(self) -> list[Conversation]:
        """The kept ones, newest first. Temporary ones are known to whoever began them."""
        return self._shelf.kept.conversations()

    def search(self, query: str) -> list[SearchHit]:
        """Kept conversations with every word of the query in one message or in the title, newest first."""
        return self._shelf.kept.search(query)

    def conversation(self, conversation_id: str) -> Conversation:
        """Raises AppError BAD_INPUT when there is none of that id."""
        return self._store(conversation_id).conversation(conversation_id)

    def new_conversation(
        self, *, temporary: bool = False, title: str | None = None, system_prompt: str | None = None
    ) -> Conversation:
        """An empty one. Without a title the first prompt gives it; without a system prompt the settings do."""
        now_s = time.time()
        conversation = Conversation(
            uuid.uuid4().hex, _line(title or ""), now_s, now_s, temporary, _clean_or_none(system_prompt)
        )
        (self._shelf.temporary if temporary else self._shelf.kept).add_conversation(conversation)
        self._announcer.tell(ConversationChanged(conversation))
        return conversation

    def rename(self, conversation_id: str, title: str) -> None:
        """A blank title gives it back to the next prompt."""
        self._store(conversation_id).rename(conversation_id, _line(title))
        self._tell_changed(conversation_id)

    def set_system_prompt(self, conversation_id: str, system_prompt: str | None) -> None:
        """Of this conversation alone; None: the one of the settings; blank: none at all."""
        self._store(conversation_id).set_system_prompt(conversation_id, _clean_or_none(system_prompt))
        self._tell_changed(conversation_id)

    def delete(self, conversation_id: str) -> None:
        """Stop its answer and hide it, until `restore_deleted` or `purge_deleted`."""
        self._runner.stop(conversation_id)
        self._store(conversation_id).delete(conversation_id)
        self._runner.cache.forget(conversation_id)
        self._deleted.append(conversation_id)
        self._announcer.tell(ConversationDeleted(conversation_id))

    def restore_deleted(self, conversation_id: str) -> None:
        """Undo `delete`. Raises AppError BAD_INPUT when it was purged."""
        self._store(conversation_id).restore(conversation_id)
        self._tell_changed(conversation_id)

    def purge_deleted(self) -> None:
        """Remove for good what this process deleted; `close` does it too."""
        ids, self._deleted = self._deleted, []
        for store in (self._shelf.temporary, self._shelf.kept):
            store.purge(ids)

    def path(self, conversation_id: str) -> list[Node]:
        """The shown branch, root first; a running answer as far as it has come.

        An answer of another process, which may have died over it, is shown as interrupted: nothing more of it is told.
        """
        newer = self._runner.ahead_of_store(conversation_id)
        stored = self._store(conversation_id).path_of(conversation_id)
        return [newest(node, newer) for node in stored]

    def node(self, node_id: str) -> Node:
        """Raises AppError BAD_INPUT when there is none of that id."""
        _, found = self._shelf.of_node(node_id)
        return newest(found, self._runner.ahead_of_store(found.conversation_id))

    def send(
        self,
        conversation_id: str,
        text: str,
        *,
        images: Sequence[ImagePart] = (),
        think: bool | None = None,
        drop_oldest: bool = False,
        sampling: Sampling | None = None,
        max_tokens: int | None = None,
        meter: TurnMeter | None = None,
    ) -> Node:
        """Put the prompt below the shown branch, on the disk, and begin its answer; returns the answer (STREAMING).

        `images` come from `take_in_image`; with some, the text may be empty. A model that does not see is told what
        was read in them: the answer's phase is READING_IMAGE until that is done.

        `meter`: that of a recording which is the question, see `transcribe`.

        `drop_oldest`: should the context be full, leave out the oldest turns (the node tells how many messages).
        Raises AppError MODEL_MISSING or MODEL_UNKNOWN besides those above; nothing is stored then.
        """
        ask = _Ask(think, drop_oldest, sampling, max_tokens, meter)
        with self._runner.reserve(conversation_id):
            conversation = self.conversation(conversation_id)
            return self._prompt(conversation, conversation.leaf_id, self._parts(text, images), ask)

    def edit(
        self,
        user_node_id: str,
        new_text: str,
        *,
        images: Sequence[ImagePart] | None = None,
        think: bool | None = None,
        drop_oldest: bool = False,
    ) -> Node:
        """Put another prompt beside this one and begin its answer, which is returned. Raises as `send`.

        `images` None keeps those of the prompt.
        """
        _, prompt = self._shelf.of_node(user_node_id)
        require_role(prompt, Role.USER)
        with self._runner.reserve(prompt.conversation_id):
            conversation = self.conversation(prompt.conversation_id)
            kept = images_of(prompt) if images is None else images
            return self._prompt(conversation, prompt.parent_id, self._parts(new_text, kept), _Ask(think, drop_oldest))

    def regenerate(self, answer_node_id: str, *, think: bool | None = None, drop_oldest: bool = False) -> Node:
        """Begin another answer beside this one; returns it. Raises as `send`."""
        _, answer = self._shelf.of_node(answer_node_id)
        require_role(answer, Role.ASSISTANT)
        with self._runner.reserve(answer.conversation_id):
            conversation = self.conversation(answer.conversation_id)
            return self._answer(conversation, [], answer.parent_id, _Ask(think, drop_oldest))

    def select_branch(self, node_id: str) -> None:
        """Show the branch through this node, down to the leaf that was added last below it."""
        store, node = self._shelf.of_node(node_id)
        store.show(node.conversation_id, store.newest_leaf_below(node_id))
        self._tell_changed(node.conversation_id)

    def stop(self, conversation_id: str) -> None:
        """End its answer within a token: what had arrived is kept, state INTERRUPTED, finish CANCELLED, no error."""
        self._runner.stop(conversation_id)

    def is_busy(self, conversation_id: str) -> bool:
        """Whether it is being answered."""
        return self._runner.is_busy(conversation_id)

    def require_model(self) -> None:
        """Raises AppError MODEL_MISSING or MODEL_UNKNOWN when the chosen model is not here to answer."""
        self._library.ref(self._settings.model_id)

    def preload(self) -> None:
        """Load the chosen model ahead of the first prompt, if it is installed."""
        try:
            model = self._library.ref(self._settings.model_id)
        except AppError as error:
            if error.report.code in (ErrorCode.MODEL_MISSING, ErrorCode.MODEL_UNKNOWN):
                return
            raise
        self._engine.preload(model, self.energy.decide().tier)

    def forget_sessions(self) -> None:
        """Give the memory of every KV cache back: the next prompts are read anew."""
        self._engine.forget_sessions()

    def engine_status(self) -> EngineStatus:
        return self._engine.status()

    def export_json(self, conversation_id: str) -> str:
        """The whole tree with its images (up to a bound); `import_json` reads it back."""
        return exchange.dump(self.conversation(conversation_id), self._tree(conversation_id), self._shelf.image_bytes)

    def export_markdown(self, conversation_id: str) -> str:
        """The shown branch, to read; `import_markdown` reads it back."""
        return markdown.dump(self.conversation(conversation_id), self.path(conversation_id))

    def import_json(self, text: str) -> Conversation:
        """A new conversation out of an export. Raises AppError BAD_INPUT with a line that tells what is wrong."""
        loaded = exchange.load_all(text)
        parts = [part for node in loaded.nodes for part in images_of(node)]
        for part in parts:
            content = loaded.images.get(part.sha256)
            if content is not None and not is_sound(content, part.media_type, part.width, part.height):
                raise exchange.bad_file(f"the image {part.name!r} is not what it says")
        return self._take_in(loaded.conversation, loaded.nodes, loaded.images)

    def import_markdown(self, text: str) -> Conversation:
        """As `import_json`."""
        return self._take_in(*markdown.load(text), {})

    def close(self) -> None:
        """Stop every answer, wait for the engine to end, save, purge what was deleted, close the store. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._unwatch()
        self._runner.close()
        self.energy.close()
        self._keep_energy()
        try:
            self.purge_deleted()
        except AppError:  # the next opening purges it
            log.exception("what was deleted could not be removed yet")
        finally:
            self._shelf.close()

    def _prompt(self, conversation: Conversation, parent_id: str | None, parts: tuple[Part, ...], ask: _Ask) -> Node:
        prompt = new_node(conversation.id, parent_id, Role.USER, parts)
        return self._answer(conversation, [prompt], prompt.id, ask)

    def _parts(self, text: str, images: Sequence[ImagePart]) -> tuple[Part, ...]:
        """What a prompt holds: its images with what is known of them, then its text.

        Raises AppError BAD_INPUT when there is neither, or too much.
        """
        text = clean(text)
        kept = [replace(part, reading=self._perception.reading(part)) for part in checked_images(images)]
        if not text.strip() and not kept:
            raise AppError(ErrorCode.BAD_INPUT, msg("The message is empty."), msg("Write something, then send it."))
        return (*kept, TextPart(text)) if text.strip() or not kept else tuple(kept)

    def _answer(self, conversation: Conversation, prompts: list[Node], parent_id: str | None, ask: _Ask) -> Node:
        """Store `prompts` and the beginning answer below `parent_id`, then ask the engine."""
        settings, store = self._settings, self._store(conversation.id)
        model = self._library.ref(settings.model_id)
        decision = self.energy.decide()
        answer = replace(
            new_node(conversation.id, parent_id, Role.ASSISTANT, (TextPart(""),)),
            state=NodeState.STREAMING,
            model_id=model.model_id,
            tier=decision.tier,
        )
        added = [*prompts, answer]
        title = title_for(prompts[0]) if prompts else None
        store.add_nodes(conversation.id, added, title=title, files=self._shelf.image_bytes)
        path = store.path_of(conversation.id)
        system = settings.system_prompt if conversation.system_prompt is None else conversation.system_prompt
        request = TurnRequest(
            turn_id=uuid.uuid4().hex,
            model=model,
            messages=messages_for(system, path[:-1]),
            tier=decision.tier,
            sampling=ask.sampling or _sampling(settings),
            max_tokens=ask.max_tokens or settings.max_tokens,
            think=settings.think if ask.think is None else ask.think,
            thinking_budget_tokens=settings.thinking_budget_tokens,
        )
        shown = path[-len(added) :]
        self._announcer.tell(*map(NodeAdded, shown), ConversationChanged(store.conversation(conversation.id)))
        request, unread = self._in_words(request, path[:-1])
        self._run(store, shown[-1], request, decision, unread, ask=ask)
        return shown[-1]

    def _run(
        self,
        store: Store,
        answer: Node,
        request: TurnRequest,
        decision: Decision,
        unread: tuple[NodeImage, ...],
        *,
        ask: _Ask,
    ) -> None:
        """Have the answer made, or take it from the cache where the governor asks for that."""
        cap = decision.max_new_tokens
        reuse = decision.reuse_cached_answers and not (unread or ask.meter)
        cached = self._runner.cache.find(request, answer.conversation_id) if reuse else None
        if cached is not None:
            self._runner.reuse(store, answer, cached, cap=cap)
        else:
            self._runner.start(
                store, answer, request, cap=cap, drop_oldest=ask.drop_oldest, unread=unread, meter=ask.meter
            )

    def _governed(self, news: News) -> None:
        """The governor decided differently; called from any thread."""
        if news.at_once:
            self._set_tier(news.decision.tier)
        self._announcer.tell(GovernorDecided(news.decision))
        if news.decision.release_modalities:
            for status in self._engine.status().modalities:
                if status.loaded:
                    self._engine.unload_modality(status.modality)

    def _set_tier(self, tier: Tier) -> None:
        self._engine.set_tier(tier)
        self.energy.tier_set(tier)

    def _engine_changed(self, status: EngineStatus) -> None:
        self.energy.engine_changed(status)
        before, self._modalities = self._modalities, status.modalities
        changed = [ModalitiesChanged(status.modalities)] if before != status.modalities else []
        self._announcer.tell(EngineChanged(status), *changed)

    def _keep_energy(self) -> None:
        """Save what was chosen about the phone, and where it stands."""
        with self._settings_lock:
            before = self._settings
            self._settings = before.model_copy(update=self.energy.settings_keys())
        if self._settings == before:
            return
        if not self._closed:
            self._announcer.tell(SettingsChanged(self._settings))
        try:
            self._save()
        except AppError:  # the next choice tries again; this process goes on with what was chosen
            log.exception("the phone's state could not be saved")

    def _save(self) -> None:
        if self._save_settings is not None:
            self._save_settings(self._settings)

    def _take_in(self, conversation: Conversation, nodes: list[Node], images: dict[str, bytes]) -> Conversation:
        self._shelf.kept.add_conversation(
            conversation, nodes, files=lambda part: images.get(part.sha256) or self._shelf.image_bytes(part)
        )
        self._announcer.tell(ConversationChanged(conversation))
        return conversation

    def _tree(self, conversation_id: str) -> list[Node]:
        newer = self._runner.ahead_of_store(conversation_id)
        return [newest(node, newer) for node in self._store(conversation_id).tree_of(conversation_id)]

    def _store(self, conversation_id: str) -> Store:
        return self._shelf.of_conversation(conversation_id)

    def _tell_changed(self, conversation_id: str) -> None:
        self._announcer.tell(ConversationChanged(self.conversation(conversation_id)))


def _sampling(settings: Settings) -> Sampling:
    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        min_p=settings.min_p,
        repetition_penalty=settings.repetition_penalty,
    )


def _line(title: str) -> str:
    return " ".join(clean(title).split())


def _clean_or_none(text: str | None) -> str | None:
    return None if text is None else clean(text)
