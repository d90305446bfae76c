"""Which tier answers, why, until when, and by which policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout

from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.i18n import msg, tr
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import Theme, readable
from autoglm_desktop.ui.widgets.parts import describe, label

from . import words
from .card import Card, said
from .chooser import Choice, Chooser, Group
from .goal_row import GoalRow
from .ribbon import TierRibbon, stretches
from .tier_badge import TierBadge

if TYPE_CHECKING:
    from autoglm_desktop.assistant.energy_view import EnergySeries


class TierCard(Card):
    """`policy_chosen` with a `Policy`, `goal_chosen` with a `Goal`."""

    policy_chosen = Signal(object)
    goal_chosen = Signal(object)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._capped: bool | None = None
        self._policy: Policy | None = None
        self.badge, self.reason = TierBadge(look), label("value", wrap=True)
        self.more, self.next = label("secondary", wrap=True), label("caption", wrap=True)
        self.policy, self.goal, self.ribbon = Chooser(look, msg("Policy")), GoalRow(look), TierRibbon(look)
        for text in (self.reason, self.more, self.next):
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        top, foot = QHBoxLayout(), QHBoxLayout()
        top.setSpacing(10)
        top.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self.reason, 1)
        foot.addWidget(self.next, 1)
        foot.addWidget(self.policy)
        self.column.addLayout(top)
        self.column.addWidget(self.more)
        self.column.addLayout(foot)
        self.column.addWidget(self.goal)
        self.column.addWidget(self.ribbon)
        self.more.hide()
        self.goal.hide()
        self.policy.chosen.connect(self._choose)
        self.goal.chosen.connect(self.goal_chosen)
        self.settle()

    def refresh(self, view: EnergyView) -> None:
        decision = view.decision
        self.badge.show_tier(decision.tier)
        first, *others = decision.reasons or ("",)
        more = "\n".join(str(reason) for reason in others)
        for text, shown in ((self.reason, str(first)), (self.more, more), (self.next, _next_words(view))):
            if text.text() != shown:
                text.setText(shown)
                describe(text, shown)
        self.more.setVisible(bool(more))
        self._paint_more(capped=decision.max_new_tokens is not None)
        self.goal.setVisible(view.policy is Policy.LAST_UNTIL)
        if view.policy is Policy.LAST_UNTIL:
            self.goal.show_goal(view.goal, view.phone_time_s)
        self._show_policy(view.policy)

    def retranslate(self) -> None:
        self._policy = None
        super().retranslate()

    def show_series(self, series: EnergySeries) -> None:
        """The last minutes, for the ribbon."""
        self.ribbon.show_stretches(stretches(series))

    def set_theme(self, theme: Theme) -> None:
        self.reason.setStyleSheet(f"font-size: {theme.px(13)}px;")
        self._capped = None
        self.retranslate()

    def _paint_more(self, *, capped: bool) -> None:
        """What holds back answers is told in the colour of heat."""
        if capped is not self._capped:
            self._capped = capped
            theme = self.look.theme
            self.more.setStyleSheet(f"color: {readable(theme.hot if capped else theme.muted, theme.raised)};")

    def _show_policy(self, policy: Policy) -> None:
        if policy is self._policy:
            return
        self._policy = policy
        choices = tuple(Choice(each, words.policy(each), words.policy_tip(each)) for each in Policy)
        self.policy.show_choices(words.policy(policy), (Group("", choices, policy),), words.policy_tip(policy))

    def _choose(self, policy: Policy) -> None:
        self.policy_chosen.emit(policy)
        if policy is Policy.LAST_UNTIL and self.view is not None and self.view.goal is None:
            self.goal_chosen.emit(self.goal.proposal(self.view.phone_time_s))


def _next_words(view: EnergyView) -> str:
    """When the tier changes next, as far as that is known."""
    if view.decision.next_change is not None:
        return tr("Next: {change}", change=said(view.decision.next_change))
    if view.decision.chosen_by_user:
        return tr("Chosen by you, above the conversation")
    return ""
