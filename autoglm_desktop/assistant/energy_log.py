"""What is worth a line in the log of decisions: the difference between two moments, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.energy.governor import Decision
from autoglm_desktop.energy.live import Snapshot
from autoglm_desktop.energy.phone import Down

LOG_LINES = 200


def changed(before: Decision | None, after: Decision) -> bool:
    """Whether anything but the wording differs, so that listeners should hear of it."""
    return before is None or replace(before, reasons=(), next_change=None) != replace(
        after, reasons=(), next_change=None
    )


def decision_lines(before: Decision | None, after: Decision) -> Iterator[Text]:
    """Lines for a new decision; `before` None is the first one."""
    why = after.reasons[1:] if after.chosen_by_user else after.reasons
    if before is None or (before.tier, before.chosen_by_user) != (after.tier, after.chosen_by_user):
        yield msg("You chose {tier}.", tier=after.tier.label) if after.chosen_by_user else why[0]
    if after.misfit is not None and (before is None or after.misfit != before.misfit):
        yield after.misfit
    capped_before = before is not None and before.max_new_tokens is not None
    if after.max_new_tokens is not None and not capped_before:
        yield why[1]
    if after.max_new_tokens is None and capped_before:
        yield msg("Cool enough again: answers are as long as you asked, and always computed.")
    if after.release_modalities and not (before is not None and before.release_modalities):
        yield msg("The battery is low: idle modalities are to be released, and none is loaded.")
    if after.cloud and not (before is not None and before.cloud):
        yield why[-1]


def phone_lines(before: Snapshot, after: Snapshot) -> Iterator[Text]:
    """Lines for what happened to the phone."""
    if after.paused is not None:
        yield after.paused
    if after.status is not before.status:
        yield msg(
            "Phone: thermal status {old} → {new}, skin {celsius:.1f} °C.",
            old=before.status.word,
            new=after.status.word,
            celsius=after.state.body_c,
        )
    if after.down is not before.down:
        yield down_words(after.down)


def down_words(down: Down) -> Text:
    """Whether the phone runs, and why not."""
    if down is Down.EMPTY:
        return msg("The simulated phone is off: its battery is empty. This computer goes on answering.")
    if down is Down.BROWN_OUT:
        return msg("The simulated phone is off: its battery cannot deliver the power. This computer goes on answering.")
    if down is Down.HOT:
        return msg("The simulated phone is off: its skin is too hot. This computer goes on answering.")
    return msg("The simulated phone is on.")
