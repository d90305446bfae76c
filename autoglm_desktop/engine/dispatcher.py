"""What the worker thread of the client does: turns in order, the child's life, what its events mean for a turn."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.events import (
    EngineState,
    EngineStatus,
    Failed,
    Finished,
    PerceptionEvent,
    Phase,
    PhaseChanged,
    TurnEvent,
)
from autoglm_desktop.core.messages import ModelRef, TurnRequest
from autoglm_desktop.core.perception import ImageRead, LookRequest, Modality, Transcribed, TranscribeRequest
from autoglm_desktop.core.ports import PerceptionSink, TurnSink
from autoglm_desktop.core.precision import Tier

from . import reports
from .connection import Connection
from .protocol import (
    Cancel,
    ChildEvent,
    Command,
    ForgetSessions,
    LoadModality,
    Perceive,
    Pong,
    Preload,
    ProtocolError,
    Refused,
    SetTier,
    Submit,
    UnloadModality,
)
from .status import StatusBoard, guarded

_LOG = logging.getLogger(__name__)
_Last = Finished | Failed | ImageRead | Transcribed
CANCEL_GRACE_S = 10.0
"""A child that does not stop a turn for so long hangs, and is killed: a step of the model takes far less."""
PERCEPTION_CANCEL_GRACE_S = 60.0
"""The same for a look or a transcription, whose steps are half a minute of speech."""
START_GRACE_S = 60.0
"""The same for a child that has not begun the turn: it may be importing, or wait for a slow disk."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`threads` 0: one per physical core. `idle_unload_s` 0 keeps the model loaded. Seconds and bytes."""

    threads: int
    kv_cache_max_bytes: int
    idle_unload_s: int
    log_path: Path
    modality_idle_s: int = 0
    """After so long without use the reader of images and the writer of speech are unloaded; 0 keeps them."""


@dataclass(slots=True)
class _Turn:
    """An answer, or a look or transcription that waits in line with the answers."""

    request: TurnRequest | LookRequest | TranscribeRequest
    sink: Callable[[Any], None]
    """A TurnSink or a PerceptionSink, as the request is."""
    begun: bool = False
    """The child reads the prompt or is further; before that, the turn can be ended here."""
    kill_at_s: float | None = None

    def command(self) -> Command:
        return Submit(self.request) if isinstance(self.request, TurnRequest) else Perceive(self.request)

    @property
    def grace_s(self) -> float:
        return CANCEL_GRACE_S if isinstance(self.request, TurnRequest) else PERCEPTION_CANCEL_GRACE_S

    def cancelled(self) -> Finished | Failed:
        """The last event when it is stopped before it began."""
        if isinstance(self.request, TurnRequest):
            return reports.cancelled_before_begin(self.request)
        return reports.perception_cancelled(self.request)


class Dispatcher:
    """Every method but `kill` runs on the worker thread. `post` queues a call for that thread, from any thread."""

    def __init__(
        self,
        options: EngineOptions,
        command: tuple[str, ...],
        board: StatusBoard,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._options = options
        self._command = command
        self._board = board
        self._post = post
        self._connection: Connection | None = None
        self._life: object = None
        self._queue: deque[_Turn] = deque()
        self._active: _Turn | None = None
        self._unload_after_turn = False
        self._sign_by_s: float | None = None
        """Set when a turn was ended that the child had not begun: when it still says nothing by then, it hangs."""
        self._used_s = time.monotonic()

    # -- what the application asks

    def submit(self, request: TurnRequest, sink: TurnSink) -> None:
        self._enqueue(_Turn(request, sink))

    def perceive(self, request: LookRequest | TranscribeRequest, sink: PerceptionSink) -> None:
        self._enqueue(_Turn(request, sink))

    def _enqueue(self, turn: _Turn) -> None:
        self._queue.append(turn)
        if self._active is None:
            self._next_turn()
        else:
            guarded(turn.sink, PhaseChanged(turn.request.turn_id, Phase.QUEUED))

    def cancel(self, turn_id: str) -> None:
        turn = self._active
        if turn is not None and turn.request.turn_id == turn_id:
            self._send(Cancel(turn_id))
            if turn.begun:
                turn.kill_at_s = turn.kill_at_s or time.monotonic() + turn.grace_s
            else:
                self._sign_by_s = self._sign_by_s or time.monotonic() + START_GRACE_S
                self._end_turn(turn.cancelled())
            return
        for waiting in [t for t in self._queue if t.request.turn_id == turn_id]:
            self._queue.remove(waiting)
            guarded(waiting.sink, waiting.cancelled())

    def set_tier(self, tier: Tier) -> None:
        for turn in self._queue:  # else the next one would switch back to what was right when it was asked
            if isinstance(turn.request, TurnRequest):
                turn.request = replace(turn.request, tier=tier)
        self._send(SetTier(tier))

    def preload(self, model: ModelRef, tier: Tier) -> None:
        self._used_s = time.monotonic()
        if self._start() is None:
            self._send(Preload(model, tier))

    def load_modality(self, modality: Modality, model_folder: str | None) -> None:
        self._used_s = time.monotonic()
        if self._start() is None:
            self._send(LoadModality(modality, model_folder))

    def unload_modality(self, modality: Modality) -> None:
        self._send(UnloadModality(modality))

    def unload(self) -> None:
        if self._active is None:
            self._stop()
        else:
            self._unload_after_turn = True

    def forget_sessions(self) -> None:
        self._send(ForgetSessions())

    def configure(self, options: EngineOptions) -> None:
        self._options = options

    def close(self) -> None:
        waiting = [turn for turn in (self._active, *self._queue) if turn is not None]
        self._queue.clear()
        self._active = None
        self._stop()
        for turn in waiting:
            guarded(turn.sink, reports.closed(turn.request.turn_id))

    def kill(self) -> None:
        """From any thread, when the worker hangs on a child that does not read."""
        if (connection := self._connection) is not None:
            connection.kill()

    # -- time

    def wake_at(self) -> float | None:
        """When `wake` is to be called (`time.monotonic`), or None while there is nothing to wait for."""
        if self._connection is None:
            return None
        if self._active is not None:
            return _earliest(self._sign_by_s, self._active.kill_at_s)
        idle_s = self._options.idle_unload_s
        return _earliest(self._sign_by_s, self._used_s + idle_s if idle_s else None)

    def wake(self) -> None:
        if self._connection is None:
            return
        turn, now_s = self._active, time.monotonic()
        hangs_s = _earliest(self._sign_by_s, None if turn is None else turn.kill_at_s)
        if hangs_s is not None and hangs_s <= now_s:
            _LOG.warning("the engine does not stop its turn; killed")
            self._sign_by_s = None
            if turn is not None:
                turn.kill_at_s = None
            self._connection.kill()  # its end comes back as `_on_gone`
        elif turn is None:
            _LOG.info("idle: the engine is unloaded")
            self._stop()

    # -- turns

    def _next_turn(self) -> None:
        """Begin the next turn; one that cannot even be sent fails, and the one after it has its chance."""
        while self._active is None and self._queue:
            turn = self._active = self._queue.popleft()
            if self._connection is None:
                guarded(turn.sink, PhaseChanged(turn.request.turn_id, Phase.STARTING))
            failure = self._start() or self._send(turn.command())
            if failure is not None:
                self._active = None
                guarded(turn.sink, Failed(turn.request.turn_id, failure))

    def _end_turn(self, last: _Last) -> None:
        turn, self._active = self._active, None
        self._used_s = time.monotonic()
        if turn is not None:
            guarded(turn.sink, last)
        if self._unload_after_turn:
            self._stop()
        self._next_turn()

    # -- the child

    def _start(self) -> ErrorReport | None:
        """Start the child if there is none; why it did not start."""
        if self._connection is not None:
            return None
        options = self._options
        command = [
            *self._command,
            f"--threads={options.threads}",
            f"--kv-cache-max-bytes={options.kv_cache_max_bytes}",
            f"--modality-idle-s={options.modality_idle_s}",
            f"--log={options.log_path}",
        ]
        self._board.post(EngineStatus(EngineState.STARTING))
        life = object()  # tells events of this child from those of an earlier one
        self._life = life
        try:
            self._connection = Connection(
                command,
                options.log_path,
                lambda event: self._post(partial(self._on_event, life, event)),
                lambda code: self._post(partial(self._on_gone, life, code)),
            )
        except OSError as error:
            report = reports.not_started(error)
            self._board.post(EngineStatus(EngineState.STOPPED, error=report))
            return report
        return None

    def _stop(self, error: ErrorReport | None = None) -> None:
        """End the child, if there is one. Blocks until it is gone."""
        connection, self._connection = self._connection, None
        self._life = self._sign_by_s = None
        self._unload_after_turn = False
        if connection is not None:
            connection.close()
            self._board.post(EngineStatus(EngineState.STOPPED, error=error))

    def _send(self, command: Command) -> ErrorReport | None:
        """Without a child there is nothing loaded that a command could mean."""
        if self._connection is None:
            return None
        try:
            self._connection.send(command)
        except ProtocolError as error:
            return reports.not_sendable(error)
        return None

    def _on_event(self, life: object, event: ChildEvent) -> None:
        if life is not self._life:
            return
        self._used_s, self._sign_by_s = time.monotonic(), None
        match event:
            case EngineStatus():
                self._on_status(event)
            case Refused(reason=reason):
                self._on_refused(reason)
            case Pong():
                _LOG.debug("the engine answers (%d)", event.token)
            case _:
                self._on_turn_event(event)

    def _on_status(self, status: EngineStatus) -> None:
        self._board.post(status)
        if status.state is EngineState.LOADING and self._active is not None:
            turn = self._active
            turn.kill_at_s = turn.kill_at_s and time.monotonic() + turn.grace_s  # it is slow, but it does not hang
            guarded(turn.sink, PhaseChanged(turn.request.turn_id, Phase.LOADING, status.load_fraction))

    def _on_turn_event(self, event: TurnEvent | PerceptionEvent) -> None:
        turn = self._active
        if turn is None or event.turn_id != turn.request.turn_id:
            return  # of a turn that was ended here
        if isinstance(event, _Last):
            self._end_turn(event)
        else:
            turn.begun = True
            guarded(turn.sink, event)

    def _on_refused(self, reason: str) -> None:
        """Only a line of ours can be refused; a turn that hangs on it would never end."""
        _LOG.error("the engine refused a command: %s", reason)
        if self._active is not None and not self._active.begun:
            self._end_turn(Failed(self._active.request.turn_id, reports.refused(reason)))

    def _tier(self) -> Tier | None:
        """What the child holds or was to load."""
        request = self._active.request if self._active is not None else None
        return self._board.status.tier or (request.tier if isinstance(request, TurnRequest) else None)

    def _on_gone(self, life: object, exit_code: int) -> None:
        if life is not self._life or self._connection is None:
            return
        report = reports.died(exit_code, self._connection.last_words(), self._tier())
        _LOG.warning("the engine ended by itself, status %d", exit_code)
        self._stop(error=report)
        if self._active is not None:
            self._end_turn(Failed(self._active.request.turn_id, report))


def _earliest(*times_s: float | None) -> float | None:
    return min((at_s for at_s in times_s if at_s is not None), default=None)
