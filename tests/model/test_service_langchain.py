"""LangChain's own standard tests for chat models, on real weights behind the service."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

from autoglm_desktop.assistant.assistant import Assistant
from tests.helpers.services import ALIAS
from tests.model.test_service_real import LIMIT_S, service

__all__ = ["service"]

pytestmark = [
    pytest.mark.model,
    pytest.mark.anyio,  # half of the tests are coroutines
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class TestChatOpenAI(ChatModelIntegrationTests):
    """What a half-billion-parameter model without tools can do; LangChain's skips name the ability that is missing."""

    base_url = ""

    @pytest.fixture(autouse=True)
    def at(self, service: tuple[Assistant, openai.OpenAI]) -> None:
        type(self).base_url = str(service[1].base_url)

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        connections = httpx.Limits(max_keepalive_connections=0)  # LangChain never closes the ones that it keeps
        return {
            "model": ALIAS,
            "base_url": self.base_url,
            "api_key": "EMPTY",
            "max_tokens": 24,
            "stream_usage": True,
            "http_client": httpx.Client(limits=connections, timeout=LIMIT_S),
            "http_async_client": httpx.AsyncClient(limits=connections, timeout=LIMIT_S),
        }

    @property
    def has_tool_calling(self) -> bool:
        """The service refuses tools: models of this size do not call them reliably, and no template here has them."""
        return False

    @property
    def has_structured_output(self) -> bool:
        """Nothing constrains decoding to a schema; the service refuses response formats but text."""
        return False

    @property
    def supports_json_mode(self) -> bool:
        return False

    @property
    def supports_image_inputs(self) -> bool:
        """LangChain's test fetches its picture from the network; `test_service_senses_real` brings its own."""
        return False

    @property
    def supports_audio_inputs(self) -> bool:
        """As above, and it needs the speech model."""
        return False

    @property
    def returns_usage_metadata(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "smollm2-135m-instruct"
