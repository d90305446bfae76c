"""Chat templates: Jinja programs that come with a model, and make one text of the messages of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from jinja2 import nodes

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart, Message
from autoglm_desktop.core.thinking import THINK_CLOSE, THINK_OPEN

from .marks import unguarded
from .sandbox import MOST_STEPS, Sandbox, TooMuchWork

_FAULTS = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a template that does not fit its input raises while it runs: Python's own errors reach through the sandbox."""

SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
"""The special tokens that a template may name."""

Guard = Callable[[Message, str], str]
"""Makes a text of a message harmless before the template sees it."""


def _as_it_is(_: Message, text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Rendering:
    """How messages are rendered. `typed`: their content is a list of parts, as templates of models that see expect."""

    think: bool = False
    guard: Guard = _as_it_is
    check: Callable[[], None] = lambda: None
    """Called all along; what it raises ends the rendering."""
    typed: bool = False
    most_steps: int = MOST_STEPS


class ChatTemplate:
    """A compiled template and the special tokens that it may name. Raises AppError TEMPLATE_BROKEN."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self.special_tokens = dict(special_tokens)
        self.has_switch = "enable_thinking" in source
        """The template itself turns thinking on and off."""
        self.has_thinking = self.has_switch or THINK_OPEN in source or THINK_CLOSE in source
        """The model was trained to think between marks."""
        self._sandbox = Sandbox()
        try:
            self._template = self._sandbox.from_string(source)
            tree = self._sandbox.parse(source)
        except (*_FAULTS, SyntaxError) as error:  # Python's own: blocks nested deeper than it compiles
            raise broken(error) from error
        except (MemoryError, TooMuchWork) as error:
            raise endless() from error
        self.literals = " ".join(_literals(tree))
        """All that the template writes by itself."""

    def render(self, messages: Sequence[Message], *, think: bool) -> str:
        """The prompt that asks for the next answer. Raises AppError TEMPLATE_BROKEN, BAD_INPUT for an image."""
        return self.render_as(messages, Rendering(think=think))

    def render_as(self, messages: Sequence[Message], how: Rendering) -> str:
        """The same with everything chosen; also raises what `how.check` does."""
        talk = [_as_dict(message, how) for message in messages]
        self._sandbox.begin(how.check, how.most_steps)
        try:
            return self._written(talk, {"enable_thinking": how.think} if self.has_switch else {})
        except _FAULTS as error:
            raise broken(error, RefusedError) from error
        except (MemoryError, TooMuchWork) as error:
            raise endless() from error

    def _written(self, talk: list[dict[str, Any]], switch: Mapping[str, bool]) -> str:
        pieces: list[str] = []
        for piece in self._template.generate(
            messages=talk, tools=None, documents=None, add_generation_prompt=True, **self.special_tokens, **switch
        ):
            self._sandbox.wrote(piece)
            pieces.append(piece)
        return "".join(pieces)


def special_tokens(config: Mapping[str, Any]) -> dict[str, str]:
    """The texts of the special tokens that a ``tokenizer_config.json`` names."""
    found = {name: config.get(name) for name in SPECIAL_NAMES}
    texts = {name: value.get("content") if isinstance(value, dict) else value for name, value in found.items()}
    return {name: text for name, text in texts.items() if isinstance(text, str)}


def _literals(tree: nodes.Template) -> Iterator[str]:
    yield from (node.data for node in tree.find_all(nodes.TemplateData))
    yield from (node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str))


def _as_dict(message: Message, how: Rendering) -> dict[str, Any]:
    """A message as templates expect it; reasoning under both names that they read.

    Images come here as what was read in them. Raises AppError BAD_INPUT for one that does not: it would be left out
    unnoticed. A family that sees gives its tokens here and their embeddings to the decoder (`contracts.ImageEncoder`).
    """
    image = next((part for part in message.parts if isinstance(part, ImagePart)), None)
    if image is not None:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("This model does not see images: {name} was not read for it.", name=image.name or image.sha256[:8]),
            msg("Choose a model that reads text alone, whose images are read first, or send the message without it."),
        )
    text = how.guard(message, message.text)
    plain: dict[str, Any] = {"role": message.role.value, "content": text}
    if how.typed:
        plain["content"] = [{"type": "text", "text": text}]
    if message.reasoning:
        reasoning = how.guard(message, message.reasoning)
        plain |= {"reasoning_content": reasoning, "thinking": reasoning}
    return plain


class RefusedError(AppError):
    """The template does not take this conversation; it may take another."""


def broken(error: Exception | str, kind: type[AppError] = AppError) -> AppError:
    """The error of a template that is missing, does not compile or refuses the conversation."""
    return kind(
        ErrorCode.TEMPLATE_BROKEN,
        msg(
            "The model's chat template cannot be used: {reason}.",
            reason=unguarded(str(error)).strip().rstrip(".") or "?",
        ),
        msg("Choose another model, or repair the template in the model's folder."),
        details=unguarded(f"{type(error).__name__}: {error}") if isinstance(error, Exception) else error,
    )


def endless() -> AppError:
    """The error of a template that does too much: more steps, or more text, than any conversation takes."""
    return AppError(
        ErrorCode.TEMPLATE_BROKEN,
        msg("The model's chat template does not come to an end."),
        msg("Choose another model, or repair the template in the model's folder."),
    )
