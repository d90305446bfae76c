"""How a model is made to reason before it answers, and how it is brought back to the answer.

A model that was trained to think does it between its marks. One that was not is confused by marks that it does not
know (it imitates them, or ends after them), so it gets an ordinary turn of the conversation to think aloud, and then
another to answer. Both are appended to one KV cache, and both look the same from outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from autoglm_desktop.core.messages import Message, Role
from autoglm_desktop.core.thinking import THINK_CLOSE, THINK_OPEN

CLOSE = f"\n{THINK_CLOSE}\n\n"
_HAN = re.compile("[\u4e00-\u9fff]")
_PLACE = "\u2e3b"  # stands for the thoughts while the text around them is rendered
_CUES = {  # to think aloud, and to answer
    "zh": ("请先一步一步地思考这个问题，写下思路，暂时不要回答。", "现在根据以上思路，直接回答我的问题。"),
    "en": (
        "First think about this step by step and write down your thoughts. Do not answer yet.",
        "Now use these thoughts and answer my question directly.",
    ),
}

Render = Callable[[Sequence[Message]], str]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text before what the model writes. `bridge` leads from reasoning that has ended to the answer."""

    text: str
    bridge: str = CLOSE


def native(text: str, *, think: bool) -> Prompt:
    """For models that know the marks: `text` is their rendered prompt, which may end with the opening one."""
    opened = text.rstrip().endswith(THINK_OPEN)
    if think and not opened:
        return Prompt(f"{text}{THINK_OPEN}\n")
    if opened and not think:
        return Prompt(f"{text.rstrip()}\n{CLOSE}")
    return Prompt(text)


def aloud(messages: Sequence[Message], render: Render) -> Prompt:
    """For models that do not: the question asks for thoughts too, and the bridge is a turn that asks for the answer."""
    *before, question = messages
    think, answer = _CUES["zh" if _HAN.search(question.text) else "en"]
    asked = [*before, replace(question, parts=Message.of(question.role, f"{question.text}\n\n{think}").parts)]
    text = render(asked)
    whole = render([*asked, Message.of(Role.ASSISTANT, _PLACE), Message.of(Role.USER, answer)])
    return Prompt(text, whole.rpartition(_PLACE)[2])
