"""Conversations as a template takes them: some refuse a system message, or insist on turns that alternate.

Nothing that was said is left out: a system message that is refused stands before the first prompt, and neighbours of
one role become one message. What a conversation needs depends on its roles alone, so that its beginning stays the
same from turn to turn and the KV cache holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.messages import Message, Role

from .template import ChatTemplate, RefusedError, Rendering

_PROBES = ("8230417", "5591306", "7164028", "3308592")
"""Texts that no template changes, nor writes itself."""
_PROBE_STEPS = 20_000
_OPENING = "…"
"""What the user is taken to have said before an answer that nobody asked for."""


@dataclass(frozen=True, slots=True)
class TemplateFit:
    """What a template does with roles: each is false where it refuses the message, or leaves it out unnoticed.

    `closing` is the text that it writes behind an answer.
    """

    template: ChatTemplate
    typed: bool
    system_first: bool
    system_later: bool
    closing: str

    @classmethod
    def probe(cls, template: ChatTemplate) -> TemplateFit:
        """Find out with short conversations. A template that takes none is taken to take all."""
        system, asked, answered, again = _PROBES
        turns = Message.of(Role.USER, asked), Message.of(Role.ASSISTANT, answered), Message.of(Role.USER, again)
        ruled = Message.of(Role.SYSTEM, system)
        shapes = [(typed, head) for typed in (False, True) for head in ((), (ruled,))]
        fitting = next((s for s in shapes if _takes(template, (*s[1], turns[0]), typed=s[0])), None)
        if fitting is None:
            return cls(template, typed=False, system_first=True, system_later=True, closing="")
        typed, head = fitting
        whole = _probed(template, (*head, *turns), typed=typed)
        return cls(
            template,
            typed=typed,
            system_first=_takes(template, (ruled, turns[0]), typed=typed),
            system_later=_takes(template, (*head, *turns[:2], ruled, turns[2]), typed=typed),
            closing=whole.partition(answered)[2].partition(again)[0],
        )

    def require_usable(self) -> None:
        """Raises AppError TEMPLATE_BROKEN for a template that takes no question, or does not come to an end."""
        self.render([Message.of(Role.USER, _PROBES[0])], Rendering(most_steps=_PROBE_STEPS))

    def render(self, messages: Sequence[Message], how: Rendering) -> str:
        """The prompt for a conversation, changed as little as the template needs.

        Raises AppError TEMPLATE_BROKEN with the first reason, when no change helps.
        """
        how = replace(how, typed=self.typed)
        refusal: RefusedError | None = None
        for talk in self._ways(messages):
            try:
                return self.template.render_as(talk, how)
            except RefusedError as error:
                refusal = refusal or error
        assert refusal is not None, "there is at least one way"
        raise refusal

    def _ways(self, messages: Sequence[Message]) -> Iterator[list[Message]]:
        """What to try one after the other, each different from the one before."""
        last: list[Message] | None = None
        for way in _WAYS[self._first_way(messages) :]:
            talk = way(messages)
            if talk != last:
                yield talk
            last = talk

    def _first_way(self, messages: Sequence[Message]) -> int:
        """Beyond those that would lose a system message."""
        first, *later = [message.role is Role.SYSTEM for message in messages] or [False]
        if first and not self.system_first:
            return _WAYS.index(_without_system)
        return _WAYS.index(_alternating) if any(later) and not self.system_later else 0


def _takes(template: ChatTemplate, messages: Sequence[Message], *, typed: bool) -> bool:
    """Whether the template shows what each message says."""
    text = _probed(template, messages, typed=typed)
    return all(message.text in text for message in messages)


def _probed(template: ChatTemplate, messages: Sequence[Message], *, typed: bool) -> str:
    """The rendered text, empty where the template refuses."""
    try:
        return template.render_as(messages, Rendering(typed=typed, most_steps=_PROBE_STEPS))
    except AppError:
        return ""


def _as_it_is(messages: Sequence[Message]) -> list[Message]:
    return list(messages)


def _alternating(messages: Sequence[Message]) -> list[Message]:
    """Neighbours of one role joined; a system message after the beginning is said by the user."""
    head = [m for m in messages[:1] if m.role is Role.SYSTEM]
    said = [replace(m, role=Role.USER) if m.role is Role.SYSTEM else m for m in messages[len(head) :]]
    return _joined([*head, *said])


def _without_system(messages: Sequence[Message]) -> list[Message]:
    return _joined([replace(m, role=Role.USER) if m.role is Role.SYSTEM else m for m in messages])


def _user_first(messages: Sequence[Message]) -> list[Message]:
    talk = _without_system(messages)
    opening = [Message.of(Role.USER, _OPENING)] if talk[:1] and talk[0].role is Role.ASSISTANT else []
    return [*opening, *talk]


def _with_empty_system(messages: Sequence[Message]) -> list[Message]:
    return _alternating([Message.of(Role.SYSTEM, ""), *messages])


def _joined(messages: Sequence[Message]) -> list[Message]:
    return [Message.joined(list(group)) for _, group in groupby(messages, key=lambda message: message.role)]


_WAYS = (_as_it_is, _alternating, _without_system, _user_first, _with_empty_system)
"""From the conversation as it is to one of prompts and answers only; the last is for a template that wants a system."""
