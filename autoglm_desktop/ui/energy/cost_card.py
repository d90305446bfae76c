"""What answers cost: per token, per percent of the battery, the last one, and what the KV cache saved."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton

from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.energy.price import price
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.workload import Costs, Work
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.figures import count
from autoglm_desktop.ui.widgets.parts import describe

from . import words
from .card import Card, said
from .figure import Figure, Shown

_J_PER_WH = 3600.0
_SIMULATED = Provenance.SIMULATED


@dataclass(frozen=True, slots=True)
class Expected:
    """What a phone's profile says before any answer: joules of a decoded token per tier, and of 1 % of the battery."""

    token_j: dict[Tier, float]
    percent_j: float

    @staticmethod
    def of(profile: Profile) -> Expected:
        """At the screen brightness that the profile names as usual."""
        costs = Costs.of(profile)
        screen = profile.power.screen_level
        tokens = {tier: price(profile, costs, Work(tier, decoded_tok=1.0), screen=screen).joules for tier in Tier}
        return Expected(tokens, profile.battery.energy_wh * _J_PER_WH / 100.0)


class CostCard(Card):
    """`history_requested` when someone wants to see the ledger."""

    history_requested = Signal()

    def __init__(self, look: Appearance) -> None:
        super().__init__(look, spacing=8)
        self._expected: Expected | None = None
        self.token, self.share, self.saved = Figure(look), Figure(look), Figure(look)
        self.answer, self.here, self.history = Figure(look), Figure(look), QPushButton()
        self.history.setProperty("role", "small")
        grid = QGridLayout()
        grid.setVerticalSpacing(6)
        for number, figure in enumerate((self.token, self.share, self.answer, self.here, self.saved)):
            grid.addWidget(figure, number // 2, number % 2)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.history)
        grid.addLayout(foot, 2, 1)
        for place in (0, 1):
            grid.setColumnStretch(place, 1)
        self.column.addLayout(grid)
        self.history.clicked.connect(self.history_requested)
        self.settle()

    def show_phone(self, profile: Profile) -> None:
        """Another phone: other costs."""
        self._expected = Expected.of(profile)

    def retranslate(self) -> None:
        self.history.setText(tr("History…"))
        describe(self.history, tr("Energy history"), tr("Energy by answer, conversation and day (Ctrl+Shift+E)"))
        super().retranslate()

    def refresh(self, view: EnergyView) -> None:
        per_token, tip = self._per_token(view)
        joules = words.joules(per_token).split(" ")
        shown = Shown(tr("Per token"), joules[0], joules[1], origin=_SIMULATED, tip=tip)
        self.token.show_value(shown if per_token is not None else _absent(tr("Per token"), tip))
        self.share.show_value(self._per_percent(per_token))
        self.answer.show_value(_answer(view.last_turn))
        self.here.show_value(_here(view))
        self.saved.show_value(_saved(view))

    def _per_token(self, view: EnergyView) -> tuple[float | None, str]:
        """Of the last answer where it was made in the tier that holds now, else what the profile expects."""
        turn, tier = view.last_turn, view.decision.tier
        if turn is not None and turn.tokens and turn.tier is tier and turn.phone_id == view.phone_id:
            joules = turn.phone.value
            if joules is not None:
                return joules / turn.tokens, tr("Of the last answer, its prompt included, in {tier}.", tier=tier.label)
        if self._expected is None:
            return None, tr("Figures appear here after the first answer.")
        return self._expected.token_j[tier], tr("Expected of a cool phone that decodes in {tier}.", tier=tier.label)

    def _per_percent(self, per_token: float | None) -> Shown:
        name = tr("Per 1 % of the battery")
        if per_token is None or per_token <= 0.0 or self._expected is None:
            return _absent(name, tr("Figures appear here after the first answer."))
        tokens = self._expected.percent_j / per_token
        return Shown(name, words.number(tokens), tr("tokens"), origin=_SIMULATED, tip=tr("At the joules per token."))


def _absent(name: str, why: str) -> Shown:
    return Shown(name, "", note=tr("none yet"), tip=why)


def _answer(turn: TurnEnergy | None) -> Shown:
    name = tr("Last answer")
    if turn is None or turn.phone.value is None:
        return _absent(name, tr("Figures appear here after the first answer."))
    value, unit = words.joules(turn.phone.value).split(" ")
    note = tr("from cache") if turn.from_cache else ""
    tip = tr("{tokens} tokens in {tier}, on the phone.", tokens=count(turn.tokens), tier=turn.tier.label)
    return Shown(name, value, unit, note, _SIMULATED, tip)


def _here(view: EnergyView) -> Shown:
    name, turn = tr("On this computer"), view.last_turn
    if turn is None:
        return _absent(name, tr("Figures appear here after the first answer."))
    if turn.computer is None or turn.computer.value is None:
        reason = turn.computer.reason if turn.computer is not None else view.computer.package_energy.reason
        why = said(reason) or tr("This computer has no energy counter.")
        return Shown(name, "", note=tr("not available"), tip=why)
    value, unit = words.joules(turn.computer.value).split(" ")
    return Shown(name, value, unit, origin=turn.computer.provenance, tip=said(turn.computer.reason))


def _saved(view: EnergyView) -> Shown:
    name, asked, kept = tr("Cache saved"), view.kv_prompt_tokens, view.kv_saved_tokens
    if asked <= 0:
        return _absent(name, tr("Figures appear here after the first answer."))
    tip = tr("{kept} of {asked} prompt tokens came from a KV cache and were not read again.",
             kept=count(kept), asked=count(asked))  # fmt: skip
    return Shown(name, words.percent(kept / asked), "%", origin=Provenance.MEASURED, tip=tip)
