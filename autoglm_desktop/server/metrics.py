"""`GET /metrics`: what the service did, for Prometheus. One registry for each service, none shared."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.events import EngineState, Finished, Memory

from .live import LiveAnswer
from .usage import usage_of

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_RATES = (1, 2, 5, 10, 20, 40, 80, 160, 320)


class Meters:
    """Counters of one service. Used on the event loop."""

    def __init__(self, assistant: Assistant) -> None:
        registry = self._registry = CollectorRegistry()
        registry.register(_Now(assistant))
        self.requests = Counter(
            "autoglm_http_requests", "Requests by route and status.", ("route", "status"), registry=registry
        )
        self.inside = Gauge("autoglm_requests_inside", "Requests that are worked on or wait.", registry=registry)
        self._answers = Counter("autoglm_answers", "Answers by how they ended.", ("end",), registry=registry)
        self._tokens = Counter("autoglm_tokens", "Tokens by kind.", ("kind",), registry=registry)
        self._joules = Counter(
            "autoglm_joules",
            "Energy of answers, by whose it is and how it is known.",
            ("of", "label"),
            registry=registry,
        )
        self._first = Histogram(
            "autoglm_first_token_seconds", "From the request to its first token.", buckets=_SECONDS, registry=registry
        )
        self._rate = Histogram(
            "autoglm_decode_tokens_per_second", "Rate of decoding.", buckets=_RATES, registry=registry
        )

    def ended(self, answer: LiveAnswer) -> None:
        """Count an answer that is over, well or not."""
        self._answers.labels(_end_of(answer)).inc()
        if answer.first_s is not None:
            self._first.observe(answer.first_s - answer.began_s)
        usage = usage_of(answer)
        if usage is not None:
            self._tokens.labels("prompt").inc(usage.prompt_tokens)
            self._tokens.labels("cached").inc(usage.cached_tokens)
            self._tokens.labels("completion").inc(usage.completion_tokens)
            self._tokens.labels("reasoning").inc(usage.reasoning_tokens)
            if usage.decode_tok_s > 0.0:
                self._rate.observe(usage.decode_tok_s)
        energy = answer.energy
        for of, quantity in (("phone", energy and energy.phone), ("computer", energy and energy.computer)):
            if quantity and quantity.value is not None and quantity.provenance is not None:
                self._joules.labels(of, quantity.provenance.value).inc(max(0.0, quantity.value))

    def page(self) -> bytes:
        """The page in Prometheus' text format."""
        return generate_latest(self._registry)


class CountRequests:
    """ASGI middleware: every answer by its route (not its path: paths are up to clients) and status."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app, self._meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path_format", "other")
                self._meters.requests.labels(route, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)


class _Now(Collector):
    """What holds at the moment somebody looks."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def collect(self) -> Iterator[GaugeMetricFamily]:
        status, shot = self._assistant.engine_status(), self._assistant.energy.view().snapshot
        state = shot.state
        loaded = status.state in (EngineState.READY, EngineState.BUSY)
        yield GaugeMetricFamily("autoglm_in_line", "Answers that run or wait.", self._assistant.completions.in_line)
        yield GaugeMetricFamily("autoglm_model_loaded", "1 when the model is in memory.", float(loaded))
        yield GaugeMetricFamily("autoglm_engine_rss_bytes", "Resident set of the engine.", _rss(status.memory))
        yield GaugeMetricFamily("autoglm_phone_battery", "Of the simulated phone, 0 to 1.", state.soc)
        yield GaugeMetricFamily("autoglm_phone_soc_celsius", "Processor of the simulated phone.", state.junction_c)
        yield GaugeMetricFamily("autoglm_phone_skin_celsius", "Skin of the simulated phone.", state.body_c)
        yield GaugeMetricFamily("autoglm_phone_joules", "Drawn from the simulated cell.", shot.joules)
        yield GaugeMetricFamily("autoglm_phone_charged_joules", "Charged into the simulated cell.", shot.charged_j)
        yield GaugeMetricFamily("autoglm_phone_watts", "Mean of the last minute, negative: it charges.", shot.mean_w)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        return iter(())


def _rss(memory: Memory | None) -> float:
    return 0.0 if memory is None else float(memory.rss_bytes)


def _end_of(answer: LiveAnswer) -> str:
    if answer.gone:
        return "client_gone"
    if answer.expired:
        return "timeout"
    return answer.last.reason.value if isinstance(answer.last, Finished) else "failed"
