"""What a playing scenario does to the rest: the live phone follows it, and the real engine answers its questions."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence

from autoglm_desktop.assets import resource
from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.errors import AppError, ErrorReport
from autoglm_desktop.energy.live import MAX_SPEED
from autoglm_desktop.energy.scenario import Scenario
from autoglm_desktop.energy.scenario_result import Result
from autoglm_desktop.energy.scenario_turns import Turn, turns_of

log = logging.getLogger(__name__)

_BATTERY_STEP = 0.005
_CHARACTERS_PER_TOKEN = 3
_MOST_ANSWER_TOK = 512


class Follower:
    """Brings the simulated phone of the panel to where a run's phone is."""

    def __init__(self, assistant: Assistant, result: Result) -> None:
        self._energy, self._samples = assistant.energy, result.samples
        self._times = [sample.t_s for sample in result.samples]
        self._battery = -1.0
        self._around: tuple[float, bool] | None = None

    def move(self, at_s: float, *, battery: bool) -> None:
        """To this moment; without `battery` only what surrounds it: the phone drains by itself then."""
        sample = self._samples[max(0, bisect_right(self._times, at_s) - 1)]
        around = (sample.ambient_c, sample.plugged)
        if around != self._around:
            self._around = around
            self._energy.set_ambient(sample.ambient_c)
            self._energy.set_plugged(sample.plugged)
        if battery and abs(sample.soc - self._battery) >= _BATTERY_STEP:
            self._battery = sample.soc
            self._energy.set_battery(sample.soc)


class LiveRun:
    """Asks the real engine what the scenario's users ask, in a temporary conversation each."""

    def __init__(self, assistant: Assistant, scenario: Scenario, speed: float) -> None:
        """The panel's phone starts like the scenario's, at the clock's speed as far as it goes."""
        self._assistant = assistant
        self._turns: Sequence[Turn] = turns_of(scenario)
        self._next = 0
        self._conversation_id: str | None = None
        self._text = resource("text/quality_en.txt").read_text(encoding="utf-8")
        self.asked = 0
        self.error: ErrorReport | None = None
        energy, start = assistant.energy, scenario.start
        self._speed_before = energy.view().speed
        energy.set_speed(min(MAX_SPEED, speed))
        energy.set_battery(start.battery_percent / 100.0)
        energy.set_ambient(start.ambient_c)

    @property
    def answering(self) -> bool:
        """Whether the engine is at work: the clock waits for it."""
        return self._conversation_id is not None and self._assistant.is_busy(self._conversation_id)

    def move(self, at_s: float) -> None:
        """Ask the next question that is due; one at a time."""
        if self.answering or self.error is not None or self._next >= len(self._turns):
            return
        turn = self._turns[self._next]
        if turn.at_s <= at_s:
            self._next += 1
            self._ask(turn)

    def skip_to(self, at_s: float) -> None:
        """The clock was moved by hand: questions before it are not asked."""
        self._next = next((n for n, turn in enumerate(self._turns) if turn.at_s >= at_s), len(self._turns))

    def close(self) -> None:
        """Stop, and forget what was asked."""
        self._assistant.energy.set_speed(self._speed_before)
        self._forget()

    def _ask(self, turn: Turn) -> None:
        self._forget()
        try:
            self._conversation_id = self._assistant.new_conversation(temporary=True).id
            text = self._text[: max(20, turn.prompt_tok * _CHARACTERS_PER_TOKEN)]
            self._assistant.send(
                self._conversation_id,
                f"Go on from here:\n{text}",
                max_tokens=min(_MOST_ANSWER_TOK, turn.answer_tok),
            )
            self.asked += 1
        except AppError as error:
            log.warning("the scenario's question could not be asked: %s", error)
            self.error = error.report

    def _forget(self) -> None:
        if self._conversation_id is not None:
            self._assistant.stop(self._conversation_id)
            self._assistant.delete(self._conversation_id)
            self._conversation_id = None
