"""Running turns: one at most per conversation, each followed event by event into the store and to the listeners."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import Failed, FinishReason, Phase, TurnEvent
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart, TextPart, TurnRequest
from autoglm_desktop.core.perception import ImageReading
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.store.store import Store

from .announcer import Announcer
from .answer_cache import AnswerCache, CachedAnswer
from .context import figures_of, without_oldest
from .energy import EnergyService
from .energy_turns import TurnMeter
from .events import ConversationChanged, ImageReadingChanged, NodeFinished, NodePhase
from .image_text import described
from .line import Line
from .perception import Perception
from .restraint import capped
from .turns import TurnState, reduce, told

log = logging.getLogger(__name__)

SAVE_EVERY_S = 0.5
_FITTING_ATTEMPTS = 6


@dataclass(slots=True)
class _Turn:
    """A running turn. Guarded by the runner's lock; `request` is replaced when it is sent again, shortened."""

    store: Store
    state: TurnState
    asked: TurnRequest
    """As the user asked, before the governor's cap."""
    request: TurnRequest
    meter: TurnMeter
    attempts_left: int
    saved_at_s: float
    stopping: bool = False
    job_id: str | None = None
    """The image that is read for it right now."""


@dataclass(frozen=True, slots=True)
class NodeImage:
    """An image of a branch, and the messages that have it."""

    part: ImagePart
    node_ids: tuple[str, ...]


class Runner:
    """Sends requests to the engine and turns what comes back into nodes.

    Engine and store are never called with the lock held, so neither can deadlock with it.
    """

    def __init__(
        self,
        engine: Engine,
        announcer: Announcer,
        energy: EnergyService,
        perception: Perception,
        line: Line | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        save_every_s: float = SAVE_EVERY_S,
    ) -> None:
        self._engine = engine
        self._line = line or Line(engine)
        self._save_every_s = save_every_s
        self._announcer = announcer
        self._energy = energy
        self._perception = perception
        self.cache = AnswerCache()
        self._clock = clock
        self._lock = threading.Lock()
        self._reserved: set[str] = set()
        self._running: dict[str, _Turn] = {}
        self._unsaved: dict[str, tuple[Store, Node]] = {}
        self._closed = False

    @contextmanager
    def reserve(self, conversation_id: str) -> Iterator[None]:
        """Hold the conversation while a turn is prepared. Raises AppError BUSY when it has one already."""
        with self._lock:
            if self._closed or conversation_id in self._reserved or conversation_id in self._running:
                raise _busy()
            self._reserved.add(conversation_id)
        try:
            self.save_what_is_left()
            yield
        finally:
            with self._lock:
                self._reserved.discard(conversation_id)

    def start(
        self,
        store: Store,
        node: Node,
        asked: TurnRequest,
        *,
        cap: int | None,
        drop_oldest: bool,
        unread: Sequence[NodeImage] = (),
        meter: TurnMeter | None = None,
    ) -> None:
        """Ask the engine for `node`, whose conversation is reserved. Returns at once, whatever the engine does.

        `cap` is the governor's bound of new tokens, if any. Images that are `unread` are read first, one after the
        other, and all images of the request put into words then. `meter` ran already for a spoken question.
        """
        attempts = _FITTING_ATTEMPTS if drop_oldest else 0
        request = capped(asked, cap)
        if meter is None:
            meter = self._energy.begin(request.tier, cap=cap)
        else:
            meter.answers(request.tier, cap)
        turn = _Turn(store, TurnState(node), asked, request, meter, attempts, saved_at_s=self._clock())
        with self._lock:
            self._running[node.conversation_id] = turn
        if unread:
            self._read(turn, list(unread), 0)
        else:
            self._submit(turn, request)

    def reuse(self, store: Store, node: Node, cached: CachedAnswer, *, cap: int | None) -> None:
        """Answer `node`, whose conversation is reserved, with an answer out of the cache. The engine is not asked."""
        answered = replace(
            node,
            parts=(TextPart(cached.text),),
            reasoning=cached.reasoning,
            state=NodeState.COMPLETE,
            tier=cached.tier,
            finish=cached.finish,
            energy=self._energy.reused(cached.tier, cap),
            from_cache=True,
        )
        self._settle(store, answered)

    def stop(self, conversation_id: str) -> None:
        """Ask for the end of the conversation's turn; without one nothing happens."""
        with self._lock:
            turn = self._running.get(conversation_id)
            if turn is None:
                return
            turn.stopping = True
            job_id = turn.job_id or turn.request.turn_id
        self._engine.cancel(job_id)

    def is_busy(self, conversation_id: str) -> bool:
        with self._lock:
            return conversation_id in self._running or conversation_id in self._reserved

    def ahead_of_store(self, conversation_id: str) -> dict[str, Node]:
        """Nodes whose form in memory is newer than the stored one, by id; their `siblings` may be old."""
        with self._lock:
            nodes = {node.id: node for _, node in self._unsaved.values() if node.conversation_id == conversation_id}
            turn = self._running.get(conversation_id)
            if turn is not None:
                nodes[turn.state.node.id] = turn.state.node
        return nodes

    def save_what_is_left(self) -> None:
        """Try again to save answers that could not be saved when they ended."""
        with self._lock:
            left = list(self._unsaved.values())
        for store, node in left:
            try:
                store.finish_node(node)
            except AppError:
                log.exception("an answer still cannot be saved")
                continue
            with self._lock:
                self._unsaved.pop(node.id, None)

    def close(self) -> None:
        """Stop every turn and wait for the engine to end; what it leaves open ends as interrupted. Idempotent."""
        with self._lock:
            self._closed = True
            turns = list(self._running.values())
        for turn in turns:
            self.stop(turn.state.node.conversation_id)
        self._engine.close()
        for turn in turns:
            self._take(turn, Failed(turn.request.turn_id, _closing()))
        self.save_what_is_left()

    def _read(self, turn: _Turn, images: list[NodeImage], number: int) -> None:
        """Read the image of that number and those after it, then ask the engine."""
        with self._lock:
            if turn.state.ended:
                return
            stopping, turn.job_id = turn.stopping, uuid.uuid4().hex if number < len(images) else None
            job_id, node = turn.job_id, turn.state.node
        if stopping:
            self._end_early(turn)
        elif job_id is None:
            self._submit_described(turn)
        else:
            fraction = number / len(images)
            self._announcer.tell(NodePhase(node.conversation_id, node.id, Phase.READING_IMAGE, fraction))
            image = images[number]
            self._perception.look(
                image.part,
                lambda found: self._was_read(turn, images, number, found),
                job_id=job_id,
                meter=turn.meter,
                on_phase=lambda event: self._announcer.tell(
                    NodePhase(node.conversation_id, node.id, event.phase, event.fraction)
                ),
                more=number + 1 < len(images),
            )
            with self._lock:
                stopped_meanwhile = turn.stopping and turn.job_id == job_id
            if stopped_meanwhile:
                self._engine.cancel(job_id)

    def _was_read(self, turn: _Turn, images: list[NodeImage], number: int, found: ImageReading | ErrorReport) -> None:
        """Called on the engine's worker thread, or at once for what is known."""
        image = images[number]
        cancelled = isinstance(found, ErrorReport) and found.code is ErrorCode.CANCELLED
        if not cancelled:
            self._announcer.tell(
                *(ImageReadingChanged(node_id, image.part.sha256, found) for node_id in image.node_ids)
            )
        if cancelled and turn.stopping:
            self._end_early(turn)
        elif isinstance(found, ErrorReport):
            self._take(turn, Failed(turn.request.turn_id, found))
        else:
            self._read(turn, images, number + 1)

    def _submit_described(self, turn: _Turn) -> None:
        messages = described(turn.asked.messages, self._perception.reading)
        with self._lock:
            seen = turn.asked.messages
            turn.asked = replace(turn.asked, messages=messages, seen=seen)
            turn.request = replace(turn.request, messages=messages, seen=seen)
        self._submit(turn, turn.request)

    def _end_early(self, turn: _Turn) -> None:
        """The user stopped it before the engine had it."""
        with self._lock:
            if turn.state.ended:
                return
            node = replace(turn.state.node, state=NodeState.INTERRUPTED, finish=FinishReason.CANCELLED)
            turn.state = replace(turn.state, node=node)
        self._end(turn)

    def _submit(self, turn: _Turn, request: TurnRequest) -> None:
        try:
            self._line.submit(request, lambda event: self._take(turn, event))
        except AppError as error:
            self._take(turn, Failed(request.turn_id, error.report))
        with self._lock:
            stopped_meanwhile = turn.stopping
        if stopped_meanwhile:  # the first cancel may have come before the engine knew the turn
            self._engine.cancel(request.turn_id)

    def _take(self, turn: _Turn, event: TurnEvent) -> None:
        """One event; called on the engine's worker thread."""
        now_s = self._clock()
        with self._lock:
            if event.turn_id != turn.request.turn_id or turn.state.ended:
                return
        self._energy.take(turn.meter, event)
        with self._lock:
            if event.turn_id != turn.request.turn_id or turn.state.ended:
                return
            before = turn.state
            shortened = self._shortened(turn, event)
            if shortened is None:
                turn.state = reduce(before, event, now_s)
        if shortened is not None:
            self._submit(turn, shortened)
        elif turn.state.ended:
            self._end(turn)
        else:
            self._save_partial(turn, now_s)
            news = told(before, event)
            if news is not None:
                self._announcer.tell(news)

    def _shortened(self, turn: _Turn, event: TurnEvent) -> TurnRequest | None:
        """The next request to try when the prompt did not fit and the user chose to drop the oldest messages."""
        if not isinstance(event, Failed) or event.error.code is not ErrorCode.CONTEXT_FULL:
            return None
        if turn.stopping or not turn.attempts_left:
            return None
        turn.attempts_left -= 1
        kept = without_oldest(turn.request.messages, figures_of(event.error))
        if kept is None:
            return None
        dropped = turn.state.node.dropped_messages + len(turn.request.messages) - len(kept)
        turn.state = replace(turn.state, node=replace(turn.state.node, dropped_messages=dropped))
        turn.request = replace(turn.request, turn_id=uuid.uuid4().hex, messages=kept, seen=())
        return turn.request

    def _save_partial(self, turn: _Turn, now_s: float) -> None:
        if now_s - turn.saved_at_s < self._save_every_s:
            return
        turn.saved_at_s = now_s
        try:
            turn.store.save_partial(turn.state.node)
        except AppError:  # the end of the turn tries again and tells the user
            log.exception("a partial answer could not be saved")

    def _end(self, turn: _Turn) -> None:
        node = replace(turn.state.node, energy=self._energy.end(turn.meter))
        self.cache.keep(turn.asked, node, private=turn.store.temporary)
        self._settle(turn.store, node)

    def _settle(self, store: Store, node: Node) -> None:
        """Save the final form of an answer, and tell of it."""
        shown = node
        try:
            store.finish_node(node)
        except AppError as error:
            log.exception("an answer could not be saved")
            shown = replace(node, error=node.error or error.report)
            with self._lock:
                self._unsaved[node.id] = (store, node)
        with self._lock:
            self._running.pop(node.conversation_id, None)
        self._announcer.tell(NodeFinished(shown), *_changed(store, node.conversation_id))


def _changed(store: Store, conversation_id: str) -> list[ConversationChanged]:
    try:
        return [ConversationChanged(store.conversation(conversation_id))]
    except AppError:  # deleted while it was answered
        return []


def _busy() -> AppError:
    return AppError(
        ErrorCode.BUSY,
        msg("This conversation is being answered."),
        msg("Wait for the answer or stop it, then try again."),
    )


def _closing() -> ErrorReport:
    return ErrorReport(
        ErrorCode.CANCELLED, msg("The application was closed during this answer."), msg("Ask for the answer again.")
    )
