"""Conversations as JSON: whole trees, with a version, checked when they are read."""

from __future__ import annotations

import base64
import hashlib
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from string import Formatter
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autoglm_desktop.core.conversation import Conversation, Node, NodeState
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import FinishReason, Usage
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.messages import ImagePart, Part, Role, TextPart
from autoglm_desktop.core.perception import ImageReading
from autoglm_desktop.core.precision import Tier

from .attachments import SUFFIXES
from .rows import images_of
from .text import clean

FORMAT = "autoglm-desktop-conversation"
VERSION = 2
"""With images; a conversation without any is written as version 1, which has no `images`."""
MAX_EMBEDDED_BYTES = 128 << 20
"""Of images in one file, before base64; those beyond are named without their bytes."""

ReadImage = Callable[[ImagePart], bytes | None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file holds: a conversation and its nodes under new ids, and the bytes of its images by their hash."""

    conversation: Conversation
    nodes: list[Node]
    images: dict[str, bytes]


_MAX_NAME_CHARACTERS = 120
_MAX_LINES = 5000


class _NodeRecord(BaseModel):
    """A node of the file. Unknown keys are of a later version's making and are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(min_length=1)
    parent_id: str | None = None
    role: Literal[Role.USER, Role.ASSISTANT]
    parts: tuple[Part, ...]
    created_s: float = Field(ge=0, allow_inf_nan=False)
    state: NodeState = NodeState.COMPLETE
    reasoning: str = ""
    thought_s: float = Field(0.0, ge=0, allow_inf_nan=False)
    model_id: str | None = None
    tier: Tier | None = None
    usage: Usage | None = None
    finish: FinishReason | None = None
    error: ErrorReport | None = None
    dropped_messages: int = Field(0, ge=0)
    energy: TurnEnergy | None = None
    from_cache: bool = False


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    title: str = ""
    created_s: float = Field(ge=0, allow_inf_nan=False)
    updated_s: float = Field(ge=0, allow_inf_nan=False)
    system_prompt: str | None = None
    leaf_id: str | None = None


class _Image(BaseModel):
    """An image of the nodes; `data` null: it was gone when the file was written, or one too many."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    data: str | None = None

    @cached_property
    def content(self) -> bytes | None:
        """Raises ValueError when `data` is not the base64 of what `sha256` says."""
        if self.data is None:
            return None
        content = base64.b64decode(self.data, validate=True)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ValueError(f"the image {self.sha256[:12]}… is damaged")
        return content

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        assert self.content is None or self.content
        return self


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal["autoglm-desktop-conversation"]
    version: Literal[1, 2]
    exported_s: float = Field(ge=0, allow_inf_nan=False)
    conversation: _Head
    nodes: tuple[_NodeRecord, ...]
    images: tuple[_Image, ...] = ()

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        seen: set[str] = set()
        for node in self.nodes:
            if node.id in seen:
                raise ValueError(f"the id {node.id!r} occurs twice")
            if node.parent_id is not None and node.parent_id not in seen:
                raise ValueError(f"the parent of {node.id!r} does not stand before it")
            seen.add(node.id)
        leaf = self.conversation.leaf_id
        if (leaf is None) != (not seen) or (leaf is not None and leaf not in seen):
            raise ValueError("leaf_id is not one of the nodes")
        return self


class _Kind(BaseModel):
    """Just enough to tell a foreign file and a newer one from a broken one."""

    format: str = ""
    version: int = 0


def dump(conversation: Conversation, tree: Sequence[Node], read_image: ReadImage = lambda _part: None) -> str:
    """The file's text; `tree` holds parents before children. `read_image` gives the bytes of those that are there."""
    head = _Head.model_validate(conversation, from_attributes=True)
    nodes = tuple(_NodeRecord.model_validate(node, from_attributes=True) for node in tree)
    images = tuple(_embedded(tree, read_image))
    file = _File(
        format=FORMAT,
        version=2 if images else 1,
        exported_s=time.time(),
        conversation=head,
        nodes=nodes,
        images=images,
    )
    return file.model_dump_json(indent=2, exclude=None if images else {"images"})


def load(text: str) -> tuple[Conversation, list[Node]]:
    """A conversation and its nodes under new ids, without the bytes of images. Raises as `load_all`."""
    loaded = load_all(text)
    return loaded.conversation, loaded.nodes


def load_all(text: str) -> Loaded:
    """What the file holds, under new ids. Raises AppError BAD_INPUT with what is wrong and where."""
    text = text.removeprefix("\ufeff")  # the byte order mark, which JSON does not have
    try:
        kind = _Kind.model_validate_json(text)
        if kind.format == FORMAT and kind.version > VERSION:
            raise _newer(kind.version)
        file = _File.model_validate_json(text)
    except ValidationError as error:
        raise _bad(error) from error
    conversation, nodes = _with_new_ids(file)
    return Loaded(conversation, nodes, {i.sha256: i.content for i in file.images if i.content is not None})


def _embedded(tree: Sequence[Node], read_image: ReadImage) -> Iterator[_Image]:
    """The images of the nodes, each once, as long as there is room."""
    room = MAX_EMBEDDED_BYTES
    parts = {part.sha256: part for node in tree for part in images_of(node)}
    for sha256, part in parts.items():
        content = read_image(part)
        if content is not None and len(content) <= room:
            room -= len(content)
            yield _Image(sha256=sha256, data=base64.b64encode(content).decode())
        else:
            yield _Image(sha256=sha256)


def _with_new_ids(file: _File) -> tuple[Conversation, list[Node]]:
    conversation_id = uuid.uuid4().hex
    new_id: dict[str | None, str | None] = {None: None}
    nodes: list[Node] = []
    for record in file.nodes:
        node = _node_of(record, uuid.uuid4().hex, conversation_id, new_id[record.parent_id])
        new_id[record.id] = node.id
        nodes.append(node)
    head = file.conversation
    conversation = Conversation(
        id=conversation_id,
        title=" ".join(clean(head.title).split()),
        created_s=head.created_s,
        updated_s=time.time(),
        system_prompt=None if head.system_prompt is None else clean(head.system_prompt),
        leaf_id=new_id[head.leaf_id],
    )
    return conversation, nodes


def _node_of(record: _NodeRecord, id_: str, conversation_id: str, parent_id: str | None) -> Node:
    """An answer that was streaming when it was exported ended there, as far as the file tells."""
    streaming = record.state is NodeState.STREAMING
    return Node(
        id=id_,
        conversation_id=conversation_id,
        parent_id=parent_id,
        role=record.role,
        parts=tuple(map(_part_of, record.parts)) or (TextPart(""),),
        created_s=record.created_s,
        state=NodeState.INTERRUPTED if streaming else record.state,
        reasoning=clean(record.reasoning),
        thought_s=record.thought_s,
        model_id=None if record.model_id is None else clean(record.model_id),
        tier=record.tier,
        usage=record.usage,
        finish=record.finish,
        error=record.error if record.error is not None and _plain(record.error) else None,
        dropped_messages=record.dropped_messages,
        energy=_sound(record.energy),
        from_cache=record.from_cache,
    )


def _part_of(part: Part) -> Part:
    """A part of a file with text that can be stored, and no more than this application would have written."""
    if isinstance(part, TextPart):
        return replace(part, text=clean(part.text))
    if re.fullmatch("[0-9a-f]{64}", part.sha256) is None or part.media_type not in SUFFIXES:
        raise bad_file(f"it names an image of the kind {part.media_type!r} that cannot be")
    name = " ".join(clean(part.name).split())[:_MAX_NAME_CHARACTERS]
    return replace(
        part, name=name, reading=_sound_reading(part.reading), width=max(1, part.width), height=max(1, part.height)
    )


def _sound_reading(reading: ImageReading | None) -> ImageReading | None:
    """A reading with text that can be stored and figures that can be; else None: it is read again."""
    if reading is None:
        return None
    figures = [reading.seconds, *(line.confidence for line in reading.text_lines)]
    figures += [label.probability for label in reading.labels]
    if not all(isfinite(figure) and figure >= 0.0 for figure in figures):
        return None
    lines = tuple(replace(line, text=clean(line.text)) for line in reading.text_lines[:_MAX_LINES])
    labels = tuple(replace(label, name=clean(label.name)) for label in reading.labels[:_MAX_LINES])
    return replace(reading, text_lines=lines, labels=labels)


def _sound(energy: TurnEnergy | None) -> TurnEnergy | None:
    """The record if its figures can be, without sentences of its own; else None."""
    if energy is None or energy.tokens < 0:
        return None
    figures = [quantity for quantity in (energy.phone, energy.computer) if quantity is not None]
    values = [figure.value for figure in figures if figure.value is not None and figure.provenance is not None]
    if len(values) != len(figures) or not all(isfinite(joules) and joules >= 0.0 for joules in values):
        return None
    return replace(
        energy,
        phone=replace(energy.phone, reason=None),
        computer=energy.computer and replace(energy.computer, reason=None),
        phone_id=clean(energy.phone_id)[:41],
        thermal=clean(energy.thermal)[:41],
    )


def _plain(error: ErrorReport) -> bool:
    """Whether its sentences name their parameters and nothing else: a template out of a file is not to be trusted."""
    return all(_is_plain(text) for text in (error.cause, error.next_step))


def _is_plain(text: Text) -> bool:
    try:
        fields = [field for field in Formatter().parse(text.template) if field[1] is not None]
    except ValueError:
        return False
    return all(name in text.params and not spec and not conversion for _, name, spec, conversion in fields)


def bad_file(reason: str, details: str = "") -> AppError:
    """BAD_INPUT for a file that is no export of this application, or a damaged one; `reason` is English detail."""
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("This file cannot be imported: {reason}.", reason=reason),
        _EXPORTS_ONLY,
        details=details,
    )


_EXPORTS_ONLY: Text = msg("Choose a JSON or Markdown file that this application exported.")


def _newer(found: int) -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg(
            "This file has the format {found} of a newer version; this one reads up to {known}.",
            found=found,
            known=VERSION,
        ),
        msg("Install the newer version, or export as Markdown there."),
    )


def _bad(error: ValidationError) -> AppError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        place = re.search(r"line \d+", first["msg"])
        return bad_file(f"it is no valid JSON{f' in {place[0]}' if place else ''}", str(error))
    where = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return bad_file(f"{where}: {message}" if where else message, str(error))
