"""Conversations as Markdown: the shown branch to read, and our own export back in.

Sections begin with an HTML comment, which a reader does not see: ``<!-- autoglm:MARK user 2026-11-22T12:00:00 -->``.
MARK is a number chosen so that no message contains such a comment; the first line of the file tells it. The text of a
message stands between blank lines exactly as it was written, below the names of its images and what was read in them,
which an import takes for text. A code fence that a message left open is closed after it,
so that the rest of the page stays readable; the comment says so (``closed``) and the import takes it away again.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from autoglm_desktop.core.conversation import Conversation, Node, NodeState
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.messages import ImagePart, Role, TextPart

from .exchange import bad_file
from .rows import images_of
from .text import clean

_FIRST_LINE = re.compile(r"\ufeff?<!-- autoglm-desktop conversation (\d{1,6}) mark=(\d{1,18}) -->(\r?\n)")
_VERSION = 1
_NEWLINE = re.compile(r"\r\n|\r|\n")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)$")


@dataclass(frozen=True, slots=True)
class _Section:
    """A piece of the file. `words` are those of its comment after the kind, `heading` is what a reader sees above."""

    kind: str
    words: tuple[str, ...]
    body: str
    heading: str = ""


def dump(conversation: Conversation, path: Sequence[Node]) -> str:
    """The file's text: title, system prompt if the conversation has its own, and the messages of `path`."""
    sections = list(_sections(conversation, path))
    mark = _free_mark(section.body for section in sections)
    written = "".join(_written(section, mark) for section in sections)
    return f"<!-- autoglm-desktop conversation {_VERSION} mark={mark} -->\n{written}"


def load(text: str) -> tuple[Conversation, list[Node]]:
    """A conversation of one branch under new ids. Raises AppError BAD_INPUT when the file is not such an export."""
    first = _FIRST_LINE.match(text)
    if first is None:
        raise bad_file("its first line is not the one of an export")
    if int(first[1]) > _VERSION:
        raise bad_file(f"it has the format {first[1]} of a newer version")
    if first[3] == "\r\n":  # saved by an editor that changed every line end
        text = text.replace("\r\n", "\n")
    now_s = time.time()
    conversation = Conversation(uuid.uuid4().hex, "", now_s, now_s)
    nodes: list[Node] = []
    reasoning, thought_s = "", 0.0
    for section in _read(text, first[2]):
        if section.kind == "title":
            conversation = replace(conversation, title=" ".join(section.body.removeprefix("# ").split()))
        elif section.kind == "system":
            conversation = replace(conversation, system_prompt=section.body)
        elif section.kind == "reasoning":
            reasoning, thought_s = section.body, _seconds(section.words)
        else:
            parent_id = nodes[-1].id if nodes else None
            nodes.append(_node(section, conversation.id, parent_id, reasoning, thought_s))
            reasoning, thought_s = "", 0.0
    return replace(conversation, leaf_id=nodes[-1].id if nodes else None), nodes


def _sections(conversation: Conversation, path: Sequence[Node]) -> Iterator[_Section]:
    yield _Section("title", (), f"# {conversation.title}")
    if conversation.system_prompt is not None:
        yield _Section("system", (), conversation.system_prompt, f"## {tr('System prompt')}")
    for node in path:
        if node.reasoning:
            yield _Section("reasoning", (f"{node.thought_s:.3f}",), node.reasoning, f"### {tr('Thinking')}")
        stamp = datetime.fromtimestamp(node.created_s, UTC).isoformat()
        heading = tr("You") if node.role is Role.USER else (node.model_id or tr("Answer"))
        state = () if node.state is NodeState.COMPLETE else (node.state.value,)
        yield _Section(node.role.value, (stamp, *state), _body(node), f"## {' '.join(heading.split())}")


def _body(node: Node) -> str:
    """The text below the names of the images, with what was read in them: the images themselves are no text."""
    return "\n\n".join([*map(_image_words, images_of(node)), *([node.text] if node.text else [])])


def _image_words(part: ImagePart) -> str:
    name = re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", part.name)
    head = tr("Image: {name} ({width} × {height})", name=name, width=part.width, height=part.height)
    lines = part.reading.text_lines if part.reading is not None else ()
    return "\n".join([f"**{head}**", *(["", *(f"> {line.text}  " for line in lines)] if lines else [])])


def _written(section: _Section, mark: int) -> str:
    closing = _closing_fence(section.body)
    words = (section.kind, *section.words, *(["closed"] if closing else []))
    heading = f"{section.heading}\n\n" if section.heading else ""
    return f"\n<!-- autoglm:{mark} {' '.join(words)} -->\n{heading}{section.body}{closing}\n"


def _read(text: str, mark: str) -> Iterator[_Section]:
    comment = re.compile(rf"\n<!-- autoglm:{mark} ([a-z]+)([^\n]*) -->\n")
    pieces = comment.split(text)
    for kind, words, body in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        if kind not in ("title", "system", "reasoning", "user", "assistant"):
            raise bad_file(f"it has a section of the unknown kind {kind!r}")
        yield _unwrapped(kind, tuple(words.split()), body)


def _unwrapped(kind: str, words: tuple[str, ...], body: str) -> _Section:
    """The section without its heading, the line end after it, and a fence that the export added."""
    if kind != "title":
        _, _, body = body.partition("\n\n")
    body = body.removesuffix("\n")
    if "closed" in words:
        body = body[: body.rfind("\n")]
    return _Section(kind, words, clean(body))


def _node(section: _Section, conversation_id: str, parent_id: str | None, reasoning: str, thought_s: float) -> Node:
    complete = section.kind == "user" or not {"interrupted", "streaming"} & set(section.words)
    return Node(
        id=uuid.uuid4().hex,
        conversation_id=conversation_id,
        parent_id=parent_id,
        role=Role(section.kind),
        parts=(TextPart(section.body),),
        created_s=_time(section.words),
        state=NodeState.COMPLETE if complete else NodeState.INTERRUPTED,
        reasoning=reasoning,
        thought_s=thought_s,
    )


def _free_mark(bodies: Iterator[str]) -> int:
    """The smallest number that no comment in the bodies uses."""
    used = {int(found) for body in bodies for found in re.findall(r"<!-- autoglm:(\d{1,18}) ", body)}
    return next(number for number in range(1, len(used) + 2) if number not in used)


def _closing_fence(body: str) -> str:
    """A line break and the fence that ends the code block `body` leaves open, or nothing.

    https://spec.commonmark.org/0.31.2/#fenced-code-blocks, blocks inside lists and quotes left aside.
    """
    fence = ""
    for line in _NEWLINE.split(body):
        found = _FENCE.match(line)
        if found is None:
            continue
        if not fence:
            fence = found[1]
        elif found[1].startswith(fence) and not found[2].strip():
            fence = ""
    return f"\n{fence}" if fence else ""


def _seconds(words: tuple[str, ...]) -> float:
    try:
        return max(0.0, float(words[0]))
    except (IndexError, ValueError):
        return 0.0


def _time(words: tuple[str, ...]) -> float:
    try:
        return datetime.fromisoformat(words[0]).timestamp()
    except (IndexError, ValueError, OverflowError):
        return time.time()
