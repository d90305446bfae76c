"""What crosses the pipes between the window's process and the engine: one JSON object a line.

Commands go to the child's standard input, events come from its standard output. Closing the input is the command to
shut down: it also happens by itself when the parent dies. The adapters are built on first use, because pydantic's
schemas cost more time than the rest of this package and the window must not wait for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from autoglm_desktop.core.events import EngineStatus, PerceptionEvent, TurnEvent
from autoglm_desktop.core.messages import ModelRef, TurnRequest
from autoglm_desktop.core.perception import LookRequest, Modality, TranscribeRequest
from autoglm_desktop.core.precision import Tier

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_LINE_BYTES = 32 << 20
"""Longer lines are refused unread: far more than any context, far less than what would hurt."""


class ProtocolError(ValueError):
    """A line that is too long, or is not a message of this protocol."""


@dataclass(frozen=True, slots=True)
class Submit:
    request: TurnRequest
    kind: Literal["submit"] = "submit"


@dataclass(frozen=True, slots=True)
class Cancel:
    turn_id: str
    kind: Literal["cancel"] = "cancel"


@dataclass(frozen=True, slots=True)
class SetTier:
    tier: Tier
    kind: Literal["set_tier"] = "set_tier"


@dataclass(frozen=True, slots=True)
class Preload:
    model: ModelRef
    tier: Tier
    kind: Literal["preload"] = "preload"


@dataclass(frozen=True, slots=True)
class Perceive:
    request: LookRequest | TranscribeRequest
    kind: Literal["perceive"] = "perceive"


@dataclass(frozen=True, slots=True)
class LoadModality:
    modality: Modality
    model_folder: str | None = None
    kind: Literal["load_modality"] = "load_modality"


@dataclass(frozen=True, slots=True)
class UnloadModality:
    modality: Modality
    kind: Literal["unload_modality"] = "unload_modality"


@dataclass(frozen=True, slots=True)
class ForgetSessions:
    kind: Literal["forget_sessions"] = "forget_sessions"


@dataclass(frozen=True, slots=True)
class Ping:
    """Answered at once with `Pong`, also while a turn runs: shows that the child still reads."""

    token: int
    kind: Literal["ping"] = "ping"


@dataclass(frozen=True, slots=True)
class Pong:
    token: int
    kind: Literal["pong"] = "pong"


@dataclass(frozen=True, slots=True)
class Refused:
    """The child could not use a line; it goes on with the next."""

    reason: str
    kind: Literal["refused"] = "refused"


Command = Submit | Cancel | SetTier | Preload | Perceive | LoadModality | UnloadModality | ForgetSessions | Ping
ChildEvent = TurnEvent | PerceptionEvent | EngineStatus | Pong | Refused


def encode_command(command: Command) -> bytes:
    """One line, newline included. Raises ProtocolError for text that is not Unicode or a line that is too long."""
    return _encode(_commands(), command)


def decode_command(line: bytes) -> Command:
    """Raises ProtocolError."""
    command: Command = _decode(_commands(), line)
    return command


def encode_event(event: ChildEvent) -> bytes:
    """One line, newline included. Raises ProtocolError as `encode_command` does."""
    return _encode(_events(), event)


def decode_event(line: bytes) -> ChildEvent:
    """Raises ProtocolError."""
    event: ChildEvent = _decode(_events(), line)
    return event


def read_lines(stream: BinaryIO, limit: int = MAX_LINE_BYTES) -> Iterator[bytes | ProtocolError]:
    """Lines until the end of the stream, blocking. A line over `limit` bytes is skipped and comes out as the error.

    What stands after the last newline at the end was cut off by a death in mid-line and is dropped.
    """
    while line := stream.readline(limit + 1):
        if line.endswith(b"\n"):
            yield line
        elif len(line) > limit:
            _skip_line(stream, limit)
            yield ProtocolError(f"a line of more than {limit} bytes")


def _skip_line(stream: BinaryIO, limit: int) -> None:
    while (rest := stream.readline(limit)) and not rest.endswith(b"\n"):
        continue


@cache
def _commands() -> TypeAdapter[Any]:
    return _adapter(Command)


@cache
def _events() -> TypeAdapter[Any]:
    return _adapter(ChildEvent)


def _adapter(union: Any) -> TypeAdapter[Any]:
    from typing import Annotated

    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[union, Field(discriminator="kind")])


def _encode(adapter: TypeAdapter[Any], message: object) -> bytes:
    from pydantic_core import PydanticSerializationError

    try:
        line = adapter.dump_json(message)
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise ProtocolError(f"not representable: {error}") from error
    if len(line) >= MAX_LINE_BYTES:
        raise ProtocolError(f"a message of {len(line)} bytes, {MAX_LINE_BYTES} at most")
    return line + b"\n"


def _decode(adapter: TypeAdapter[Any], line: bytes) -> Any:
    from pydantic import ValidationError

    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ProtocolError(f"{problem['msg']} at {problem['loc']}") from error
