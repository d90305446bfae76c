"""Images of HTTP clients: one at a time, not too large, and nothing of them is left when their request is over."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import pytest

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.engine.scripted import Hold, Reply, ScriptedEngine
from autoglm_desktop.server.intake import ImageDoor
from tests.helpers.assistants import Installed, assistant_over
from tests.helpers.images import picture, png_with_head
from tests.helpers.services import in_process, on_socket
from tests.unit.test_service_socket import CHAT, LIMIT_S, client_of, wait_until

SEEING = Installed(modalities=("text", "image"))


def asking(data: bytes, text: str = "?") -> dict[str, Any]:
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": text}]
    return {"model": "autoglm-phone-9b", "messages": [{"role": "user", "content": parts}]}


def is_held(assistant: Assistant, sha256: str) -> bool:
    try:
        return assistant.image_path(sha256).is_file()
    except AppError:
        return False


def test_an_image_goes_with_the_last_request_that_needs_it() -> None:
    """Two clients send the same one, and a kiosk's visitor leaves meanwhile."""
    holds = [Hold(), Hold()]
    engine = ScriptedEngine([Reply("one two", hold=hold, hold_after=1) for hold in holds])
    with on_socket(engine, library=SEEING) as service, client_of(service) as client, ThreadPoolExecutor(2) as pool:
        jobs = []
        for number in range(2):
            jobs.append(pool.submit(client.post, CHAT, json=asking(picture(7))))
            wait_until(lambda n=number: service.assistant.completions.in_line == n + 1)  # type: ignore[misc]
        assert holds[0].reached.wait(LIMIT_S)
        part = engine.requests[0].messages[-1].parts[0]
        assert isinstance(part, ImagePart)
        service.assistant.forget_images()
        assert is_held(service.assistant, part.sha256)
        holds[0].release()
        assert jobs[0].result(LIMIT_S).status_code == 200
        assert holds[1].reached.wait(LIMIT_S)
        assert is_held(service.assistant, part.sha256), "the second request still needs it"
        holds[1].release()
        assert jobs[1].result(LIMIT_S).status_code == 200
        wait_until(lambda: not is_held(service.assistant, part.sha256))


def test_an_image_of_the_window_is_not_the_requests_to_remove() -> None:
    with in_process(ScriptedEngine([Reply("I see.")]), library=SEEING) as ask:
        part = ask.assistant.take_in_image(picture(3))
        assert ask.post(CHAT, json=asking(picture(3))).status_code == 200
        assert is_held(ask.assistant, part.sha256)


def test_more_pixels_than_a_camera_has_are_refused_unread() -> None:
    with in_process(ScriptedEngine([Reply("I see.")]), library=SEEING) as ask:
        answer = ask.post(CHAT, json=asking(png_with_head(8000, 6000)))
    assert answer.status_code == 400
    assert "40 million" in answer.json()["error"]["message"]


@pytest.mark.parametrize("cancel_first", [False, True])
def test_one_image_is_decoded_at_a_time(monkeypatch: pytest.MonkeyPatch, cancel_first: bool) -> None:
    """Also when the client of the first goes away: its decoding cannot be stopped."""
    both = threading.Barrier(2)
    met: list[bool] = []

    def decode(_: Assistant, data: bytes) -> ImagePart:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.3)
            met.append(True)
        return ImagePart(data.decode(), "image/png", 1, 1, "x")

    async def send(assistant: Assistant) -> None:
        door = ImageDoor(assistant)
        async with AsyncExitStack() as closing:
            jobs = [asyncio.create_task(door.take_in(name, closing)) for name in (b"a", b"b")]
            await asyncio.sleep(0)
            if cancel_first:
                jobs[0].cancel()
            found = await asyncio.gather(*jobs, return_exceptions=True)
        released = [part.sha256 for part in found if isinstance(part, ImagePart)]
        assert released == (["b"] if cancel_first else ["a", "b"])

    monkeypatch.setattr(Assistant, "hold_image", decode)
    monkeypatch.setattr(Assistant, "release_image", lambda *_: None)
    with assistant_over(ScriptedEngine([Reply("Yes.")])) as (assistant, _):
        asyncio.run(send(assistant))
    assert met == []
