"""What clients send. Unknown keys are ignored; what is known and cannot be done is refused by name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from .errors import LIST, OBJECT, TEXT
from .options import MAX_STOPS, TEXT_OR_LIST, TEXT_OR_OBJECT, AnswerLimit, OpenWire, Options, Plain, StopText, Wire
from .unsupported import CHAT, RESPONSES, refused_fields

MAX_MESSAGES = 2048
MAX_PARTS = 256


class TextContent(Wire):
    type: Literal["text", "input_text", "output_text"]
    text: Plain


class RefusalContent(Wire):
    type: Literal["refusal"]
    refusal: Plain = ""


class ImageUrl(Wire):
    url: str


class ImageContent(Wire):
    type: Literal["image_url"]
    image_url: Annotated[Annotated[ImageUrl, Tag(OBJECT)] | Annotated[str, Tag(TEXT)], TEXT_OR_OBJECT]


class InputImageContent(Wire):
    type: Literal["input_image"]
    image_url: str | None = None
    file_id: str | None = None


class AudioData(Wire):
    data: str
    format: Literal["wav", "mp3"]


class AudioContent(Wire):
    type: Literal["input_audio"]
    input_audio: AudioData


Content = Annotated[
    TextContent | RefusalContent | ImageContent | InputImageContent | AudioContent, Field(discriminator="type")
]
Contents = Annotated[
    Annotated[Plain, Tag(TEXT)] | Annotated[list[Content], Field(max_length=MAX_PARTS), Tag(LIST)],
    TEXT_OR_LIST,
]
"""Plain text, or parts."""
Stops = Annotated[
    Annotated[StopText, Tag(TEXT)] | Annotated[list[StopText], Field(max_length=MAX_STOPS), Tag(LIST)],
    TEXT_OR_LIST,
]


_MODEL = (
    "`autoglm-phone-9b`, which tells the model its identity where no system message is sent, or the loaded model's own "
    "id, which adds nothing; see `/v1/models`"
)


class ChatMessage(OpenWire):
    role: Literal["system", "developer", "user", "assistant"]
    content: Contents | None = None
    reasoning_content: str | None = None


class StreamOptions(Wire):
    include_usage: bool = False


class ChatRequest(Options):
    """`POST /v1/chat/completions`. Fields in `x-refused` ask for what is not done here."""

    model_config = ConfigDict(json_schema_extra={"x-refused": refused_fields(CHAT)})

    model: Plain = Field(description=_MODEL)
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: AnswerLimit | None = Field(None, description="of the answer; -1 or nothing: the rest of the context")
    max_completion_tokens: AnswerLimit | None = Field(None, description="of reasoning and answer together; -1 as above")
    stop: Stops | None = None
    reasoning_effort: Plain | None = None


class InputMessage(OpenWire):
    """An item of the input of a response; a message may leave its type out."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Contents


class ReasoningItem(Wire):
    """The reasoning of an earlier answer, sent back: the model does not read it again."""

    type: Literal["reasoning"]


def _item_kind(value: object) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return "reasoning" if kind == "reasoning" else "message"


InputItem = Annotated[
    Annotated[ReasoningItem, Tag("reasoning")] | Annotated[InputMessage, Tag("message")], Discriminator(_item_kind)
]
Input = Annotated[
    Annotated[Plain, Tag(TEXT)] | Annotated[list[InputItem], Field(min_length=1, max_length=MAX_MESSAGES), Tag(LIST)],
    TEXT_OR_LIST,
]


class Reasoning(Wire):
    effort: Plain | None = None
    summary: str | None = None


class ResponsesRequest(Options):
    """`POST /v1/responses`. Fields in `x-refused` ask for what is not done here."""

    model_config = ConfigDict(json_schema_extra={"x-refused": refused_fields(RESPONSES)})

    model: Plain = Field(description=_MODEL)
    input: Input
    instructions: Plain | None = None
    stream: bool | None = None
    max_output_tokens: AnswerLimit | None = Field(
        None, description="of reasoning and answer together; -1 or nothing: the rest of the context"
    )
    stop: Stops | None = None
    reasoning: Reasoning | None = None
    text: dict[str, Any] | None = None
    metadata: dict[Plain, Plain] | None = None


class PhoneChange(Wire):
    """`PUT /v1/energy/phone`: what is left out stays as it is."""

    battery: float | None = Field(None, ge=0.0, le=1.0, description="0 to 1")
    plugged: bool | None = None
    ambient_c: float | None = Field(None, ge=-20.0, le=50.0)
    screen: float | None = Field(None, ge=0.0, le=1.0)
    speed: float | None = Field(None, ge=1.0, le=600.0, description="simulated seconds per second")
    soc_temperature_c: float | None = Field(
        None, ge=-20.0, le=110.0, description="hold the processor there, for a demonstration"
    )
    release_temperature: bool | None = Field(None, description="let the processor go again")
