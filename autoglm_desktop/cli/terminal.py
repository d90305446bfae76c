"""A conversation in the terminal: a line in, an answer out, and a few commands that begin with a slash."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.conversation import Conversation, Node
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.messages import Role, Sampling
from autoglm_desktop.core.precision import TierChoice

from .answering import ask, cost_line
from .output import stderr_console, tell
from .views import StreamView

_PROMPT = "› "


@dataclass(frozen=True, slots=True)
class _Talk:
    """Where the conversation stands; commands return the next one, or None to leave."""

    assistant: Assistant
    conversation: Conversation
    sampling: Sampling


def converse(assistant: Assistant, conversation: Conversation, sampling: Sampling) -> None:
    """Talk until ``/quit`` or the end of input. Ctrl-C stops an answer; at the prompt it leaves (KeyboardInterrupt)."""
    _enable_line_editing()
    talk: _Talk | None = _Talk(assistant, conversation, sampling)
    assistant.preload()
    _greet(assistant, conversation)
    while talk is not None:
        try:
            line = input(_PROMPT).strip()
        except EOFError:
            print()
            return
        except UnicodeDecodeError:
            tell(tr("That line is not valid UTF-8, so it was not sent."))
            continue
        if line:
            talk = _take(talk, line)


def _take(talk: _Talk, line: str) -> _Talk | None:
    """Carry out a command or send a message; a failure is told and the conversation goes on."""
    try:
        if not line.startswith("/"):
            return _answer(talk, lambda: talk.assistant.send(talk.conversation.id, line, sampling=talk.sampling))
        name, _, argument = line[1:].partition(" ")
        command = COMMANDS.get(name)
        if command is None:
            _note(tr("There is no command /{name}; /help lists them.", name=name))
            return talk
        return command.run(talk, argument.strip())
    except AppError as error:
        tell(error.report.line())
        return talk


def _answer(talk: _Talk, begin: Callable[[], Node]) -> _Talk:
    answer = ask(talk.assistant, begin, StreamView())
    if answer.node.error is not None:
        tell(answer.node.error.line())
    if answer.interrupted:
        _note(tr("Stopped. Ctrl-C once more leaves."))
    if cost := cost_line(answer.node):
        _note(cost)
    return talk


def _greet(assistant: Assistant, conversation: Conversation) -> None:
    decision = assistant.effective_tier()
    _note(f"{assistant.settings.model_id} · {decision.reason}")
    if conversation.temporary:
        _note(tr("This conversation is not kept; --session NAME keeps one."))
    else:
        count = len(assistant.path(conversation.id))
        _note(tr("Conversation “{title}”, {count} messages so far.", title=conversation.title, count=count))
    _note(tr("/help lists the commands, Ctrl-D leaves."))


def _help(talk: _Talk, _argument: str) -> _Talk:
    for name, command in COMMANDS.items():
        _note(f"/{name:<8} {command.about()}")
    return talk


def _new(talk: _Talk, argument: str) -> _Talk:
    kept = not talk.conversation.temporary
    conversation = talk.assistant.new_conversation(temporary=not kept, title=argument or None)
    _note(tr("A new conversation."))
    return replace(talk, conversation=conversation)


def _retry(talk: _Talk, _argument: str) -> _Talk:
    path = talk.assistant.path(talk.conversation.id)
    if not path or path[-1].role is not Role.ASSISTANT:
        _note(tr("There is no answer to make again."))
        return talk
    return _answer(talk, lambda: talk.assistant.regenerate(path[-1].id))


def _tier(talk: _Talk, argument: str) -> _Talk:
    if argument:
        try:
            choice = TierChoice(argument.lower())
        except ValueError:
            _note(tr("Tiers are: {names}.", names=", ".join(TierChoice)))
            return talk
        talk.assistant.set_tier_choice(choice)
    decision = talk.assistant.effective_tier()
    _note(f"{decision.tier.label}: {decision.reason}")
    return talk


def _think(talk: _Talk, argument: str) -> _Talk:
    settings = talk.assistant.settings
    wanted = {"on": True, "off": False}.get(argument.lower(), not settings.think)
    talk.assistant.update_settings(settings.model_copy(update={"think": wanted}))
    _note(tr("Thinking before the answer is on.") if wanted else tr("Thinking before the answer is off."))
    return talk


def _quit(_talk: _Talk, _argument: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class _Command:
    run: Callable[[_Talk, str], _Talk | None]
    about: Callable[[], str]


COMMANDS = {
    "help": _Command(_help, lambda: tr("this list")),
    "new": _Command(_new, lambda: tr("begin a new conversation")),
    "retry": _Command(_retry, lambda: tr("make the last answer again")),
    "tier": _Command(_tier, lambda: tr("show or change the precision: auto, fp16, int8, int4")),
    "think": _Command(_think, lambda: tr("reason before answering: on, off")),
    "quit": _Command(_quit, lambda: tr("leave")),
}


def _note(line: str) -> None:
    stderr_console().print(line, style="dim", markup=False, soft_wrap=True)


def _enable_line_editing() -> None:
    """Arrow keys and a history for `input`, where the platform has them."""
    if sys.platform != "win32":
        import readline

        readline.set_auto_history(True)
