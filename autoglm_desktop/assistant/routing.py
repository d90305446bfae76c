"""The engine of this machine and the cloud behind one port: each turn goes where the rules say, and says why.

With the cloud off this passes everything on and holds nothing. The cloud's engine is made for its first turn. A turn
that the cloud fails goes on here: from the beginning, or from where the cloud broke off.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import (
    EngineStatus,
    Failed,
    Finished,
    FinishReason,
    Phase,
    PhaseChanged,
    TextDelta,
    TurnEvent,
)
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.messages import ImagePart, Message, ModelRef, Role, TurnRequest
from autoglm_desktop.core.perception import LookRequest, Modality, TranscribeRequest
from autoglm_desktop.core.ports import Engine, PerceptionSink, StatusSink, TurnSink
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.routing import (
    AnsweredBy,
    CloudMode,
    CloudRules,
    Endpoint,
    Need,
    Overflow,
    Route,
    Where,
    decide,
    rules_of,
)
from autoglm_desktop.core.settings import Settings

from .context import figures_of

log = logging.getLogger(__name__)

DOWN_S = 60.0
"""So long an endpoint that failed is not asked again, unless its settings change."""
_DOWN_BY = (
    ErrorCode.CLOUD_UNREACHABLE,
    ErrorCode.CLOUD_KEY_REFUSED,
    ErrorCode.CLOUD_BUSY,
    ErrorCode.CLOUD_FAILED,
)
"""What would meet every request; a fault of one request alone does not keep the others away."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rules look at beside the turn; each is asked when a turn may leave the machine."""

    rest: Callable[[], Text | None] = lambda: None
    """Why this device should rather rest, as the governor says."""
    sees: Callable[[ModelRef], bool] = lambda _: False
    """Whether a model here takes images itself."""
    network: Callable[[], bool] = lambda: True


@dataclass(slots=True)
class _Flight:
    """A turn that may leave the machine. Guarded by the routing engine's lock."""

    request: TurnRequest
    sink: TurnSink
    cancelled: bool = False
    note: AnsweredBy | None = None
    """Who answers, for the usage."""
    overflow: ErrorReport | None = None
    """This machine's own refusal, when the prompt was too long for it."""
    sent_s: float = 0.0
    said: str = ""
    """What the cloud has answered so far."""


class RoutingEngine:
    """`core.ports.Engine`. Turns go to `local` or to an endpoint; everything else is `local`'s matter."""

    def __init__(
        self,
        local: Engine,
        settings: Settings,
        make_cloud: Callable[[Endpoint], Engine],
        surroundings: Surroundings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._local, self._make_cloud = local, make_cloud
        self._around = surroundings or Surroundings()
        self._clock = clock
        self._lock = threading.Lock()
        self._rules = rules_of(settings)
        self._clouds: dict[Endpoint, Engine] = {}
        self._flights: dict[str, _Flight] = {}
        self._down: tuple[Endpoint, float, Text] | None = None
        self._closed = False

    # -- the rules

    @property
    def rules(self) -> CloudRules:
        """What holds for turns that begin now."""
        return self._rules

    def configure(self, settings: Settings) -> None:
        """Use these settings from the next turn on; a changed endpoint is asked again at once."""
        rules = rules_of(settings)
        with self._lock:
            if rules != self._rules:
                self._down = None
            self._rules = rules
            left = [cloud for endpoint, cloud in self._clouds.items() if endpoint != rules.endpoint]
            idle = left if not self._flights else []
            if idle:
                self._clouds = {e: c for e, c in self._clouds.items() if e == rules.endpoint}
        for cloud in idle:
            cloud.close()

    def preview(self, model: ModelRef, *, images: bool = False, error: ErrorReport | None = None) -> Route:
        """Where such a turn would go now; `error` is the refusal of an answer that did not fit."""
        return decide(self._rules, self._need(model, images=images, overflow=_overflow_of(error)))

    # -- the port

    def submit(self, request: TurnRequest, sink: TurnSink) -> None:
        if self._rules.mode is CloudMode.OFF:
            self._local.submit(_for_here(request), sink)
            return
        flight = _Flight(request, sink)
        with self._lock:
            self._flights[request.turn_id] = flight
        route = self._route(flight)
        if route.where is Where.CLOUD and route.endpoint is not None:
            self._ask_cloud(flight, route.endpoint, route.reason)
        else:
            if route.wanted_cloud:
                flight.note = AnsweredBy(Where.LOCAL, route.reason)
            self._ask_here(flight, request)

    def cancel(self, turn_id: str) -> None:
        with self._lock:
            flight = self._flights.get(turn_id)
            if flight is not None:
                flight.cancelled = True
            clouds = list(self._clouds.values()) if flight is not None else []
        for engine in (self._local, *clouds):
            engine.cancel(turn_id)

    def set_tier(self, tier: Tier) -> None:
        self._local.set_tier(tier)

    def preload(self, model: ModelRef, tier: Tier) -> None:
        self._local.preload(model, tier)

    def unload(self) -> None:
        self._local.unload()

    def perceive(self, request: LookRequest | TranscribeRequest, sink: PerceptionSink) -> None:
        self._local.perceive(request, sink)

    def load_modality(self, modality: Modality, model_folder: str | None = None) -> None:
        self._local.load_modality(modality, model_folder)

    def unload_modality(self, modality: Modality) -> None:
        self._local.unload_modality(modality)

    def forget_sessions(self) -> None:
        self._local.forget_sessions()

    def status(self) -> EngineStatus:
        return self._local.status()

    def watch(self, sink: StatusSink) -> Callable[[], None]:
        return self._local.watch(sink)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            clouds, self._clouds = list(self._clouds.values()), {}
        for engine in (*clouds, self._local):
            engine.close()

    # -- inside

    def _route(self, flight: _Flight) -> Route:
        request = flight.request
        images = any(isinstance(part, ImagePart) for message in _seen(request) for part in message.parts)
        need = self._need(request.model, images=images, overflow=_overflow_of(flight.overflow))
        return decide(self._rules, need)

    def _need(self, model: ModelRef, *, images: bool, overflow: Overflow | None) -> Need:
        rules = self._rules
        if rules.mode is CloudMode.OFF or rules.endpoint is None:
            return Need()
        return Need(
            images=images,
            sees_images_here=images and self._around.sees(model),
            overflow=overflow,
            rest=self._around.rest(),
            network=rules.endpoint.is_here or self._around.network(),
            down=self._why_down(rules.endpoint),
        )

    def _why_down(self, endpoint: Endpoint) -> Text | None:
        with self._lock:
            if self._down is None or self._down[0] != endpoint or self._clock() - self._down[1] >= DOWN_S:
                return None
            return self._down[2]

    def _ask_cloud(self, flight: _Flight, endpoint: Endpoint, reason: Text) -> None:
        request = flight.request
        with self._lock:
            if self._closed:
                cloud = None
            else:
                cloud = self._clouds.get(endpoint) or self._make_cloud(endpoint)
                self._clouds[endpoint] = cloud
            flight.sent_s = self._clock()
        if cloud is None:  # the engine of this machine knows how to say that all is closed
            self._ask_here(flight, request)
            return
        log.info("a turn goes to %s: %s", endpoint.host, reason.english())
        asked = replace(request, messages=_seen(request) if endpoint.takes_images else request.messages, seen=())
        cloud.submit(asked, partial(self._from_cloud, flight, endpoint, reason))
        if flight.cancelled:
            cloud.cancel(request.turn_id)

    def _ask_here(self, flight: _Flight, request: TurnRequest) -> None:
        self._local.submit(_for_here(request), partial(self._from_here, flight))
        if flight.cancelled:
            self._local.cancel(request.turn_id)

    def _from_here(self, flight: _Flight, event: TurnEvent) -> None:
        """An event of this machine; called on its engine's thread."""
        if isinstance(event, Failed) and self._escalates(flight, event.error):
            return
        if isinstance(event, Failed) and flight.overflow is not None and flight.note is not None:
            event = _refused_twice(event, flight.overflow, flight.note)
        self._pass_on(flight, event)

    def _escalates(self, flight: _Flight, error: ErrorReport) -> bool:
        """Send a prompt that is too long for this machine to the cloud, where the rules let it go."""
        if error.code is not ErrorCode.CONTEXT_FULL or flight.overflow or flight.cancelled or flight.note:
            return False
        flight.overflow = error
        route = self._route(flight)
        if route.where is not Where.CLOUD or route.endpoint is None:
            flight.overflow = None
            return False
        self._ask_cloud(flight, route.endpoint, route.reason)
        return True

    def _from_cloud(self, flight: _Flight, endpoint: Endpoint, reason: Text, event: TurnEvent) -> None:
        """An event of the endpoint; called on the cloud engine's thread."""
        if isinstance(event, PhaseChanged) and event.phase is Phase.ASKING_CLOUD:
            flight.sent_s = self._clock()  # the radio is not charged for unlocking a keyring
        if isinstance(event, TextDelta):
            flight.said += event.text
        if isinstance(event, Finished | Failed):
            radio_s = self._clock() - flight.sent_s
            flight.note = AnsweredBy(Where.CLOUD, reason, endpoint.host, endpoint.model, radio_s)
        if isinstance(event, Failed) and event.error.code is not ErrorCode.CANCELLED:
            self._fail_over(flight, endpoint, event)
        else:
            self._pass_on(flight, event)

    def _fail_over(self, flight: _Flight, endpoint: Endpoint, event: Failed) -> None:
        """Answer here after all, and remember an endpoint that is down."""
        assert flight.note is not None
        why = msg("{cause} This machine answered.", cause=str(event.error.cause))
        if flight.said:
            why = msg("{cause} This machine went on.", cause=str(event.error.cause))
        with self._lock:
            if endpoint == self._rules.endpoint and event.error.code in _DOWN_BY:
                self._down = (endpoint, self._clock(), msg("{cause} It is asked again in a minute.",
                                                           cause=str(event.error.cause)))  # fmt: skip
        flight.note = replace(flight.note, where=Where.LOCAL, reason=why)
        if flight.cancelled:
            usage = event.usage
            ended: TurnEvent = Finished(event.turn_id, FinishReason.CANCELLED, usage) if usage is not None else event
            self._pass_on(flight, ended)
        elif flight.overflow is not None:
            self._pass_on(flight, _refused_twice(event, flight.overflow, flight.note))
        else:
            self._ask_here(flight, _going_on(flight.request, flight.said) if flight.said else flight.request)

    def _pass_on(self, flight: _Flight, event: TurnEvent) -> None:
        if isinstance(event, Finished | Failed):
            with self._lock:
                self._flights.pop(flight.request.turn_id, None)
            if flight.note is not None and event.usage is not None:
                event = replace(event, usage=replace(event.usage, answered_by=flight.note))
        flight.sink(event)


def _overflow_of(error: ErrorReport | None) -> Overflow | None:
    if error is None or error.code is not ErrorCode.CONTEXT_FULL:
        return None
    figures = figures_of(error)
    return Overflow(figures.prompt_tokens, figures.context_tokens) if figures is not None else Overflow(0, 0)


def _refused_twice(event: Failed, overflow: ErrorReport, note: AnsweredBy) -> Failed:
    """Too long for this machine, and the cloud failed: the first has ways on, the second is told with it."""
    details = "\n".join(filter(None, (note.reason.english(), event.error.details, overflow.details)))
    return replace(event, error=replace(overflow, details=details))


def _seen(request: TurnRequest) -> tuple[Message, ...]:
    return request.seen or request.messages


def _for_here(request: TurnRequest) -> TurnRequest:
    return replace(request, seen=()) if request.seen else request


def _going_on(request: TurnRequest, said: str) -> TurnRequest:
    """The request for the rest of an answer whose beginning is shown already."""
    is_chinese = any("\u4e00" <= char <= "\u9fff" for char in said)
    go_on = (
        "请从你的回答中断处接着写，不要重复已写的内容。"
        if is_chinese
        else "Go on exactly where your answer broke off. Do not repeat any of it."
    )
    more = (Message.of(Role.ASSISTANT, said), Message.of(Role.USER, go_on))
    return replace(request, messages=(*request.messages, *more), seen=(), think=False)
