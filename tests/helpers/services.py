"""The HTTP service over a scripted engine: in the process (ASGI), or on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import openai
from fastapi import FastAPI

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.senses import Models
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.server.app import make_app
from autoglm_desktop.server.host import ServiceHost
from tests.helpers.assistants import assistant_over

ALIAS = "autoglm-phone-9b"


def chat(text: str = "Hi", **more: Any) -> dict[str, Any]:
    """A chat completion's body."""
    return {"model": ALIAS, "messages": [{"role": "user", "content": text}], **more}


def creating(client: openai.OpenAI) -> Callable[..., Any]:
    """`client.chat.completions.create` for fields that its types do not know, and an answer with ours."""
    create: Callable[..., Any] = client.chat.completions.create
    return create


@dataclass(slots=True)
class InProcess:
    """Sends requests straight to the application."""

    assistant: Assistant
    settings: Settings
    app: FastAPI

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._request(method, path, more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self("POST", path, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self("GET", path, **more)

    def chat(self, text: str = "Hi", **more: Any) -> httpx.Response:
        return self.post("/v1/chat/completions", json=chat(text, **more))

    async def _request(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            return await client.request(method, path, **more)


@contextmanager
def in_process(
    engine: Engine,
    settings: Settings | None = None,
    *,
    api_key: str | None = None,
    library: Models | None = None,
    energy: EnergyService | None = None,
) -> Iterator[InProcess]:
    chosen = settings or Settings()
    with assistant_over(engine, settings=chosen, library=library, energy=energy) as (assistant, _):
        yield InProcess(assistant, chosen, make_app(assistant, chosen, api_key=api_key))


@dataclass(frozen=True, slots=True)
class OnSocket:
    """A service that listens."""

    assistant: Assistant
    host: ServiceHost
    address: str

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"


@contextmanager
def on_socket(
    engine: Engine,
    settings: Settings | None = None,
    *,
    api_key: str | None = None,
    library: Models | None = None,
    energy: EnergyService | None = None,
) -> Iterator[OnSocket]:
    """On a free port of the loopback; stopped at the end."""
    chosen = (settings or Settings()).model_copy(update={"service_port": 0})
    with assistant_over(engine, settings=chosen, library=library, energy=energy) as (assistant, _):
        host = ServiceHost(assistant, api_key=api_key)
        host.start()
        try:
            address = host.wait_running().address
            assert address is not None, host.status
            yield OnSocket(assistant, host, address)
        finally:
            host.stop()


def events_of(body: str) -> list[dict[str, Any]]:
    """The JSON events of a stream, without comments and the end mark."""
    lines = (line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: "))
    return [json.loads(line) for line in lines if line != "[DONE]"]


def text_of(events: list[dict[str, Any]], key: str = "content") -> str:
    """The deltas of a chat stream, joined."""
    return "".join(choice["delta"].get(key) or "" for event in events for choice in event["choices"])
