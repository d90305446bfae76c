"""Turns between this machine and an endpoint: consent, escalation, failing over, cancelling, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_desktop.assistant import routing
from autoglm_desktop.assistant.routing import RoutingEngine, Surroundings
from autoglm_desktop.cloud.engine import CloudEngine, Limits
from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart, Message, ModelRef, Role, TextPart, TurnRequest
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.routing import Endpoint, Where
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.workload import Work, WorkTracker
from autoglm_desktop.engine.script import Reply
from autoglm_desktop.engine.scripted import ScriptedEngine
from tests.helpers.assistants import assistant_over
from tests.helpers.cloud_endpoint import CloudEndpoint, Play, Turns, cloud_endpoint
from tests.helpers.manual_engine import ManualEngine

FULL = ErrorReport(
    ErrorCode.CONTEXT_FULL,
    msg("{prompt_tokens} + {room_tokens} > {context_tokens}", prompt_tokens=5000, room_tokens=64, context_tokens=4096),
    msg("Begin a new conversation."),
)


@pytest.fixture
def server() -> Iterator[CloudEndpoint]:
    with cloud_endpoint() as running:
        yield running


def settings_for(
    server: CloudEndpoint, mode: str = "always", *, consent: bool = True, images: bool = False
) -> Settings:
    return Settings.model_validate(
        {
            "cloud_mode": mode,
            "cloud_url": server.url,
            "cloud_model": "big",
            "cloud_allow_http": True,
            "cloud_images": images,
            "cloud_consents": (server.url,) if consent else (),
        }
    )


def make_cloud(endpoint: Endpoint) -> Engine:
    return CloudEngine(endpoint, lambda _: b"", key=lambda _: None, limits=Limits(silence_s=0.5))


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@contextmanager
def routed(
    local: Engine,
    settings: Settings,
    around: Surroundings | None = None,
    *,
    make: Callable[[Endpoint], Engine] = make_cloud,
    clock: Callable[[], float] | None = None,
) -> Iterator[RoutingEngine]:
    engine = RoutingEngine(local, settings, make, around, **({"clock": clock} if clock else {}))
    try:
        yield engine
    finally:
        engine.close()


def ask(turn_id: str = "t1", text: str = "Who are you?") -> TurnRequest:
    return TurnRequest(turn_id, ModelRef("m", "/m"), (Message.of(Role.USER, text),), Tier.INT8)


def answer(engine: Engine, request: TurnRequest | None = None) -> Turns:
    turns = Turns()
    engine.submit(request or ask(), turns)
    turns.wait_last()
    return turns


def local_engine(*replies: Reply) -> ScriptedEngine:
    return ScriptedEngine(replies or (Reply("From here."),))


def test_with_the_cloud_off_the_request_goes_straight_through_and_nothing_is_made() -> None:
    def never(_: Endpoint) -> Engine:
        raise AssertionError("no cloud is to be made")

    with routed(local_engine(), Settings(), make=never) as engine:
        turns = answer(engine)
        assert turns.text == "From here."
        assert turns.events[-1].usage.answered_by is None
        assert engine._flights == {}


def test_always_means_the_endpoint_answers_and_the_answer_says_so(server: CloudEndpoint) -> None:
    local = local_engine()
    with routed(local, settings_for(server)) as engine:
        turns = answer(engine)
    assert turns.text == "From far away."
    by = turns.events[-1].usage.answered_by
    assert by.where is Where.CLOUD
    assert by.endpoint == server.url.removeprefix("http://").removesuffix("/v1")
    assert by.model == "big"
    assert "You chose the cloud" in str(by.reason)
    assert by.radio_s > 0
    assert local.requests == []


def test_nothing_is_sent_before_consent_and_after_its_withdrawal(server: CloudEndpoint) -> None:
    with routed(local_engine(), settings_for(server, consent=False)) as engine:
        turns = answer(engine)
        assert turns.text == "From here."
        by = turns.events[-1].usage.answered_by
        assert by.where is Where.LOCAL
        assert "not agreed" in str(by.reason)
        assert server.asked == []
        engine.configure(settings_for(server))
        assert answer(engine, ask("t2")).text == "From far away."
        engine.configure(settings_for(server, consent=False))
        assert answer(engine, ask("t3")).text == "From here."
        assert len(server.asked) == 1


def test_a_prompt_that_is_too_long_here_goes_to_the_cloud(server: CloudEndpoint) -> None:
    local = local_engine(Reply("", error=FULL), Reply("From here."))
    with routed(local, settings_for(server, "when_needed")) as engine:
        turns = answer(engine)
        assert turns.text == "From far away."
        assert "5000 tokens; the model here holds 4096" in str(turns.events[-1].usage.answered_by.reason)
        assert answer(engine, ask("t2")).text == "From here.", "what fits stays"


def test_too_long_here_and_no_consent_keeps_the_refusal_with_its_ways_on(server: CloudEndpoint) -> None:
    with routed(local_engine(Reply("", error=FULL)), settings_for(server, "when_needed", consent=False)) as engine:
        last = answer(engine).events[-1]
        assert last.error == FULL
        assert engine.preview(ModelRef("m", "/m"), error=FULL).asks_consent
    assert server.asked == []


def test_too_long_here_and_the_cloud_fails_tells_both(server: CloudEndpoint) -> None:
    server.play = Play(status=500)
    with routed(local_engine(Reply("", error=FULL)), settings_for(server, "when_needed")) as engine:
        last = answer(engine).events[-1]
    assert last.error.code is ErrorCode.CONTEXT_FULL
    assert "answered with an error (500)" in last.error.details


def test_a_device_that_should_rest_lets_the_cloud_answer(server: CloudEndpoint) -> None:
    why = [None, msg("The battery is nearly empty: a cloud model could answer.")]
    with routed(local_engine(), settings_for(server, "when_needed"), Surroundings(rest=lambda: why[-1])) as engine:
        assert "nearly empty" in str(answer(engine).events[-1].usage.answered_by.reason)
        why.append(None)
        assert answer(engine, ask("t2")).text == "From here."


IMAGE = ImagePart("a" * 64, "image/png", 2, 2)


def with_image(turn_id: str = "t1") -> TurnRequest:
    seen = (Message(Role.USER, (IMAGE, TextPart("What is it?"))),)
    return replace(ask(turn_id, "[Image 1: nothing was read]What is it?"), seen=seen)


def test_images_go_to_an_endpoint_that_sees_and_else_stay(server: CloudEndpoint) -> None:
    from PIL import Image

    local = local_engine()

    def seeing(endpoint: Endpoint) -> Engine:
        import io

        kept = io.BytesIO()
        Image.new("RGB", (2, 2)).save(kept, "PNG")
        return CloudEngine(endpoint, lambda _: kept.getvalue(), key=lambda _: None)

    with routed(local, settings_for(server, "when_needed", images=True), make=seeing) as engine:
        turns = answer(engine, with_image())
        assert "cannot see" in str(turns.events[-1].usage.answered_by.reason)
        kinds = [part["type"] for part in server.asked[0].body["messages"][0]["content"]]
        assert kinds == ["image_url", "text"]
        engine.configure(settings_for(server, "always", images=False))
        kept_here = answer(engine, with_image("t2"))
        assert kept_here.text == "From here."
        assert "Images stay" in str(kept_here.events[-1].usage.answered_by.reason)
    assert len(server.asked) == 1
    assert local.requests[0].seen == ()


@pytest.mark.parametrize(
    ("play", "words"),
    [
        (Play(status=401), "does not accept the API key"),
        (Play(status=429), "too many requests"),
        (Play(status=503), "error (503)"),
        (Play(hold_after=0), "said nothing for 0.5 seconds"),
        (Play(raw=b"<html>", content_type="text/html"), "OpenAI-compatible"),
        (Play(break_after=0), "broke off"),
    ],
)
def test_an_endpoint_that_fails_is_replaced_by_this_machine(server: CloudEndpoint, play: Play, words: str) -> None:
    server.play = play
    local, clock = local_engine(), Clock()
    with routed(local, settings_for(server), clock=clock) as engine:
        turns = answer(engine)
        assert turns.text == "From here."
        by = turns.events[-1].usage.answered_by
        assert by.where is Where.LOCAL
        assert words in str(by.reason)
        assert by.endpoint
        again = answer(engine, ask("t2"))
        assert again.text == "From here."
        assert "asked again in a minute" in str(again.events[-1].usage.answered_by.reason)
        assert len(server.asked) == 1, "an endpoint that failed a moment ago is left alone"
        server.released.set()
        server.play = Play()
        clock.now_s += routing.DOWN_S
        assert answer(engine, ask("t3")).text == "From far away."


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_refused_does_not_keep_others_away(server: CloudEndpoint, status: int) -> None:
    server.play = Play(status=status)
    with routed(local_engine(), settings_for(server)) as engine:
        assert answer(engine).text == "From here."
        server.play = Play()
        assert answer(engine, ask("t2")).text == "From far away."


def test_changed_settings_ask_a_failed_endpoint_again_at_once(server: CloudEndpoint) -> None:
    server.play = Play(status=401)
    settings = settings_for(server)
    with routed(local_engine(), settings) as engine:
        answer(engine)
        server.play = Play()
        engine.configure(settings.model_copy(update={"cloud_model": "bigger"}))
        assert answer(engine, ask("t2")).text == "From far away."


def test_what_breaks_off_in_the_middle_goes_on_here(server: CloudEndpoint) -> None:
    server.play = Play(break_after=2)
    local = local_engine(Reply("And here it ends."))
    with routed(local, settings_for(server)) as engine:
        turns = answer(engine)
    assert turns.text == "From far And here it ends."
    by = turns.events[-1].usage.answered_by
    assert by.where is Where.LOCAL
    assert "This machine went on." in str(by.reason)
    assert [m.role for m in local.requests[0].messages] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert local.requests[0].messages[1].text == "From far "
    assert [event.kind for event in turns.events].count("finished") == 1


def test_cancelling_reaches_the_cloud_and_does_not_fail_over(server: CloudEndpoint) -> None:
    server.play = Play(hold_after=1)
    local = local_engine()
    with routed(local, settings_for(server)) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        turns.wait_for("text")
        engine.cancel("t1")
        last = turns.wait_last()
        assert last.reason is FinishReason.CANCELLED
        assert last.usage.answered_by.where is Where.CLOUD
        assert local.requests == []
        assert server.gone.wait(10)


def test_cancelling_reaches_this_machine_after_it_took_over(server: CloudEndpoint) -> None:
    server.play = Play(status=503)
    local = ManualEngine()
    with routed(local, settings_for(server)) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        turns.wait_for("phase")
        for _ in range(500):
            if local.turns:
                break
            server.gone.wait(0.02)
        engine.cancel("t1")
        assert turns.wait_last().reason is FinishReason.CANCELLED


def test_everything_else_is_this_machines_matter(server: CloudEndpoint) -> None:
    local = ManualEngine()
    with routed(local, settings_for(server)) as engine:
        engine.set_tier(Tier.INT4)
        engine.preload(ModelRef("m", "/m"), Tier.INT4)
        engine.unload()
        engine.forget_sessions()
        assert local.tiers == [Tier.INT4]
        assert local.preloaded
        assert engine.status() == local.status()
    assert local.calls == ["unload", "forget_sessions", "close"]


def test_the_phone_is_charged_for_the_radio_and_not_for_decoding(server: CloudEndpoint) -> None:
    with routed(local_engine(), settings_for(server)) as engine:
        turns = answer(engine)
    tracker, works = WorkTracker(Tier.INT8), []
    for event in turns.events:
        tracker, work = tracker.reduce(event)
        works += [work] if work is not None and work != Work(work.tier) else []
    assert len(works) == 1
    assert works[0] == Work(Tier.INT8, radio_s=turns.events[-1].usage.answered_by.radio_s)


def test_an_assistant_stores_who_answered_and_charges_the_radio(server: CloudEndpoint, tmp_path: Path) -> None:
    with (
        routed(local_engine(), settings_for(server)) as engine,
        assistant_over(engine, tmp_path / "store.db") as (assistant, heard),
    ):
        conversation = assistant.new_conversation()
        node = assistant.send(conversation.id, "Who are you?")
        heard.wait_finished(node.id)
        node = assistant.node(node.id)
        assert node.state is NodeState.COMPLETE
        assert node.text == "From far away."
        assert node.usage is not None
        assert node.usage.answered_by is not None
        assert node.usage.answered_by.where is Where.CLOUD
        assert node.energy is not None
        assert node.energy.tokens == 0
        power = assistant.energy.profile.power
        assert node.energy.phone.value is not None
        tail_j = power.radio_tail_w * power.radio_tail_s
        assert tail_j < node.energy.phone.value < tail_j + 60.0
        copy = assistant.import_json(assistant.export_json(conversation.id))
        assert "From far away." in [n.text for n in assistant.path(copy.id)]


def test_the_engine_is_routed_without_importing_httpx_or_the_cloud() -> None:
    code = (
        "import sys, autoglm_desktop.assistant.cloud\n"
        "print([name for name in ('httpx', 'keyring', 'autoglm_desktop.cloud') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"
