"""The application: routes, and around them the guard, the errors and the counters."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from autoglm_desktop import __version__
from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.settings import Settings

from . import document, errors
from .answers import EnergyPage, Health, ModelCard, ModelList
from .audio import TranscriptFormat, write_down
from .catalogue import model_card, model_cards
from .chat import complete
from .cors import Cors
from .desk import Desk
from .document import answers
from .energy import change_phone, energy_page, require_control
from .json_body import JsonRoute
from .metrics import CountRequests, Meters
from .middleware import AnswerHead, CatchUnexpected, ReadTarget
from .responses import respond
from .schemas import ChatRequest, PhoneChange, ResponsesRequest
from .security import Guard, rules_for
from .validation import invalid


def make_app(assistant: Assistant, settings: Settings, *, api_key: str | None = None) -> FastAPI:
    """The service of `assistant`. `settings` are those of the service itself (address, limits, origins)."""
    desk = Desk(assistant, settings, Meters(assistant), has_key=bool(api_key))
    app = document.Documented(
        title="AutoGLM Desktop",
        version=__version__,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        responses=document.ERRORS,
    )
    app.keyed = bool(api_key)
    app.router.route_class = JsonRoute
    errors.install(app)
    app.add_exception_handler(RequestValidationError, invalid)
    _add_answers(app, desk)
    _add_state(app, desk)
    rules = rules_for(
        settings.service_host,
        api_key=api_key,
        allowed_hosts=settings.service_allowed_hosts,
        origins=settings.service_cors_origins,
        max_body_bytes=settings.service_max_body_bytes,
    )
    app.add_middleware(Guard, rules=rules)  # the innermost; each further one stands around those before it
    app.add_middleware(CatchUnexpected)
    if rules.origins:
        app.add_middleware(Cors, rules=rules)
    app.add_middleware(CountRequests, meters=desk.meters)
    app.add_middleware(AnswerHead)
    app.add_middleware(ReadTarget)
    return app


def _add_answers(app: FastAPI, desk: Desk) -> None:
    @app.post("/v1/chat/completions", responses=document.CHAT)
    async def chat_completions(request: Request, body: ChatRequest) -> Response:
        """A chat completion; with `stream` as server-sent events."""
        return await complete(desk, request, body)

    @app.post("/v1/responses", responses=document.RESPONSE)
    async def responses(request: Request, body: ResponsesRequest) -> Response:
        """A response; with `stream` as server-sent events. Reasoning comes as a summary."""
        return await respond(desk, request, body)

    @app.post("/v1/audio/transcriptions", responses=document.TRANSCRIPTION)
    async def transcriptions(
        request: Request,
        file: Annotated[UploadFile, File(json_schema_extra={"minLength": 1})],
        model: Annotated[str, Form(min_length=1)],
        language: Annotated[str | None, Form(max_length=20)] = None,
        response_format: Annotated[TranscriptFormat, Form()] = TranscriptFormat.JSON,
    ) -> Response:
        """Speech as text: any container and rate that FFmpeg reads."""
        return await write_down(desk, request, file, model=model, language=language, form=response_format)


def _add_state(app: FastAPI, desk: Desk) -> None:
    @app.get("/v1/models", response_model=None, responses=answers(ModelList))
    async def models() -> dict[str, object]:
        """The product's name and the model behind it."""
        return {"object": "list", "data": model_cards(desk)}

    @app.get("/v1/models/{model_id:path}", response_model=None, responses=answers(ModelCard))
    async def model(model_id: str) -> dict[str, object]:
        return model_card(desk, model_id)

    @app.get("/v1/energy", response_model=None, responses=answers(EnergyPage))
    async def energy() -> dict[str, object]:
        """The simulated phone, this computer, the governor's decisions."""
        return await asyncio.to_thread(energy_page, desk.assistant.energy)

    @app.put("/v1/energy/phone", response_model=None, responses=answers(EnergyPage))
    async def phone(change: PhoneChange) -> dict[str, object]:
        """Set the simulated phone, for demonstrations and tests: with an API key, or where the settings allow it."""
        require_control(desk.assistant.settings, has_key=desk.has_key)
        await asyncio.to_thread(change_phone, desk.assistant.energy, change)
        return await asyncio.to_thread(energy_page, desk.assistant.energy)

    @app.get("/health", response_model=None, responses=answers(Health))
    async def health() -> dict[str, object]:
        """That the service lives, and what the engine does."""
        return {"status": "ok", "engine": desk.assistant.engine_status().state.value}

    @app.get("/metrics", response_class=Response, responses=document.METRICS)
    async def metrics() -> Response:
        """Counters for Prometheus."""
        page = await asyncio.to_thread(desk.meters.page)
        return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")
