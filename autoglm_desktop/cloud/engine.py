"""`core.ports.Engine` over one OpenAI-compatible endpoint.

One thread with an event loop holds all turns, so that several run at once and a cancelled one closes its stream at
once. The thread, and httpx, come with the first turn. Nothing is logged but the host and the kind of a failure.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import (
    EngineState,
    EngineStatus,
    Failed,
    Finished,
    FinishReason,
    Memory,
    Phase,
    PhaseChanged,
    ReasoningDelta,
    TextDelta,
    TurnEvent,
    Usage,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef, TurnRequest
from autoglm_desktop.core.perception import LookRequest, Modality, TranscribeRequest
from autoglm_desktop.core.ports import PerceptionSink, StatusSink, TurnSink
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.routing import Endpoint, is_loopback
from autoglm_desktop.core.thinking import Piece

from . import failures
from .keys import get_key, sendable
from .request import ImageBytes, body_of
from .spoken import Spoken
from .stream import Chunk, Counts, chunks

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

_JOIN_S = 5.0
_MAX_ERROR_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much: seconds to connect, of silence, and of a whole answer; bytes of a response."""

    connect_s: float = 10.0
    silence_s: float = 120.0
    total_s: float = 1200.0
    response_bytes: int = 16 << 20


@dataclass(slots=True)
class _Turn:
    """A turn on its way; belongs to the loop's thread."""

    request: TurnRequest
    sink: TurnSink
    sent_s: float = field(default_factory=time.perf_counter)
    first_s: float | None = None
    last_s: float = 0.0
    phase: Phase = Phase.QUEUED
    deltas: int = 0
    reasoning_deltas: int = 0
    finish: FinishReason | None = None
    counts: Counts = field(default_factory=Counts)
    spoken: Spoken = field(init=False)

    def __post_init__(self) -> None:
        self.spoken = Spoken(self.request.stop)

    def emit(self, event: TurnEvent) -> None:
        try:
            self.sink(event)
        except Exception:  # a listener's fault must not end the loop that others depend on
            log.exception("a listener failed")

    def enter(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.phase = phase
            self.emit(PhaseChanged(self.request.turn_id, phase))


class CloudEngine:
    """Answers with `endpoint`. `image_bytes` gives the file behind an image part; `key` the API key, if there is one.

    `key` is asked off every thread that must be quick: a keyring may have to be unlocked first.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        image_bytes: ImageBytes,
        *,
        key: Callable[[str], str | None] = get_key,
        limits: Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` is for tests. Raises nothing; failures end a turn."""
        self.endpoint = endpoint
        self._image_bytes, self._key, self._limits = image_bytes, key, limits or Limits()
        self._transport = transport
        self._lock = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._running: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[str, asyncio.Task[Finished]] = {}
        self._client: httpx.AsyncClient | None = None

    # -- the port

    def submit(self, request: TurnRequest, sink: TurnSink) -> None:
        if not self._post(partial(self._begin, request, sink)):
            sink(Failed(request.turn_id, _closed()))

    def cancel(self, turn_id: str) -> None:
        if self._running is not None:
            self._post(partial(self._cancel, turn_id))

    def perceive(self, request: LookRequest | TranscribeRequest, sink: PerceptionSink) -> None:
        sink(Failed(request.turn_id, failures.senses_stay_here().report))

    def set_tier(self, tier: Tier) -> None:
        """Nothing: the precision of a model elsewhere is not ours to choose."""

    def preload(self, model: ModelRef, tier: Tier) -> None:
        """Nothing to load."""

    def unload(self) -> None:
        """Nothing to give back."""

    def load_modality(self, modality: Modality, model_folder: str | None = None) -> None:
        """Nothing to load."""

    def unload_modality(self, modality: Modality) -> None:
        """Nothing to give back."""

    def forget_sessions(self) -> None:
        """Nothing is kept between turns."""

    def status(self) -> EngineStatus:
        return EngineStatus(EngineState.BUSY if self._tasks else EngineState.READY, self.endpoint.model)

    def watch(self, sink: StatusSink) -> Callable[[], None]:  # noqa: ARG002 - the port's signature
        """There is nothing to load, so nothing to tell."""
        return lambda: None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            loop, thread = self._running, self._thread
        if loop is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(self._end_all)
            thread.join(_JOIN_S)

    # -- the loop's thread

    def _post(self, call: Callable[[], object]) -> bool:
        """Run `call` on the loop; False when this is closed."""
        with self._lock:
            if self._closed:
                return False
            if self._running is None:
                self._running = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, args=(self._running,), name="cloud", daemon=True)
                self._thread.start()
            self._running.call_soon_threadsafe(call)
        return True

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(self._take_down())
            loop.close()

    async def _take_down(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the callbacks that tell of the ends
        if self._client is not None:
            await self._client.aclose()
        await asyncio.get_running_loop().shutdown_default_executor()

    def _end_all(self) -> None:
        asyncio.get_running_loop().stop()

    def _begin(self, request: TurnRequest, sink: TurnSink) -> None:
        turn = _Turn(request, sink)
        task = asyncio.get_running_loop().create_task(self._answer(turn))
        self._tasks[request.turn_id] = task
        task.add_done_callback(partial(self._ended, turn))

    def _cancel(self, turn_id: str) -> None:
        task = self._tasks.get(turn_id)
        if task is not None:
            task.cancel()

    def _ended(self, turn: _Turn, task: asyncio.Task[Finished]) -> None:
        """Tell the last event; a task that was cancelled before its first step comes by here, too."""
        turn_id = turn.request.turn_id
        self._tasks.pop(turn_id, None)
        if task.cancelled():
            turn.emit(
                Failed(turn_id, _closed(), _usage(turn))
                if self._closed
                else Finished(turn_id, FinishReason.CANCELLED, _usage(turn))
            )
            return
        error = task.exception()
        if error is None:
            turn.emit(task.result())
            return
        report = error.report if isinstance(error, AppError) else _unexpected(error)
        log.info("%s: %s", self.endpoint.host, report.cause.english())
        turn.emit(Failed(turn_id, report, _usage(turn) if turn.first_s is not None else None))

    async def _answer(self, turn: _Turn) -> Finished:
        import httpx

        turn.emit(PhaseChanged(turn.request.turn_id, Phase.QUEUED))
        limits = self._limits
        key = await asyncio.to_thread(self._key, self.endpoint.url) or ""
        try:
            async with asyncio.timeout(limits.total_s):
                body = await asyncio.to_thread(body_of, turn.request, self.endpoint, self._image_bytes)
                await self._exchange(turn, body, key)
        except AppError as error:
            raise _without(error, key) from None
        except TimeoutError:
            raise failures.took_too_long(self.endpoint, limits.total_s) from None
        except httpx.HTTPError as error:
            raise failures.of_transport(self.endpoint, error, silence_s=limits.silence_s) from None
        return Finished(turn.request.turn_id, turn.finish or FinishReason.STOP, _usage(turn))

    async def _exchange(self, turn: _Turn, body: dict[str, object], key: str) -> None:
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if key:
            headers["Authorization"] = f"Bearer {sendable(key)}"
        url, client = f"{self.endpoint.url}/chat/completions", self._http()
        turn.sent_s = time.perf_counter()
        turn.enter(Phase.ASKING_CLOUD)
        async with client.stream("POST", url, json=body, headers=headers) as response:
            if response.status_code != 200:
                said = await _beginning(response.aiter_raw())
                raise failures.of_status(self.endpoint, response.status_code, response.headers, said)
            kind = response.headers.get("content-type", "")
            if not kind.startswith("text/event-stream") or "content-encoding" in response.headers:
                raise failures.not_understood(self.endpoint, f"content-type {kind[:80]}")
            await self._read(turn, response.aiter_raw())

    async def _read(self, turn: _Turn, blocks: AsyncIterator[bytes]) -> None:
        ended = False
        async for chunk in chunks(self.endpoint, blocks, max_bytes=self._limits.response_bytes):
            ended = ended or chunk.done or chunk.finish is not None
            _take(turn, chunk)
            if turn.spoken.stopped:  # by a stop string beyond those that the endpoint was told
                turn.finish = FinishReason.STOP
                return
        _show(turn, turn.spoken.finish())
        if not ended:
            raise failures.broke_off(self.endpoint, "the stream ended without a finish_reason")

    def _http(self) -> httpx.AsyncClient:
        """One client for all turns: its connections are used again."""
        if self._client is None:
            import httpx

            limits = self._limits
            self._client = httpx.AsyncClient(
                transport=self._transport,
                timeout=httpx.Timeout(limits.silence_s, connect=limits.connect_s, pool=None),
                follow_redirects=False,
                trust_env=not is_loopback(httpx.URL(self.endpoint.url).host),  # no proxy on the way to this machine
            )
        return self._client


def _take(turn: _Turn, chunk: Chunk) -> None:
    """One event of the stream: pass its text on, remember the rest."""
    if chunk.reasoning or chunk.text:
        turn.last_s = time.perf_counter()
        turn.first_s = turn.first_s or turn.last_s
    _show(turn, turn.spoken.feed(reasoning=chunk.reasoning, text=chunk.text))
    if chunk.finish is not None:
        turn.finish = FinishReason.LENGTH if chunk.finish == "length" else FinishReason.STOP
    if chunk.counts is not None:
        turn.counts = chunk.counts


def _show(turn: _Turn, pieces: Iterable[Piece]) -> None:
    turn_id = turn.request.turn_id
    for piece in pieces:
        if piece.reasoning:
            turn.enter(Phase.THINKING)
            turn.reasoning_deltas += 1
            turn.emit(ReasoningDelta(turn_id, piece.text, tokens=0))
        else:
            turn.enter(Phase.GENERATING)
            turn.deltas += 1
            turn.emit(TextDelta(turn_id, piece.text, tokens=0))


def _usage(turn: _Turn) -> Usage:
    """The endpoint's own counts; where it tells none, a delta counts as a token. Times are seen from here."""
    counts = turn.counts
    first_s = turn.first_s if turn.first_s is not None else time.perf_counter()
    return Usage(
        prompt_tokens=counts.prompt or 0,
        cached_tokens=min(counts.cached or 0, counts.prompt or 0),
        completion_tokens=turn.deltas + turn.reasoning_deltas if counts.completion is None else counts.completion,
        reasoning_tokens=turn.reasoning_deltas if counts.reasoning is None else counts.reasoning,
        load_s=0.0,
        ttft_s=first_s - turn.sent_s,
        prefill_s=first_s - turn.sent_s,
        decode_s=max(0.0, turn.last_s - first_s),
        tier=turn.request.tier,
        seed=turn.request.sampling.seed or 0,
        context_tokens=0,
        memory=Memory(0, 0, 0),
    )


async def _beginning(blocks: AsyncIterator[bytes]) -> str:
    """The first bytes of an error page, for the details."""
    found = b""
    async for block in blocks:
        found += block
        if len(found) >= _MAX_ERROR_BYTES:
            break
    return found[:_MAX_ERROR_BYTES].decode(errors="replace")


def _without(error: AppError, key: str) -> AppError:
    """The error without the key: some services repeat it in what they say."""
    report = error.report
    details = report.details.replace(key, "…") if key else report.details
    return AppError(report.code, report.cause, report.next_step, details=details)


def _closed() -> ErrorReport:
    return ErrorReport(
        ErrorCode.CANCELLED, msg("The application was closed during this answer."), msg("Ask for the answer again.")
    )


def _unexpected(error: BaseException) -> ErrorReport:
    log.error("the cloud engine failed: %s", type(error).__name__, exc_info=error)
    return ErrorReport(
        ErrorCode.CLOUD_FAILED,
        msg("Something went wrong on the way to the cloud."),
        msg("Try again; if it happens again, the log says more."),
        details=type(error).__name__,
    )
