"""What chat completions and responses share: how to sample, how long, and whether to think."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, StringConstraints

from autoglm_desktop.core.messages import Sampling
from autoglm_desktop.core.settings import Settings

from .errors import LIST, OBJECT, TEXT, Refused, bad

T = TypeVar("T")

MAX_TOKENS = 131_072
MAX_STOPS = 16
MAX_SEED = 1 << 63
"""As a document can say it, whose numbers are floats; the engine takes one less."""
_LEAST_TOP_P = 1e-6
_BUDGETS = {"low": 128, "medium": 512, "high": 2048, "xhigh": 4096, "max": 8192}


def _whole_characters(text: str) -> str:
    """JSON can write half of a character beyond 16 bits; no text can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half a character cannot be read") from None
    return text


Plain = Annotated[str, AfterValidator(_whole_characters)]
StopText = Annotated[str, StringConstraints(max_length=512), AfterValidator(_whole_characters)]
TokenLimit = Annotated[int, Field(ge=1, le=MAX_TOKENS)]


def _limit_or_none(limit: int) -> int | None:
    if limit == 0:
        raise ValueError("0 leaves no room for an answer; -1 is the rest of the context")
    return None if limit == REST else limit


REST = -1
"""As a limit of tokens: the rest of the context, which is the default, too."""
AnswerLimit = Annotated[
    int, Field(ge=REST, le=MAX_TOKENS, json_schema_extra={"not": {"const": 0}}), AfterValidator(_limit_or_none)
]


# An error tells of the way that the client took, and of no other.
TEXT_OR_LIST = Discriminator(lambda value: LIST if isinstance(value, list) else TEXT)
TEXT_OR_OBJECT = Discriminator(lambda value: TEXT if isinstance(value, str) else OBJECT)


class Wire(BaseModel):
    """What comes from clients, by its types in JSON: keys that this version does not know are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class OpenWire(Wire):
    """Keys that this version does not know are kept, for `unsupported` to look at."""

    model_config = ConfigDict(extra="allow")

    def sent(self, *names: str) -> dict[str, Any]:
        """The keys that are no field, and the fields `names` where they were sent."""
        known = {name: getattr(self, name) for name in names if name in self.model_fields_set}
        return {**(self.model_extra or {}), **known}


class Thinking(Wire):
    type: Literal["enabled", "disabled", "auto", "adaptive"]
    budget_tokens: TokenLimit | None = None


class ReasoningFormat(StrEnum):
    """Where the reasoning goes."""

    PARSED = "parsed"
    """Into `reasoning_content` and `reasoning`, beside the answer."""
    RAW = "raw"
    """Into the content, between ``<think>`` and ``</think>`` before the answer."""
    HIDDEN = "hidden"


class Options(OpenWire):
    """Fields of both endpoints; what clients put into `extra_body` arrives at this level, too."""

    temperature: float | None = Field(None, ge=0.0, le=2.0)
    top_p: float | None = Field(None, ge=0.0, le=1.0)
    top_k: int | None = Field(None, ge=-1, le=1000)
    min_p: float | None = Field(None, ge=0.0, le=1.0)
    repetition_penalty: float | None = Field(None, ge=0.5, le=2.0)
    frequency_penalty: float | None = Field(None, ge=-2.0, le=2.0)
    presence_penalty: float | None = Field(None, ge=-2.0, le=2.0)
    seed: int | None = Field(None, ge=-MAX_SEED, le=MAX_SEED)

    enable_thinking: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = Field(None, description="`enable_thinking` or `thinking` in it")
    thinking: Thinking | None = None
    thinking_budget: TokenLimit | None = None
    return_reasoning: bool | None = None
    include_reasoning: bool | None = None
    reasoning_format: ReasoningFormat | None = Field(
        None,
        strict=False,
        description="`parsed`: in fields of its own; `raw`: as <think>…</think> in the content; `hidden`",
    )

    def sampling(self, settings: Settings) -> Sampling:
        """As asked, else as the settings say."""
        return Sampling(
            temperature=_or(self.temperature, settings.temperature),
            top_p=max(_LEAST_TOP_P, _or(self.top_p, settings.top_p)),
            top_k=max(0, _or(self.top_k, settings.top_k)),
            min_p=_or(self.min_p, settings.min_p),
            repetition_penalty=_or(self.repetition_penalty, settings.repetition_penalty),
            frequency_penalty=_or(self.frequency_penalty, 0.0),
            presence_penalty=_or(self.presence_penalty, 0.0),
            seed=None if self.seed is None else min(self.seed, MAX_SEED - 1),
        )

    def thinks(self, effort: str | None) -> bool:
        """Whether to reason first; `effort` is OpenAI's ``reasoning.effort``. Without any word of it: no."""
        asked = (self.enable_thinking, self._in_template(), self._by_type(), _by_effort(effort))
        return next((choice for choice in asked if choice is not None), False)

    def budget_tokens(self, effort: str | None) -> int | None:
        """The bound of the reasoning; None: the one of the settings."""
        return self.thinking_budget or (self.thinking and self.thinking.budget_tokens) or _BUDGETS.get(effort or "")

    def where(self) -> ReasoningFormat:
        """Where the reasoning goes."""
        wanted = self.return_reasoning if self.return_reasoning is not None else self.include_reasoning
        if wanted is False:
            return ReasoningFormat.HIDDEN
        return self.reasoning_format or ReasoningFormat.PARSED

    def _in_template(self) -> bool | None:
        found = self.chat_template_kwargs or {}
        for name in ("enable_thinking", "thinking"):
            if name in found:
                if not isinstance(found[name], bool):
                    raise bad(f"chat_template_kwargs.{name} must be true or false.", f"chat_template_kwargs.{name}")
                return bool(found[name])
        return None

    def _by_type(self) -> bool | None:
        return None if self.thinking is None else self.thinking.type != "disabled"


@dataclass(frozen=True, slots=True)
class Names:
    """By which names the loaded model may be asked for."""

    alias: str
    model_id: str

    def is_alias(self, name: str) -> bool:
        """Whether the product was asked for by its own name, whichever model answers."""
        return name.lower() == self.alias

    def require(self, name: str) -> None:
        """Raises Refused 404 for another model."""
        if name.lower() not in (self.alias, self.model_id.lower()):
            raise Refused(
                404, f"The model {name[:100]!r} does not exist here; see /v1/models.", "model_not_found", "model"
            )


def stops_of(stop: str | list[str] | None) -> tuple[str, ...]:
    """Stop strings as the engine takes them."""
    given = [stop] if isinstance(stop, str) else stop or []
    return tuple(dict.fromkeys(text for text in given if text))


def _by_effort(effort: str | None) -> bool | None:
    return None if effort is None else effort not in ("none", "minimal")


def _or(value: T | None, default: T) -> T:
    return default if value is None else value
