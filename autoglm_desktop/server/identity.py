"""Who answers under the product's own name: a short system message where a client sends none.

Every other request goes to the model as it came. The text names who answers and nothing that changes how, and depends
on the conversation's first question alone, so that later turns find its tokens in the KV cache.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from autoglm_desktop.core.messages import Message, Role

PRODUCT = "AutoGLM-Phone-9B"
_HAN = re.compile("[\u4e00-\u9fff]")
_KANA = re.compile("[\u3040-\u30ff]")


def identity(model_id: str, question: str) -> str:
    """The system message in the language of `question`; `model_id` is the model on this device."""
    itself = model_id.lower().startswith(PRODUCT.lower())
    if _HAN.search(question) and not _KANA.search(question):
        by = "" if itself else f"，由模型 {model_id} 作答"
        return f"你是 {PRODUCT} 系列的本机多模态助手，理解文本、图像和语音，功耗低{by}。"
    by = "" if itself else f", with the model {model_id}"
    return (
        f"You are {PRODUCT}, a multimodal assistant for mobile devices: it understands text, images and speech at low "
        f"power on this device{by}."
    )


def introduced(messages: Sequence[Message], model_id: str) -> tuple[Message, ...]:
    """The messages, led by the identity unless they bring a system message, be it empty."""
    if any(message.role is Role.SYSTEM for message in messages):
        return tuple(messages)
    questions = (message.text for message in messages if message.role is Role.USER and message.text.strip())
    return (Message.of(Role.SYSTEM, identity(model_id, next(questions, ""))), *messages)
