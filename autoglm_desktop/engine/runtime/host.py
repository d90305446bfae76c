"""The working half of the engine process: takes commands one by one, holds at most one model."""

from __future__ import annotations

import gc
import logging
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import (
    EngineState,
    EngineStatus,
    Failed,
    Finished,
    Memory,
    PerceptionEvent,
    TurnEvent,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef, TurnRequest
from autoglm_desktop.core.perception import LookRequest, Modality, TranscribeRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine import reports
from autoglm_desktop.engine.mailbox import Mailbox
from autoglm_desktop.engine.protocol import (
    Command,
    ForgetSessions,
    LoadModality,
    Perceive,
    Preload,
    SetTier,
    Submit,
    UnloadModality,
)

from . import memory
from .contracts import Runtime, Stopped
from .generate import LoadedModel, Turn, TurnPorts
from .modalities import Modalities
from .perceive import Perceiving
from .sessions import SessionPool

_LOG = logging.getLogger(__name__)
_PROGRESS_STEP = 0.01


class EngineHost:
    """`execute` always runs on the same thread, and calls `emit` at any point of it."""

    def __init__(
        self,
        runtime: Runtime,
        mailbox: Mailbox,
        emit: Callable[[TurnEvent | PerceptionEvent | EngineStatus], None],
        *,
        kv_cache_max_bytes: int,
        modalities: Modalities,
    ) -> None:
        self._runtime = runtime
        self._mailbox = mailbox
        self._emit = emit
        self._kv_cache_max_bytes = kv_cache_max_bytes
        self._modalities = modalities
        self._model: LoadedModel | None = None
        self._error: ErrorReport | None = None
        """Why the last load or change of tier failed, until one succeeds."""

    def execute(self, command: Command) -> None:
        """Carry out one command; failures become events."""
        match command:
            case Submit(request=request):
                self._answer(request)
            case Preload(model=ref, tier=tier):
                self._guarded(lambda: self._preload(ref, tier), tier)
            case SetTier(tier=tier):
                self._guarded(lambda: self._switch_idle(tier), tier)
            case Perceive(request=perception):
                self._perceive(perception)
            case LoadModality(modality=modality, model_folder=folder):
                self._guarded(lambda: self._load_modality(modality, folder))
            case UnloadModality(modality=modality):
                self._modalities.unload(modality)
                self._tell(EngineState.READY)
            case ForgetSessions():
                self._forget()

    def next_idle_s(self) -> float | None:
        """When `idle` has something to do (`time.monotonic`), or None."""
        return self._modalities.next_idle_s()

    def idle(self) -> None:
        """Called when nothing was asked until then."""
        if self._modalities.unload_idle():
            self._tell(EngineState.READY)

    def _guarded(self, action: Callable[[], object], tier: Tier | None = None) -> None:
        """Run what belongs to no turn; a failure is told in the status."""
        try:
            action()
        except Exception as error:  # noqa: BLE001 - nothing may end the process but its input
            self._error = report_of(error, tier)
        self._tell(EngineState.READY)

    def _answer(self, request: TurnRequest) -> None:
        turn: Turn | None = None
        try:
            model, load_s = self._ensure(request.model, request.tier)
            self._tell(EngineState.BUSY)
            turn = Turn(request, model, self._ports(request), load_s=load_s)
            reason = turn.run()
            self._emit(Finished(request.turn_id, reason, turn.usage()))
        except Exception as error:  # noqa: BLE001 - a failed turn costs this answer only
            report = report_of(error, self._model.decoder.tier if self._model else request.tier)
            self._error = self._error if turn else report
            self._emit(Failed(request.turn_id, report, turn.usage() if turn else None))
        self._tell(EngineState.READY)

    def _perceive(self, request: LookRequest | TranscribeRequest) -> None:
        """A failure costs this request alone: it is no state of the engine."""
        perceiving = Perceiving(
            self._modalities, self._emit, self._mailbox.cancelled, lambda: self._tell(EngineState.BUSY)
        )
        self._tell(EngineState.BUSY)
        try:
            self._emit(perceiving.run(request))
        except Stopped:
            self._emit(reports.perception_cancelled(request))
        except Exception as error:  # noqa: BLE001 - nothing may end the process but its input
            self._emit(Failed(request.turn_id, report_of(error)))
        self._tell(EngineState.READY)

    def _load_modality(self, modality: Modality, folder: str | None) -> None:
        model = self._model
        ref, tier = (model.ref.model_id, model.decoder.tier) if model else (None, None)

        def tell(fraction: float) -> None:
            statuses = self._modalities.statuses
            self._emit(EngineStatus(EngineState.LOADING, ref, tier, fraction, modalities=statuses))

        self._modalities.load(modality, folder, tell)
        self._error = None

    def _ports(self, request: TurnRequest) -> TurnPorts:
        return TurnPorts(
            emit=self._emit,
            cancelled=lambda: self._mailbox.cancelled(request.turn_id),
            take_tier=self._mailbox.take_tier,
            switch=lambda tier: self._switch_in_turn(request, tier),
            refuse=self._refuse,
            memory=self._memory,
        )

    def _ensure(self, ref: ModelRef, tier: Tier) -> tuple[LoadedModel, float]:
        """The model, freshly loaded in `tier`, or as it is: its caches are then kept over a change of tier.

        With the seconds that loading took, 0 for one that was loaded.
        """
        if self._model is not None and self._model.ref == ref:
            return self._model, 0.0
        began_s = time.perf_counter()
        self._model = None
        gc.collect()  # the old weights must be gone before the new ones come
        self._model = self._load(ref, tier)
        self._error = None
        return self._model, time.perf_counter() - began_s

    def _preload(self, ref: ModelRef, tier: Tier) -> None:
        self._ensure(ref, tier)
        self._switch_idle(tier)

    def _load(self, ref: ModelRef, tier: Tier) -> LoadedModel:
        progress = _Progress(lambda fraction: self._tell_loading(ref, tier, fraction))
        progress(0.0)
        folder = Path(ref.folder)
        with ThreadPoolExecutor(1, thread_name_prefix="tokenizer") as beside:
            bundle = beside.submit(self._runtime.load_bundle, folder)
            decoder, new_cache = self._runtime.load_decoder(folder, tier, progress)
            pool = SessionPool(new_cache, self._kv_cache_max_bytes)
            return LoadedModel(ref, bundle.result(), decoder, pool)

    def _switch(self, tier: Tier, check: Callable[[], None]) -> float:
        """`check` is called while a tier is packed for the first time, and may raise."""
        model = self._model
        assert model is not None, "only a loaded model has a tier"

        def tell(fraction: float) -> None:
            self._tell_loading(model.ref, tier, fraction)

        began_s = time.perf_counter()
        model.decoder.switch(tier, _Progress(tell, check))
        self._error = None
        return time.perf_counter() - began_s

    def _switch_in_turn(self, request: TurnRequest, tier: Tier) -> float | None:
        def check() -> None:
            if self._mailbox.cancelled(request.turn_id):
                raise Stopped

        try:
            return self._switch(tier, check)
        except Stopped:
            return None
        finally:
            self._tell(EngineState.BUSY)

    def _refuse(self, report: ErrorReport) -> None:
        self._error = report
        self._tell(EngineState.BUSY)

    def _switch_idle(self, tier: Tier) -> None:
        if self._model is not None and self._model.decoder.tier is not tier:
            self._switch(tier, lambda: None)

    def _forget(self) -> None:
        if self._model is not None:
            self._model.pool.clear()
            self._model.bundle.forget()
            gc.collect()
        self._tell(EngineState.READY)

    def _memory(self) -> Memory:
        if self._model is None:
            return memory.measure(weights_bytes=0, kv_bytes=0)
        return memory.measure(weights_bytes=self._model.decoder.weights_bytes, kv_bytes=self._model.pool.nbytes)

    def _tell(self, state: EngineState) -> None:
        model = self._model
        ref, tier = (model.ref.model_id, model.decoder.tier) if model else (None, None)
        self._emit(EngineStatus(state, ref, tier, None, self._memory(), self._error, self._modalities.statuses))

    def _tell_loading(self, ref: ModelRef, tier: Tier, fraction: float) -> None:
        statuses = self._modalities.statuses
        self._emit(EngineStatus(EngineState.LOADING, ref.model_id, tier, fraction, modalities=statuses))


class _Progress:
    """Passes a fraction on when it moved by a hundredth; calls `check` each time."""

    def __init__(self, sink: Callable[[float], None], check: Callable[[], None] = lambda: None) -> None:
        self._sink = sink
        self._check = check
        self._told = -1.0

    def __call__(self, fraction: float) -> None:
        self._check()
        if fraction - self._told >= _PROGRESS_STEP:
            self._told = fraction
            self._sink(min(1.0, fraction))


def report_of(error: Exception, tier: Tier | None = None) -> ErrorReport:
    """An exception as people and programs see it; what is not an AppError is logged whole.

    Where memory ran out in `tier`, the next smaller one is suggested.
    """
    if isinstance(error, AppError):
        return error.report
    _LOG.error("the engine failed", exc_info=error)
    details = "".join(traceback.format_exception(error))
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return ErrorReport(
            ErrorCode.OUT_OF_MEMORY,
            msg("There is not enough memory for this answer."),
            msg("Close other applications, choose a smaller tier or shorten the conversation."),
            details,
            tier.smaller if tier is not None else None,
        )
    return ErrorReport(
        ErrorCode.ENGINE_FAILED,
        msg(
            "The engine failed: {reason}.", reason=str(error).strip().splitlines()[0].rstrip(".") if str(error) else "?"
        ),
        msg("Ask again. If it happens again, report it with the details."),
        details,
    )
