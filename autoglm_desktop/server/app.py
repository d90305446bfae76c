"""The application: routes, and around them the guard, the errors and the counters."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.middleware.cors import CORSMiddleware
from starlette.responses import Response

from autoglm_desktop import __version__
from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.settings import Settings

from . import errors
from .audio import TranscriptFormat, write_down
from .catalogue import model_card, model_cards
from .chat import complete
from .desk import Desk
from .energy import change_phone, energy_page, require_control
from .metrics import CountRequests, Meters
from .responses import respond
from .schemas import ChatRequest, ErrorAnswer, PhoneChange, ResponsesRequest
from .security import Guard, rules_for

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": words}
    for status, words in {
        400: "The request cannot be answered as it is.",
        401: "The API key is missing or wrong.",
        403: "The page that asks may not, or the phone may only be read.",
        404: "There is no such model or path.",
        408: "The request took too long to arrive.",
        413: "The body is too large.",
        421: "The Host is not this service's.",
        422: "Not used: what does not fit the schema is 400.",
        429: "Too many wait; `Retry-After` tells when to come back.",
        503: "The model cannot answer now.",
        504: "The answer took too long.",
    }.items()
}


def make_app(assistant: Assistant, settings: Settings, *, api_key: str | None = None) -> FastAPI:
    """The service of `assistant`. `settings` are those of the service itself (address, limits, origins)."""
    desk = Desk(assistant, settings, Meters(assistant), has_key=bool(api_key))
    app = FastAPI(
        title="AutoGLM Desktop",
        version=__version__,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        responses=_ERRORS,
    )
    errors.install(app)
    _add_answers(app, desk)
    _add_state(app, desk)
    if settings.service_cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.service_cors_origins),
            allow_methods=["GET", "POST", "PUT"],
            allow_headers=["*"],
            expose_headers=["X-Queue-Position", "X-Request-Id", "X-Images-Unread", "Retry-After"],
        )
    rules = rules_for(
        settings.service_host,
        api_key=api_key,
        allowed_hosts=settings.service_allowed_hosts,
        origins=settings.service_cors_origins,
        max_body_bytes=settings.service_max_body_bytes,
    )
    app.add_middleware(Guard, rules=rules)
    app.add_middleware(CountRequests, meters=desk.meters)
    return app


def _add_answers(app: FastAPI, desk: Desk) -> None:
    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request, body: ChatRequest) -> Response:
        """A chat completion; with `stream` as server-sent events."""
        return await complete(desk, request, body)

    @app.post("/v1/responses")
    async def responses(request: Request, body: ResponsesRequest) -> Response:
        """A response; with `stream` as server-sent events. Reasoning comes as a summary."""
        return await respond(desk, request, body)

    @app.post("/v1/audio/transcriptions")
    async def transcriptions(
        request: Request,
        file: Annotated[UploadFile, File()],
        model: Annotated[str, Form()],
        language: Annotated[str | None, Form(max_length=20)] = None,
        response_format: Annotated[TranscriptFormat, Form()] = TranscriptFormat.JSON,
    ) -> Response:
        """Speech as text: any container and rate that FFmpeg reads."""
        return await write_down(desk, request, file, model=model, language=language, form=response_format)


def _add_state(app: FastAPI, desk: Desk) -> None:
    @app.get("/v1/models")
    async def models() -> dict[str, object]:
        """The product's name and the model behind it."""
        return {"object": "list", "data": model_cards(desk)}

    @app.get("/v1/models/{model_id}")
    async def model(model_id: str) -> dict[str, object]:
        return model_card(desk, model_id)

    @app.get("/v1/energy")
    async def energy() -> dict[str, object]:
        """The simulated phone, this computer, the governor's decisions."""
        return await asyncio.to_thread(energy_page, desk.assistant.energy)

    @app.put("/v1/energy/phone")
    async def phone(change: PhoneChange) -> dict[str, object]:
        """Set the simulated phone, for demonstrations and tests: with an API key, or where the settings allow it."""
        require_control(desk.assistant.settings, has_key=desk.has_key)
        await asyncio.to_thread(change_phone, desk.assistant.energy, change)
        return await asyncio.to_thread(energy_page, desk.assistant.energy)

    @app.get("/health")
    async def health() -> dict[str, object]:
        """That the service lives, and what the engine does."""
        return {"status": "ok", "engine": desk.assistant.engine_status().state.value}

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counters for Prometheus."""
        page = await asyncio.to_thread(desk.meters.page)
        return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")
