"""Asking and following an answer on the command line, over a scripted engine."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from autoglm_desktop.cli.answering import ask, result_of
from autoglm_desktop.cli.attaching import attached_of
from autoglm_desktop.core.events import Phase, TierSwitched
from autoglm_desktop.engine.script import Hold, Reply, Senses
from autoglm_desktop.engine.scripted import ScriptedEngine
from tests.helpers.assistants import assistant_over
from tests.helpers.images import picture


class Impatient:
    """Presses Ctrl-C when an image begins to be read."""

    def phase(self, phase: Phase, fraction: float | None) -> None:
        if phase is Phase.READING_IMAGE and fraction == 0.0:
            signal.raise_signal(signal.SIGINT)

    def delta(self, text: str, reasoning: str) -> None:
        raise AssertionError("nothing is said")

    def switched(self, switch: TierSwitched) -> None:
        raise AssertionError("nothing is switched")

    def end(self) -> None:
        """Nothing to leave."""


def test_ctrl_c_while_an_image_is_read_gives_the_answer_without_figures(tmp_path: Path) -> None:
    engine = ScriptedEngine([Reply("never")], senses=Senses(hold=Hold()))
    with assistant_over(engine, tmp_path / "conversations.sqlite") as (assistant, _):
        image = assistant.take_in_image(picture(), name="shot.png")
        conversation = assistant.new_conversation(temporary=True)
        answer = ask(assistant, lambda: assistant.send(conversation.id, "what is it?", images=[image]), Impatient())
        assert answer.interrupted
        prompt = assistant.node(answer.node.parent_id or "")
        result = json.loads(json.dumps(result_of(answer.node) | attached_of(prompt, None)))
    assert (result["text"], result["finish_reason"], result["completion_tokens"]) == ("", "cancelled", 0)
    assert result["images"][0]["name"] == "shot.png"
