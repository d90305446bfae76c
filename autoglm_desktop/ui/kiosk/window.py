"""The kiosk: attract page, conversation, staff page, and when one becomes the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from PySide6.QtCore import QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QClipboard, QCloseEvent, QColor, QImage, QPainter, QPaintEvent, QRadialGradient
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.events import EngineChanged, NodeAdded, NodeFinished
from autoglm_desktop.assistant.pin import PinGuard
from autoglm_desktop.assistant.visitors import Visitors
from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.kiosk import KioskConfig, Touch
from autoglm_desktop.devices.camera import CameraSource, QtCamera
from autoglm_desktop.devices.microphone import Microphone
from autoglm_desktop.devices.process_microphone import ProcessMicrophone
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.brand import window_icon
from autoglm_desktop.ui.bridge import Bridge
from autoglm_desktop.ui.energy import words
from autoglm_desktop.ui.images.pictures import Pictures
from autoglm_desktop.ui.style import kiosk_stylesheet
from autoglm_desktop.ui.transcript.background import Background
from autoglm_desktop.ui.widgets.parts import describe, label

from .attract import Attract
from .guard import Guard
from .hero import Hero
from .hold import Hold
from .mark import Brand
from .phone_card import PhoneCard
from .photo import PhotoPage
from .senses import Senses
from .staff import PinPad, StaffPage
from .talk import AskBar, Talk

log = logging.getLogger(__name__)

_TICK_MS = 250
_COMPANY_S = 120.0
"""How long an answer or a recording counts as company after the last sign of life of engine or visitor."""
_STAFF_IDLE_S = 60.0


class Place(StrEnum):
    """Where the kiosk stands."""

    ATTRACT = "attract"
    """Nobody is there; a scenario plays."""
    VISITOR = "visitor"
    WIPING = "wiping"
    """A visitor went; everything of theirs is being removed."""
    STAFF = "staff"


class KioskWindow(QWidget):
    """Everything that the kiosk shows. Lives on the GUI thread."""

    restart_requested = Signal()
    scenario_ready = Signal(object, float, object)
    """What `Attract.set_samples` takes of the scenario that the attract page plays; from any thread."""
    wiped = Signal()
    """Everything of a visitor is gone."""

    def __init__(
        self,
        application: QApplication,
        assistant: Assistant,
        visitors: Visitors,
        config: KioskConfig,
        *,
        microphone: Callable[[], Microphone] = ProcessMicrophone,
        camera: Callable[[], CameraSource] = QtCamera,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        super().__init__()
        self.look = Appearance(application, assistant.settings)
        self.assistant, self.visitors, self.config = assistant, visitors, config
        self._clock, self._now, self._started = clock, now, now()
        self.place = Place.ATTRACT
        self._may_close = self._staff_waits = self._counting = False
        self._sign_s = clock()
        self.company_s = clock()
        """When an answer or a recording last stood for a visitor who touches nothing, by the clock."""
        self.guard = Guard(application, self.show_pin, clock)
        self.hold = Hold(self, lambda: self.guard.composing, keys=config.hold_keys)
        self.hero, self.talk = Hero(self.look, config), Talk(self.look)
        self.pad = PinPad(self.look, PinGuard(config.pin, clock))
        self.staff = StaffPage(self.look, lambda: visitors.tally, self._temperature)
        self.ask_bar, self.phone = AskBar(self.look, config.max_prompt_chars), PhoneCard(self.look)
        self.senses = Senses(self.look, assistant, config.allow, microphone)
        self.photo = PhotoPage(self.look, camera)
        self.pictures = Pictures(assistant.image_path, Background(self), self)
        self.talk.view.set_pictures(self.pictures)
        self.attract = Attract(self.phone, config.attract.speed)
        self.brand, self.told = Brand(self.look.theme), label("kioskName")
        self.languages, self.again = QPushButton(), QPushButton()
        self.pages = QStackedWidget()
        self.setStyleSheet(kiosk_stylesheet(self.look.theme))
        self._lay_out()
        self._connect()
        self.bridge = Bridge(self._handle, parent=self)
        self._unsubscribe = assistant.subscribe(self.bridge.post)
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self.beat)
        self._tick.start()
        self.retranslate()
        self._show_attract()

    # -- life

    def open(self, *, full_screen: bool = True) -> None:
        """Show it, hold what the platform lets be held."""
        self.setWindowIcon(window_icon())
        self.setWindowTitle("AutoGLM Desktop")
        if full_screen:
            self.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint)
            self.setGeometry(self.screen().geometry())  # a booth may have no window manager to do it
            self.showFullScreen()
        else:
            self.resize(1440, 900)
            self.show()
        self.guard.watch()
        if full_screen:
            self.hold.begin()

    def end(self) -> None:
        """Take everything down; whoever runs the kiosk calls it after the loop."""
        self._tick.stop()
        self._unsubscribe()
        self.bridge.close()
        self.senses.close_all()
        self.photo.end()
        self.attract.stop()
        self.phone.leave()
        self.guard.close()
        self.allow_close()

    def allow_close(self) -> None:
        """Let the window close: staff, a signal, or the end of the process asks for it."""
        self._may_close = True
        self.hold.end()
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._may_close:
            event.accept()
        else:
            event.ignore()

    # -- time

    def beat(self) -> None:
        """Four times a second: idle time, the wipe, the daily restart."""
        if self.place is Place.WIPING:
            if self.visitors.wipe():
                self._wiped()
            elif self.visitors.files_left:
                self.told.setText(tr("Something of the last visitor cannot be removed. Please tell the staff."))
        elif self.place is Place.VISITOR:
            self._see_company()
            self._count_down()
        elif self.place is Place.STAFF:
            if self._clock() - self.guard.touched_s > _STAFF_IDLE_S:
                self._leave_staff()
        elif self.config.restart.due(self._started, self._now()):
            log.info("the daily restart")
            self.restart_requested.emit()

    @property
    def left_s(self) -> float:
        """Seconds until the visitor counts as gone."""
        seen_s = max(self.guard.touched_s, self.company_s)
        return self.config.idle_s + self.config.countdown_s - (self._clock() - seen_s)

    def _see_company(self) -> None:
        """Somebody waits for an answer, or speaks; not for ever, for an engine may hang and a release be lost."""
        answering, now_s = self.visitors.answering, self._clock()
        sign_s = max(self.guard.touched_s, self._sign_s) if answering else self.guard.touched_s
        if (answering or self.senses.busy) and now_s - sign_s < _COMPANY_S:
            self.company_s = now_s

    def _count_down(self) -> None:
        left_s = self.left_s
        if left_s <= 0.0:
            self.send_away()
        elif left_s <= self.config.countdown_s:
            self._counting = True
            self.told.setText(
                tr("Starts over in {seconds} s · what you wrote will be removed", seconds=int(left_s) + 1)
            )
        elif self._counting:
            self._counting = False
            self.told.setText("")

    # -- visitors

    def welcome(self) -> None:
        """Somebody touched the screen."""
        if self.place is not Place.ATTRACT:
            return
        self.place = Place.VISITOR
        self.attract.stop()
        self.visitors.greet()
        self.phone.follow(self.assistant.energy)
        self.guard.touched_s = self._clock()
        self._arrange()

    def ask(self, text: str) -> bool:
        """A question of the visitor, written, spoken or by a chip. Returns whether it was taken."""
        self.welcome()
        if self.place is not Place.VISITOR:
            return False
        try:
            self.talk.show_trouble("")
            self.visitors.ask(text, (self.senses.image,) if self.senses.image is not None else ())
        except AppError as error:
            self._show_talk()
            self.talk.show_trouble(f"{error.report.cause} {error.report.next_step}")
            return False
        self.ask_bar.clear()
        self.senses.used_image()
        self.told.setText("")
        return True

    def show_photo(self) -> None:
        """Open the camera's page."""
        self.welcome()
        if self.place is Place.VISITOR:
            self.photo.begin()
            self.pages.setCurrentWidget(self.photo)

    def _photo_taken(self, picture: QImage) -> None:
        self._arrange()
        self.senses.take_picture(picture)

    def _page_changed(self) -> None:
        """Whatever takes the place of the camera's page ends it."""
        if self.pages.currentWidget() is not self.photo:
            self.photo.end()

    def touch(self, what: Touch, said: str) -> None:
        """A chip that does something to the phone."""
        self.welcome()
        if self.place is Place.VISITOR:
            self.visitors.touch(what)
            self.told.setText(said)

    def send_away(self) -> None:
        """The visitor went, or wants to start over: remove everything of theirs."""
        if self.place is Place.VISITOR:
            self._begin_wipe()

    def _begin_wipe(self) -> None:
        self.place = Place.WIPING
        self.senses.forget()
        self.ask_bar.clear()
        self.talk.clear()
        self._arrange()
        self.beat()

    def _wiped(self) -> None:
        """Nothing of the visitor is left; what is shown goes back to the beginning."""
        self.pictures.forget()
        _clear_clipboard()
        self._set_language(self.config.language)
        if self._staff_waits:
            self._show_staff()
        else:
            self._show_attract()
        self.wiped.emit()

    def _show_attract(self) -> None:
        self.place = Place.ATTRACT
        self.phone.leave()
        self.visitors.reset_phone()
        self.attract.start()
        self._arrange()

    # -- staff

    def show_pin(self) -> None:
        """Ask for the PIN, from anywhere. Who stands before the pad is a visitor: it goes when they go."""
        self.welcome()
        if self.place in (Place.VISITOR, Place.WIPING):
            self._enable_foot(False)  # what is typed now is a PIN, and no question for all to read
            self.pages.setCurrentWidget(self.pad)
            self.pad.begin()

    def _open_staff(self) -> None:
        """The PIN was right; what a visitor left goes first, or later, when it does not go."""
        if self.place is Place.WIPING:
            self._show_staff()
            return
        self._staff_waits = True
        self.send_away()

    def _show_staff(self) -> None:
        self._staff_waits = False
        self.guard.touched_s = self._clock()
        self.place = Place.STAFF
        self._arrange()
        self.staff.begin()
        self.pages.setCurrentWidget(self.staff)

    def _leave_staff(self) -> None:
        """As a visitor who goes: what was written meanwhile, and the language, do not stay either."""
        self.staff.end()
        self._begin_wipe()

    def _temperature(self) -> str:
        computer = self.assistant.energy.view().computer
        if computer.cpu_temp.value is None:
            return str(computer.cpu_temp.reason or words.DASH)
        return f"{words.number(computer.cpu_temp.value)} °C"

    # -- what the assistant tells

    def _handle(self, event: object) -> None:
        identity = self.visitors.conversation_id
        if self.place is not Place.VISITOR or identity is None:
            return
        if getattr(event, "conversation_id", None) == identity:
            self._sign_s = self._clock()
        if isinstance(event, NodeAdded) and event.node.conversation_id == identity:
            self._show_talk()
        if isinstance(event, NodeFinished) and event.node.conversation_id == identity:
            self._finished(event.node)
            return
        if not isinstance(event, EngineChanged):
            self.talk.take(event, identity)  # type: ignore[arg-type]
        self.ask_bar.show_busy(busy=self.visitors.answering)

    def _finished(self, node: Node) -> None:
        """An answer ended. One that the engine lost is asked for again, and a friendly line says so."""
        again = False
        try:
            again = self.visitors.ask_again(node)
        except AppError as error:
            log.warning("the answer could not be made again: %s", error)
        if again:
            self.talk.show_trouble(tr("One moment, the assistant had to start over…"))
            self.talk.show_path(self.assistant.path(node.conversation_id))
        else:
            self.talk.show_trouble("" if node.error is None else str(node.error.next_step))
            self.talk.view.finish_node(node)
        self.ask_bar.show_busy(busy=self.visitors.answering)
        self.guard.touched_s = max(self.guard.touched_s, self._clock())

    # -- look

    def _show_talk(self) -> None:
        if self.pages.currentWidget() is not self.pad:  # leaving the pad arranges everything
            self.pages.setCurrentWidget(self.talk)

    def _enable_foot(self, enabled: bool) -> None:
        for part in (self.ask_bar, self.senses, self.phone):
            part.setEnabled(enabled)

    def _arrange(self) -> None:
        visitor = self.place is Place.VISITOR
        talking = visitor and self.visitors.conversation_id is not None
        self.pad.end()
        self.pages.setCurrentWidget(self.talk if talking else self.hero)
        self.again.setVisible(visitor)
        self._enable_foot(self.place in (Place.ATTRACT, Place.VISITOR))
        self.ask_bar.show_busy(busy=self.visitors.answering)
        self.told.setText(self._resting_words())

    def _resting_words(self) -> str:
        """The line at the foot while nothing else is to be told."""
        match self.place:
            case Place.ATTRACT:
                return tr("Touch to begin")
            case Place.WIPING:
                return tr("Cleaning up…")
            case Place.STAFF:
                return tr("Locks by itself after {seconds} s", seconds=int(_STAFF_IDLE_S))
            case Place.VISITOR:
                return ""

    def switch_language(self) -> None:
        """The other language, until the visitor went."""
        self.welcome()
        self._set_language("en" if self.hero.language == "zh_CN" else "zh_CN")

    def _set_language(self, language: str) -> None:
        self.hero.language = language
        self.look.apply(self.assistant.settings.model_copy(update={"language": language}))
        self.hero.retranslate()
        self.retranslate()

    def retranslate(self) -> None:
        """The few words that belong to no part."""
        self.languages.setText("English" if self.hero.language == "zh_CN" else "中文")
        describe(self.languages, tr("Language: {name}", name=self.languages.text()))
        self.again.setText(tr("Start over"))
        describe(self.again, tr("Start over"), tr("Remove what you wrote and begin anew"))
        describe(self.brand, tr("AutoGLM Desktop; hold for the staff page"))
        self.told.setText(self._resting_words())

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, painter = self.look.theme, QPainter(self)
        glow = QRadialGradient(QPointF(self.width() * 0.66, self.height() * 0.22), self.width() * 0.55)
        glow.setColorAt(0.0, QColor("#1F3468"))
        glow.setColorAt(1.0, QColor(theme.background))
        painter.fillRect(self.rect(), QColor(theme.background))
        painter.fillRect(self.rect(), glow)
        painter.end()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(64, 32, 64, 28)
        column.setSpacing(18)
        top = QHBoxLayout()
        top.addWidget(self.brand)
        top.addStretch()
        for button in (self.again, self.languages):
            button.setProperty("role", "kioskQuiet")
            top.addWidget(button)
        column.addLayout(top)
        middle = QHBoxLayout()
        middle.setSpacing(70)
        for page in (self.hero, self.talk, self.photo, self.pad, self.staff):
            self.pages.addWidget(page)
        middle.addWidget(self.pages, 1)
        middle.addWidget(self.phone)
        column.addLayout(middle, 1)
        foot = QHBoxLayout()
        foot.setSpacing(24)
        foot.addWidget(self.senses)
        foot.addWidget(self.ask_bar, 1)
        foot.addWidget(self.told)
        column.addLayout(foot)

    def _connect(self) -> None:
        self.scenario_ready.connect(self.attract.set_samples)
        self.guard.touched.connect(self.welcome)
        self.brand.held.connect(self.show_pin)
        self.hero.asked.connect(self.ask)
        self.hero.touched.connect(self.touch)
        self.ask_bar.asked.connect(self.ask)
        self.ask_bar.edit.textChanged.connect(self.welcome)  # a screen reader writes without a key
        self.senses.touched.connect(self.welcome)
        self.senses.photo_wanted.connect(self.show_photo)
        self.photo.taken.connect(self._photo_taken)
        self.photo.left.connect(self._arrange)
        self.pages.currentChanged.connect(self._page_changed)
        self.senses.heard.connect(self.ask_bar.edit.setText)
        self.senses.told.connect(self.told.setText)
        self.ask_bar.stop_requested.connect(self.visitors.stop)
        self.phone.level_chosen.connect(self._level_chosen)
        self.languages.clicked.connect(self.switch_language)
        self.again.clicked.connect(self.send_away)
        self.pad.opened.connect(self._open_staff)
        self.pad.left.connect(self._arrange)
        self.staff.left.connect(self._leave_staff)
        self.staff.restart_requested.connect(self.restart_requested)
        self.staff.quit_requested.connect(self.allow_close)
        view = self.talk.view
        view.suggestion_chosen.connect(self.ask)
        view.edit_submitted.connect(self._ask_edited)
        view.retry_requested.connect(lambda _: self.ask_again())
        view.regenerate_requested.connect(lambda _: self.ask_again())

    def _ask_edited(self, node_id: str, text: str) -> None:
        if self.ask(text):
            self.talk.view.end_edit(node_id)
            self.ask_bar.edit.setFocus()

    def ask_again(self) -> None:
        """The last question once more."""
        prompts = [node.text for node in self._path() if node.role == "user"]
        if prompts:
            self.ask(prompts[-1])

    def _path(self) -> list[Node]:
        identity = self.visitors.conversation_id
        return self.assistant.path(identity) if identity is not None else []

    def _level_chosen(self, level: float) -> None:
        self.welcome()
        if self.place is Place.VISITOR:
            self.assistant.energy.set_battery(level)


def _clear_clipboard() -> None:
    """What was copied, and on X11 what was marked; in a kiosk nobody else puts anything there."""
    clipboard = QApplication.clipboard()
    clipboard.clear()
    if clipboard.supportsSelection():
        clipboard.clear(QClipboard.Mode.Selection)
