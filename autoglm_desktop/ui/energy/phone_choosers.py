"""Which phone is simulated, by whose readings the governor goes, and how fast the phone's time runs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal

from autoglm_desktop.assistant.energy_view import Source
from autoglm_desktop.core.i18n import msg, tr
from autoglm_desktop.energy.live import MAX_SPEED, MIN_SPEED
from autoglm_desktop.ui.appearance import Appearance

from . import words
from .chooser import Choice, Chooser, Group

SPEEDS = (MIN_SPEED, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, MAX_SPEED)
_WIDEST_PX = 190


class PhoneChooser(Chooser):
    """`phone_chosen` with an id, `source_chosen` with a `Source`."""

    phone_chosen = Signal(str)
    source_chosen = Signal(object)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look, msg("Simulated phone and source of truth"))
        self.set_widest(_WIDEST_PX)
        self.chosen.connect(self._tell)

    def show_chosen(self, phone_id: str, chosen: Source, phones: Sequence[str]) -> None:
        """The phones that there are, and what is chosen."""
        sources = tuple(Choice(each, words.source(each), _source_tip(each)) for each in Source)
        known = tuple(Choice(each, words.phone(each)) for each in phones)
        phone, source = words.phone(phone_id), words.source(chosen)
        self.show_choices(
            phone if chosen is Source.PHONE else source,
            (Group(tr("Simulated phone"), known, phone_id), Group(tr("Decides by"), sources, chosen)),
            tr("{phone} is simulated; the governor goes by: {source}", phone=phone, source=source),
        )

    def _tell(self, key: object) -> None:
        if isinstance(key, Source):
            self.source_chosen.emit(key)
        else:
            self.phone_chosen.emit(str(key))


class SpeedChooser(Chooser):
    """How many simulated seconds pass in one."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look, msg("Speed of the phone's time"))

    def show_speed(self, speed: float) -> None:
        """1 to 600; a speed between the steps of the menu is shown as it is."""
        choices = tuple(Choice(each, words.speed(each)) for each in SPEEDS)
        self.show_choices(words.speed(speed), (Group("", choices, speed),))


def _source_tip(source: Source) -> str:
    return {
        Source.PHONE: tr("Battery and temperatures of the simulated phone"),
        Source.COMPUTER: tr("Battery and temperatures of this computer, as far as it has sensors"),
        Source.WORST: tr("The lower battery and the higher temperatures of both"),
    }[source]
