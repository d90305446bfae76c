"""What a playing scenario does to the rest: the live phone follows it, and the real engine answers its questions."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence

from autoglm_desktop.assets import resource
from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_loan import Loan
from autoglm_desktop.assistant.scenario_desk import Comparison
from autoglm_desktop.core.errors import AppError, ErrorReport
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.scenario import Scenario
from autoglm_desktop.energy.scenario_result import Result
from autoglm_desktop.energy.scenario_turns import Turn, turns_of

log = logging.getLogger(__name__)

_CHARACTERS_PER_TOKEN = 3
_MOST_ANSWER_TOK = 512


class Follower:
    """Puts the phone of a run in the place of the user's, from the first `move` to `close`."""

    def __init__(self, energy: EnergyService, comparison: Comparison, result: Result) -> None:
        self._energy, self._comparison, self._result = energy, comparison, result
        self._times = [sample.t_s for sample in result.samples]
        self._loan: Loan | None = None
        self._shown: tuple[int, float] | None = None

    def move(self, at_s: float) -> None:
        """To this moment: charge, heat, surroundings."""
        here = self._here(at_s)
        if here != self._shown:
            self._shown = here
            self._borrowed().place(self._result.samples[here[0]], here[1])

    def seed(self, at_s: float) -> None:
        """To this moment, whatever the phone did by itself meanwhile."""
        self._shown = None
        self.move(at_s)

    def surround(self, at_s: float) -> None:
        """Only what surrounds it at this moment: the engine's work drains and heats it."""
        here = self._here(at_s)
        if here != self._shown:
            self._shown = here
            self._borrowed().surround(self._result.samples[here[0]], here[1])

    def skip(self, seconds: float) -> None:
        """Let so much more time pass for the phone than passes here."""
        self._borrowed().skip(seconds)

    def close(self) -> None:
        """Give the user's phone back. The next `move` begins anew."""
        if self._loan is not None:
            self._loan.end()
            self._loan = self._shown = None

    def _here(self, at_s: float) -> tuple[int, float]:
        """The sample, and the brightness of the phase, at this moment."""
        scenario = self._comparison.scenario
        time_s = scenario.start.time + at_s
        phase = next((phase for phase in scenario.phases if phase.begin <= time_s < phase.end), None)
        return max(0, bisect_right(self._times, at_s) - 1), phase.screen if phase is not None else 0.0

    def _borrowed(self) -> Loan:
        if self._loan is None:
            self._loan = self._energy.lend(self._comparison.profile, Policy(self._result.policy))
        return self._loan


class LiveRun:
    """Asks the real engine what the scenario's users ask, in a temporary conversation each.

    The phone goes by the clock of the scenario: as fast as it plays, and in real time while that waits for an answer.
    """

    def __init__(self, assistant: Assistant, scenario: Scenario, follower: Follower, at_s: float) -> None:
        """The phone begins as the run's phone is at `at_s`; questions before that are not asked."""
        self._assistant, self._follower = assistant, follower
        self._turns: Sequence[Turn] = turns_of(scenario)
        self._next = 0
        self._conversation_id: str | None = None
        self._text = resource("text/quality_en.txt").read_text(encoding="utf-8")
        self.asked = 0
        self._at_s = at_s
        self.error: ErrorReport | None = None
        self.skip_to(at_s)

    @property
    def answering(self) -> bool:
        """Whether the engine is at work: the clock waits for it."""
        return self._conversation_id is not None and self._assistant.is_busy(self._conversation_id)

    def move(self, at_s: float, speed: float) -> None:
        """Bring the phone along, and ask the next question that is due; one at a time."""
        moved_s, self._at_s = at_s - self._at_s, at_s
        self._follower.surround(at_s)
        self._follower.skip(moved_s * (1.0 - 1.0 / speed))
        if self.answering or self.error is not None or self._next >= len(self._turns):
            return
        turn = self._turns[self._next]
        if turn.at_s <= at_s:
            self._next += 1
            self._ask(turn)

    def skip_to(self, at_s: float) -> None:
        """The clock was moved by hand: the phone is put there, and questions before it are not asked."""
        self._at_s = at_s
        self._follower.seed(at_s)
        self._next = next((n for n, turn in enumerate(self._turns) if turn.at_s >= at_s), len(self._turns))

    def close(self) -> None:
        """Stop, and forget what was asked."""
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
