"""The engine over an OpenAI-compatible endpoint: over a real socket, and over httpx's mock where bytes matter."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from PIL import Image

from autoglm_desktop.cloud.engine import CloudEngine, Limits
from autoglm_desktop.cloud.request import body_of
from autoglm_desktop.core.errors import ErrorCode
from autoglm_desktop.core.events import Failed, Finished, FinishReason, Phase, PhaseChanged, ReasoningDelta
from autoglm_desktop.core.messages import ImagePart, Message, ModelRef, Role, Sampling, TextPart, TurnRequest
from autoglm_desktop.core.perception import LookRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.routing import Endpoint
from tests.helpers.cloud_endpoint import CloudEndpoint, Play, Turns, cloud_endpoint

KEY = "sk-secret-0123456789"
IMAGE = ImagePart("a" * 64, "image/jpeg", 8, 8)


@pytest.fixture
def server() -> Iterator[CloudEndpoint]:
    with cloud_endpoint() as running:
        yield running


def no_image(_: ImagePart) -> bytes:
    raise AssertionError("no image was to be read")


@contextmanager
def engine_for(
    url: str,
    *,
    key: str | None = None,
    limits: Limits | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Iterator[CloudEngine]:
    engine = CloudEngine(Endpoint(url, "big"), no_image, key=lambda _: key, limits=limits, transport=transport)
    try:
        yield engine
    finally:
        engine.close()


def ask(turn_id: str = "t1", *messages: Message, **values: object) -> TurnRequest:
    said = messages or (Message.of(Role.SYSTEM, "Be brief."), Message.of(Role.USER, "Who are you?"))
    return TurnRequest(turn_id, ModelRef("m", "/m"), said, Tier.INT8, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("reasoning", [(), ("Let me ", "see.")])
@pytest.mark.parametrize(
    ("pieces", "thought", "said"),
    [
        (("<th", "ink>Hm", "m.</think>\n<answer>Fo", "ur.</ans", "wer>"), "Hmm.", "Four."),
        (("<think>Hmm.</think>Four <answer> five.",), "Hmm.", "Four <answer> five."),
        (("<think>Hmm.",), "Hmm.", ""),
        (("<b>Four", "</b> <answ"), "", "<b>Four</b> <answ"),
        (("Say <think> and </answer>",), "", "Say <think> and </answer>"),
    ],
)
def test_marks_of_the_model_are_no_text(
    server: CloudEndpoint, reasoning: tuple[str, ...], pieces: tuple[str, ...], thought: str, said: str
) -> None:
    """Services without a reasoning parser send them."""
    server.play = Play(pieces=pieces, reasoning=reasoning)
    turns = Turns()
    with engine_for(server.url) as engine:
        engine.submit(ask(think=True), turns)
        turns.wait_last()
    assert turns.text == said
    found = "".join(event.text for event in turns.events if isinstance(event, ReasoningDelta))
    assert found == "".join(reasoning) + thought


def test_stop_strings_beyond_what_an_endpoint_takes_are_cut_off_here(server: CloudEndpoint) -> None:
    server.play = Play(pieces=("one two th", "ree four", " five"))
    turns = Turns()
    with engine_for(server.url) as engine:
        engine.submit(ask(stop=("a", "b", "c", "d", "three")), turns)
        turns.wait_last()
    assert turns.text == "one two "
    last = turns.events[-1]
    assert isinstance(last, Finished)
    assert last.reason is FinishReason.STOP
    assert server.asked[0].body["stop"] == ["a", "b", "c", "d"]


def test_an_answer_streams_with_reasoning_phases_and_the_endpoints_figures(server: CloudEndpoint) -> None:
    server.play = Play(reasoning=("Let me ", "see."))
    with engine_for(server.url) as engine:
        turns = Turns()
        engine.submit(ask(sampling=Sampling(0.5, seed=7), stop=("END",)), turns)
        last = turns.wait_last()
    assert turns.text == "From far away."
    assert "".join(e.text for e in turns.events if isinstance(e, ReasoningDelta)) == "Let me see."
    phases = [e.phase for e in turns.events if isinstance(e, PhaseChanged)]
    assert phases == [Phase.QUEUED, Phase.ASKING_CLOUD, Phase.THINKING, Phase.GENERATING]
    assert isinstance(last, Finished)
    assert last.reason is FinishReason.STOP
    usage = last.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, usage.reasoning_tokens) == (40, 12, 7, 2)
    assert usage.ttft_s > 0
    assert all(e.tokens == 0 for e in turns.events if e.kind in ("text", "reasoning"))
    asked = server.asked[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.body["model"] == "big"
    assert asked.body["messages"][1] == {"role": "user", "content": "Who are you?"}
    assert (asked.body["seed"], asked.body["stop"], asked.body["temperature"]) == (7, ["END"], 0.5)
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("think", [False, True])
def test_without_a_limit_the_endpoint_gets_none(think: bool) -> None:
    endpoint = Endpoint("https://x/v1", "big")
    assert "max_tokens" not in body_of(ask(max_tokens=None, think=think), endpoint, lambda _: b"")
    assert body_of(ask(max_tokens=7), endpoint, lambda _: b"")["max_tokens"] == 7


def test_the_length_limit_is_told_and_missing_counts_are_counted(server: CloudEndpoint) -> None:
    server.play = Play(finish="length", usage=None)
    with engine_for(server.url) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        last = turns.wait_last()
    assert isinstance(last, Finished)
    assert last.reason is FinishReason.LENGTH
    assert last.usage.completion_tokens == 3


def test_cancelling_closes_the_stream_at_once_and_keeps_what_came(server: CloudEndpoint) -> None:
    server.play = Play(hold_after=2)
    with engine_for(server.url) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        assert server.held.wait(10)
        turns.wait_for("text")
        engine.cancel("t1")
        last = turns.wait_last()
        assert isinstance(last, Finished)
        assert last.reason is FinishReason.CANCELLED
        assert server.gone.wait(10), "the endpoint sees that nobody listens any more"


def test_turns_run_side_by_side_and_cancelling_one_leaves_the_other(server: CloudEndpoint) -> None:
    server.play = Play(hold_after=1)
    with engine_for(server.url) as engine:
        first, second = Turns(), Turns()
        engine.submit(ask("t1"), first)
        engine.submit(ask("t2"), second)
        first.wait_for("text")
        second.wait_for("text")
        engine.cancel("t1")
        assert first.wait_last().reason is FinishReason.CANCELLED
        server.released.set()
        assert second.wait_last().reason is FinishReason.STOP
        assert second.text == "From far away."


def test_a_turn_cancelled_before_its_first_step_still_ends(server: CloudEndpoint) -> None:
    with engine_for(server.url) as engine:
        many = [Turns() for _ in range(20)]
        for number, turns in enumerate(many):
            engine.submit(ask(f"t{number}"), turns)
            engine.cancel(f"t{number}")
        for turns in many:
            assert turns.wait_last().kind == "finished"


def test_closing_ends_what_runs_and_refuses_what_comes(server: CloudEndpoint) -> None:
    server.play = Play(hold_after=1)
    with engine_for(server.url) as engine:
        turns, late = Turns(), Turns()
        engine.submit(ask(), turns)
        assert server.held.wait(10)
        engine.close()
        last = turns.wait_last()
        assert isinstance(last, Failed)
        assert last.error.code is ErrorCode.CANCELLED
        engine.submit(ask("t2"), late)
        assert late.wait_last().error.code is ErrorCode.CANCELLED


def test_a_wrong_key_is_told_and_never_repeated(server: CloudEndpoint, caplog: pytest.LogCaptureFixture) -> None:
    server.key = "the-right-one"
    caplog.set_level(logging.DEBUG)
    with engine_for(server.url, key=KEY) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        last = turns.wait_last()
    assert last.error.code is ErrorCode.CLOUD_KEY_REFUSED
    assert "401" in last.error.details
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(last)
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("play", "code", "says"),
    [
        (Play(status=429, headers={"Retry-After": "30"}), ErrorCode.CLOUD_BUSY, "Retry-After: 30"),
        (Play(status=500, body=b"oh no"), ErrorCode.CLOUD_FAILED, "oh no"),
        (Play(status=404, body=b"{}"), ErrorCode.CLOUD_FAILED, "404"),
        (Play(raw=b"<html>", content_type="text/html"), ErrorCode.CLOUD_FAILED, "text/html"),
        (Play(raw=b"data: {nonsense\n\n"), ErrorCode.CLOUD_FAILED, "JSONDecodeError"),
        (Play(raw=b"data: [1]\n\n"), ErrorCode.CLOUD_FAILED, "no object"),
        (Play(raw=b'data: {"error": {"message": "overloaded"}}\n\n'), ErrorCode.CLOUD_FAILED, "overloaded"),
        (Play(break_after=2), ErrorCode.CLOUD_FAILED, "finish_reason"),
    ],
)
def test_failures_have_their_code_and_their_details(
    server: CloudEndpoint, play: Play, code: ErrorCode, says: str
) -> None:
    server.play = play
    with engine_for(server.url, key=KEY) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        last = turns.wait_last()
    assert isinstance(last, Failed)
    assert last.error.code is code
    assert says in last.error.details
    assert last.error.line()


def test_a_redirect_is_not_followed(server: CloudEndpoint) -> None:
    with cloud_endpoint() as other, engine_for(server.url, key=KEY) as engine:
        server.play = Play(status=307, headers={"Location": f"{other.url}/chat/completions"})
        turns = Turns()
        engine.submit(ask(), turns)
        last = turns.wait_last()
        assert last.error.code is ErrorCode.CLOUD_FAILED
        assert "another address" in str(last.error.cause)
        assert other.asked == []


def test_a_silent_network_is_given_up(server: CloudEndpoint) -> None:
    server.play = Play(hold_after=1)
    with engine_for(server.url, limits=Limits(silence_s=0.3)) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        last = turns.wait_last()
        assert last.error.code is ErrorCode.CLOUD_UNREACHABLE
        assert "0.3 seconds" in str(last.error.cause)
        assert last.usage.completion_tokens == 1
        assert server.gone.wait(10)


def test_a_drip_of_bytes_does_not_last_for_ever(server: CloudEndpoint) -> None:
    server.play = Play(hold_after=1)
    with engine_for(server.url, limits=Limits(silence_s=60, total_s=0.4)) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        assert "0.4 seconds" in str(turns.wait_last().error.cause)


def test_nobody_there(server: CloudEndpoint) -> None:
    with engine_for("http://127.0.0.1:9/v1") as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        last = turns.wait_last()
    assert last.error.code is ErrorCode.CLOUD_UNREACHABLE
    assert last.usage is None


def test_more_than_an_answer_can_be_is_cut(server: CloudEndpoint) -> None:
    server.play = Play(pieces=["x" * 1000] * 200)
    with engine_for(server.url, limits=Limits(response_bytes=50_000)) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        last = turns.wait_last()
    assert "more than an answer" in str(last.error.cause)
    assert len(turns.text) < 50_000


def test_a_line_without_end_is_cut(server: CloudEndpoint) -> None:
    server.play = Play(raw=b"data: " + b"x" * (2 << 20))
    with engine_for(server.url) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        assert "more than an answer" in str(turns.wait_last().error.cause)


def test_compressed_answers_are_refused_unread(server: CloudEndpoint) -> None:
    server.play = Play(raw=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    with engine_for(server.url) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        assert turns.wait_last().error.code is ErrorCode.CLOUD_FAILED
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_characters_that_are_cut_between_packets_stay_whole() -> None:
    event = 'data: {"choices":[{"delta":{"content":"你好"},"finish_reason":"stop"}]}\n\n'.encode()

    class Bytewise(httpx.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            for number in range(len(event)):
                yield event[number : number + 1]

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "text/event-stream; charset=utf-8"}, stream=Bytewise())

    with engine_for("https://far.example/v1", transport=httpx.MockTransport(respond)) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        assert turns.wait_last().kind == "finished"
    assert turns.text == "你好"


def test_an_untrusted_certificate_is_called_by_its_name() -> None:
    import ssl

    def refuse(request: httpx.Request) -> httpx.Response:
        cause = ssl.SSLCertVerificationError("self-signed certificate")
        raise httpx.ConnectError("failed", request=request) from cause

    with engine_for("https://far.example/v1", transport=httpx.MockTransport(refuse)) as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        assert "certificate" in str(turns.wait_last().error.cause)


def test_a_key_that_no_header_can_carry_is_refused_before_it_is_sent(server: CloudEndpoint) -> None:
    with engine_for(server.url, key="sk\nX-Evil: 1") as engine:
        turns = Turns()
        engine.submit(ask(), turns)
        last = turns.wait_last()
    assert last.error.code is ErrorCode.BAD_INPUT
    assert "Evil" not in repr(last)
    assert server.asked == []


def test_looking_and_listening_stay_on_this_machine(server: CloudEndpoint) -> None:
    with engine_for(server.url) as engine:
        turns = Turns()
        engine.perceive(LookRequest("look-1", "/tmp/x.png"), turns)  # noqa: S108 - is not opened
        assert isinstance(turns.wait_last(), Failed)


def test_images_go_without_metadata_and_only_where_they_may() -> None:
    picture = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by a quarter
    exif[0x010F] = "SecretCamera"
    kept = io.BytesIO()
    picture.save(kept, "JPEG", exif=exif, comment=b"SecretComment")
    message = Message(Role.USER, (IMAGE, TextPart("What is it?")))
    seeing = body_of(ask("t", message), Endpoint("https://x/v1", "big", takes_images=True), lambda _: kept.getvalue())
    content = seeing["messages"][0]["content"]  # type: ignore[index]
    assert content[1] == {"type": "text", "text": "What is it?"}
    head, data = content[0]["image_url"]["url"].split(",")
    assert head == "data:image/jpeg;base64"
    sent = base64.b64decode(data)
    assert b"Secret" in kept.getvalue()
    assert b"Secret" not in sent
    with Image.open(io.BytesIO(sent)) as arrived:
        assert arrived.size == (20, 40), "upright"
        assert not arrived.getexif()
    blind = body_of(ask("t", message), Endpoint("https://x/v1", "big"), no_image)
    assert blind["messages"] == [{"role": "user", "content": "What is it?"}]
