"""Messages and a view to test the transcript with."""

from __future__ import annotations

from itertools import count

from PySide6.QtWidgets import QTextBrowser, QWidget
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.events import FinishReason, Memory, Usage
from autoglm_desktop.core.messages import Role, TextPart
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.ui.style import LIGHT
from autoglm_desktop.ui.transcript.buttons import Button
from autoglm_desktop.ui.widgets.transcript import TranscriptView

USAGE = Usage(
    prompt_tokens=840,
    cached_tokens=812,
    completion_tokens=128,
    reasoning_tokens=0,
    load_s=0.0,
    ttft_s=0.41,
    prefill_s=0.3,
    decode_s=3.2,
    tier=Tier.INT8,
    seed=42,
    context_tokens=32_768,
    memory=Memory(1, 2, 3),
)


class Talk:
    """Makes the nodes of one branch, each below the last."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._last: str | None = None

    def user(self, text: str, *, siblings: tuple[str, ...] = ()) -> Node:
        return self._node(Role.USER, text, siblings=siblings)

    def answer(
        self,
        text: str,
        *,
        siblings: tuple[str, ...] = (),
        state: NodeState = NodeState.COMPLETE,
        finish: FinishReason | None = FinishReason.STOP,
        error: ErrorReport | None = None,
        reasoning: str = "",
        thought_s: float = 0.0,
        usage: Usage | None = USAGE,
    ) -> Node:
        node = self._node(Role.ASSISTANT, text, siblings=siblings)
        return Node(
            node.id,
            node.conversation_id,
            node.parent_id,
            node.role,
            node.parts,
            0.0,
            state=state,
            siblings=node.siblings,
            reasoning=reasoning,
            thought_s=thought_s,
            tier=Tier.INT8,
            usage=usage,
            finish=finish,
            error=error,
        )

    def streaming(self, text: str = "") -> Node:
        return self.answer(text, state=NodeState.STREAMING, finish=None, usage=None)

    def _node(self, role: Role, text: str, *, siblings: tuple[str, ...]) -> Node:
        key = f"n{next(self._numbers)}"
        node = Node(key, "talk", self._last, role, (TextPart(text),), 0.0, siblings=siblings or (key,))
        self._last = key
        return node


def finished(node: Node, text: str, *, finish: FinishReason = FinishReason.STOP, reasoning: str = "") -> Node:
    """The final state of a streaming answer."""
    return Node(
        node.id,
        node.conversation_id,
        node.parent_id,
        node.role,
        (TextPart(text),),
        0.0,
        siblings=node.siblings,
        reasoning=reasoning,
        tier=node.tier,
        usage=USAGE,
        finish=finish,
    )


def shown_view(qtbot: QtBot, width: int = 820, height: int = 640) -> TranscriptView:
    """A view on the screen."""
    view = TranscriptView(LIGHT)
    qtbot.addWidget(view, before_close_func=lambda _: settle(qtbot, view))
    view.resize(width, height)
    view.show()
    qtbot.waitExposed(view)
    return view


def settle(qtbot: QtBot, view: TranscriptView) -> None:
    """Wait until everything that arrived is shown."""
    qtbot.waitUntil(lambda: not view.busy, timeout=15_000)


def button(inside: QWidget, name: str) -> Button:
    """The one visible button whose accessible name begins with `name`."""
    found = [one for one in inside.findChildren(Button) if one.accessibleName().startswith(name)]
    shown = [one for one in found if not one.isHidden()]
    assert len(shown) == 1, f"{len(shown)} buttons named {name}"
    return shown[0]


def words(inside: QWidget) -> str:
    """All text that can be selected, and the names of everything else."""
    texts = [pane.toPlainText() for pane in inside.findChildren(QTextBrowser)]
    names = [child.accessibleName() for child in inside.findChildren(QWidget) if not child.isHidden()]
    return "\n".join([*texts, *names])
