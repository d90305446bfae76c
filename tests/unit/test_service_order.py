"""Who is answered when: clients in the order in which they came, and the window's work counts, too."""

from __future__ import annotations

import asyncio
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.completions import QueueMoved
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import TextDelta
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.server import beginning
from autoglm_desktop.server.chat import Deltas, Head
from autoglm_desktop.server.live import LiveAnswer
from autoglm_desktop.server.schemas import ChatRequest
from tests.helpers.assistants import assistant_over
from tests.helpers.images import picture, reading
from tests.helpers.manual_engine import ManualEngine
from tests.helpers.services import chat, events_of, on_socket
from tests.unit.test_service_images import asking
from tests.unit.test_service_socket import CHAT, LIMIT_S, client_of, raw_request, wait_until

BROKEN = ErrorReport(ErrorCode.BAD_INPUT, msg("It cannot be read."), msg("Send another."))


def with_two_images() -> dict[str, Any]:
    body = asking(picture(1), "the first")
    parts = body["messages"][0]["content"]
    parts[1:1] = asking(picture(2))["messages"][0]["content"][:1]
    return body


def inside(client: httpx.Client, count: int) -> bool:
    """Whether so many requests are worked on or wait."""
    return f"autoglm_requests_inside {count}.0\n" in client.get("/metrics").text


def test_who_comes_later_does_not_overtake_while_images_are_read() -> None:
    engine = ManualEngine()
    with on_socket(engine) as service, client_of(service) as client, ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, CHAT, json=with_two_images())
        wait_until(lambda: len(engine.perceptions) == 2)  # both at once: nobody else's work comes between
        second = pool.submit(client.post, CHAT, json=chat("the second"))
        wait_until(lambda: inside(client, 2))
        assert engine.turns == []
        for look in list(engine.perceptions):
            look.read(reading("Gate 14"))
        wait_until(lambda: len(engine.turns) == 2)
        assert [turn.request.messages[-1].text[-10:].strip() for turn in engine.turns] == ["the first", "the second"]
        for turn in list(engine.turns):
            turn.say("Yes.")
            turn.finish()
        assert [job.result(LIMIT_S).status_code for job in (first, second)] == [200, 200]
        assert second.result().headers["X-Queue-Position"] == "1"


def test_a_client_that_gives_up_makes_room_for_those_behind() -> None:
    engine = ManualEngine()
    with on_socket(engine) as service, client_of(service) as client, ThreadPoolExecutor(1) as pool:
        with closing(socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT_S)) as leaving:
            leaving.sendall(raw_request(json.dumps(with_two_images()).encode()))
            wait_until(lambda: len(engine.perceptions) == 2)
            second = pool.submit(client.post, CHAT, json=chat("the second"))
            wait_until(lambda: inside(client, 2))
            assert engine.turns == []
        wait_until(lambda: len(engine.turns) == 1)
        engine.last.say("Yes.")
        engine.last.finish()
        assert second.result(LIMIT_S).status_code == 200
        assert engine.open_perceptions == {}


@pytest.mark.parametrize("path", [CHAT, "/v1/responses"])
@pytest.mark.parametrize("fails", [False, True])
def test_a_stream_whose_images_take_long_is_kept_alive(monkeypatch: pytest.MonkeyPatch, path: str, fails: bool) -> None:
    monkeypatch.setattr(beginning, "OPENING_S", 0.01)
    monkeypatch.setattr(beginning, "KEEP_ALIVE_S", 0.01)
    engine = ManualEngine()
    body = with_two_images() if path == CHAT else as_response(with_two_images())
    with on_socket(engine) as service, client_of(service) as client:
        with client.stream("POST", path, json=body | {"stream": True}) as answer:
            assert answer.status_code == 200
            pieces = answer.iter_text()
            assert next(pieces).startswith(": working")
            wait_until(lambda: len(engine.perceptions) == (2 if path == CHAT else 1))
            for look in list(engine.perceptions):
                look.fail(BROKEN) if fails else look.read(reading("Gate 14"))
            if not fails:
                wait_until(lambda: len(engine.turns) == 1)
                engine.last.say("Yes.")
                engine.last.finish()
            seen = "".join(pieces)
        assert ("It cannot be read." in seen) is fails
        assert ("Yes." in seen) is not fails
        wait_until(lambda: inside(client, 0))


def as_response(body: dict[str, Any]) -> dict[str, Any]:
    image = {"type": "input_image", "image_url": body["messages"][0]["content"][0]["image_url"]["url"]}
    return {"model": body["model"], "input": [{"role": "user", "content": [image]}]}


def test_what_the_window_asked_for_is_ahead_of_a_client() -> None:
    engine = ManualEngine()
    with on_socket(engine) as service, client_of(service) as client, ThreadPoolExecutor(1) as pool:
        assistant = service.assistant
        assistant.send(assistant.new_conversation().id, "from the window")
        part = assistant.take_in_image(picture(5))
        assert isinstance(part, ImagePart)
        assistant.look(part, lambda _: None)
        job = pool.submit(client.post, CHAT, json=chat("from a client", stream=True))
        wait_until(lambda: len(engine.turns) == 2)
        engine.turns[0].finish()
        engine.perceptions[0].read(reading("Gate 14"))
        engine.last.say("Yes.")
        engine.last.finish()
        answer = job.result(LIMIT_S)
    assert answer.headers["X-Queue-Position"] == "2"
    assert answer.text.startswith(": queued, 2 ahead\n\n")
    assert ": queued, 1 ahead\n\n" in answer.text
    assert answer.text.count(": queued, 2 ahead\n\n") == 1


def test_the_role_comes_first_also_when_the_place_and_a_word_come_together() -> None:
    async def stream(assistant: Assistant) -> bytes:
        body = ChatRequest.model_validate(chat(stream=True))
        deltas = Deltas(Head(LiveAnswer(assistant.completions), body))
        return b"".join([*deltas.of([QueueMoved("t", 1), TextDelta("t", "Yes.")]), *deltas.end()])

    with assistant_over(ManualEngine()) as (assistant, _):
        answer = asyncio.run(stream(assistant)).decode()
    assert answer.startswith(": queued, 1 ahead\n\n")
    assert [event["choices"][0]["delta"] for event in events_of(answer)] == [
        {"role": "assistant", "content": ""},
        {"content": "Yes."},
    ]
