"""A turn as the body of ``POST /chat/completions``."""

from __future__ import annotations

from collections.abc import Callable

from autoglm_desktop.core.messages import ImagePart, Message, Role, TextPart, TurnRequest
from autoglm_desktop.core.routing import Endpoint

from .images import data_url

MAX_STOPS = 4
"""What OpenAI's own interface takes; what goes beyond is cut off here (`Spoken`)."""

ImageBytes = Callable[[ImagePart], bytes]


def body_of(request: TurnRequest, endpoint: Endpoint, image_bytes: ImageBytes) -> dict[str, object]:
    """The body, with nothing in it that some OpenAI-compatible service refuses unless the user asked for it.

    Reasoning of earlier answers is not sent. Raises AppError for an image that cannot be read.
    """
    sampling = request.sampling
    body: dict[str, object] = {
        "model": endpoint.model,
        "messages": [_message(message, endpoint, image_bytes) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens + (request.thinking_budget_tokens if request.think else 0)
    if request.think:
        body["chat_template_kwargs"] = {"enable_thinking": True}
    if request.stop:
        body["stop"] = list(request.stop[:MAX_STOPS])
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    for name in ("frequency_penalty", "presence_penalty"):
        if value := getattr(sampling, name):
            body[name] = value
    return body


def _message(message: Message, endpoint: Endpoint, image_bytes: ImageBytes) -> dict[str, object]:
    images = [part for part in message.parts if isinstance(part, ImagePart)]
    if not images or not endpoint.takes_images or message.role is not Role.USER:
        return {"role": message.role.value, "content": message.text}
    content: list[dict[str, object]] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            content.append({"type": "text", "text": part.text})
        else:
            content.append({"type": "image_url", "image_url": {"url": data_url(image_bytes(part))}})
    return {"role": message.role.value, "content": content}
