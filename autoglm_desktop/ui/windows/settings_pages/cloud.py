"""The page “Cloud”: whether anything may leave, where to, with which key, and what."""

from __future__ import annotations

from PySide6.QtGui import QShowEvent

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg, tr
from autoglm_desktop.core.routing import Endpoint, checked_url, endpoint_of
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.figures import seconds
from autoglm_desktop.ui.widgets.parts import label
from autoglm_desktop.ui.windows.consent_dialog import ConsentDialog

from .key_row import KeyRow
from .page import SettingsPage, tell

_MAX_SHOWN = 80


class CloudPage(SettingsPage):
    """Edits the settings that begin with ``cloud_``. Nothing is sent from here but the test, by its button."""

    def __init__(self, look: Appearance, settings: Settings) -> None:
        super().__init__(look)
        self._settings = settings
        modes = (
            ("off", msg("Never")),
            ("when_needed", msg("When this machine cannot or should not answer")),
            ("always", msg("Always")),
        )
        self.mode = self.choice(modes, "cloud_mode")
        self.row(msg("Answer in the cloud"), self.mode)
        self.url = self.line("cloud_url")
        self.url.setPlaceholderText("https://…/v1")
        self.row(msg("Endpoint"), self.url)
        self.problem = self.told("error")
        self.allow_http = self.check(msg("Allow http:// to this machine and private networks"), "cloud_allow_http")
        self.wide(self.allow_http)
        self.model = self.line("cloud_model")
        self.row(msg("Model there"), self.model)
        self.key = KeyRow(self, msg("API key"), self._account, lambda: None)
        self.test = self.button(msg("Test the connection"), self._test)
        self.wide(self.test)
        self.tested = self.told()
        self.images = self.check(msg("Images may be sent (the endpoint must see them)"), "cloud_images")
        self.row(msg("What may be sent"), self.images)
        self.note(
            msg(
                "Sent are the message, its conversation and the system prompt; images without their metadata. Never "
                "sent are other conversations, reasoning, recordings, and anything before you agreed."
            )
        )
        self.consent, self.consent_button = label("body", wrap=True), self.button(msg("Agree…"), self._ask)
        self.row(msg("Your agreement"), self.consent, self.consent_button)
        self.dialog: ConsentDialog | None = None
        for widget in (self.url, self.model):
            widget.textEdited.connect(lambda _: self._edited())
        self.url.editingFinished.connect(self.key.look)
        self.allow_http.toggled.connect(lambda _: self._edited())
        self.settle()
        self.show_settings(settings)

    def title(self) -> str:
        return tr("Cloud")

    def show_settings(self, settings: Settings) -> None:
        self._loading = True
        self._settings = settings
        self.mode.setCurrentIndex(self.mode.findData(settings.cloud_mode))
        for edit, value in ((self.url, settings.cloud_url), (self.model, settings.cloud_model)):
            if edit.text() != value and not edit.hasFocus():
                edit.setText(value)
        self.allow_http.setChecked(settings.cloud_allow_http)
        self.images.setChecked(settings.cloud_images)
        self._loading = False
        self._show_state()

    def retranslate(self) -> None:
        super().retranslate()
        self.key.retranslate()
        self._show_state()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.key.look()

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint as it is typed, or None with the reason in `problem`."""
        try:
            return endpoint_of(self._typed())
        except AppError:
            return None

    def _typed(self) -> Settings:
        return self._settings.model_copy(
            update={
                "cloud_url": self.url.text(),
                "cloud_model": self.model.text(),
                "cloud_allow_http": self.allow_http.isChecked(),
                "cloud_images": self.images.isChecked(),
            }
        )

    def _account(self) -> str | None:
        try:
            return checked_url(self.url.text(), allow_http=self.allow_http.isChecked())
        except AppError:
            return None

    def _edited(self) -> None:
        tell(self.tested, "")
        self._show_state()

    def _show_state(self) -> None:
        """What follows from what is typed: a problem, the agreement, what can be pressed."""
        endpoint, problem = self.endpoint, ""
        if self.url.text().strip() and endpoint is None:
            try:
                endpoint_of(self._typed())
            except AppError as error:
                problem = error.report.line()
        tell(self.problem, problem)
        self.test.setEnabled(endpoint is not None)
        self.consent_button.setEnabled(endpoint is not None)
        agreed = endpoint is not None and endpoint.url in self._settings.cloud_consents
        if endpoint is None:
            self.consent.setText(tr("First name an endpoint and its model."))
        elif agreed:
            self.consent.setText(tr("You agreed to send to {host}.", host=endpoint.host))
        else:
            self.consent.setText(tr("You have not agreed to send anything to {host}.", host=endpoint.host))
        words = tr("Take it back") if agreed else tr("Agree…")
        self.consent_button.setText(words)
        self.consent_button.setAccessibleName(words)
        self.key.update()

    def _ask(self) -> None:
        endpoint = self.endpoint
        if endpoint is None:
            return
        agreed = self._settings.cloud_consents
        if endpoint.url in agreed:
            self._set_consents(tuple(url for url in agreed if url != endpoint.url))
            return
        self.dialog = ConsentDialog(self.look, endpoint, parent=self)
        self.dialog.accepted.connect(lambda: self._set_consents((*agreed, endpoint.url)))
        self.dialog.finished.connect(self._asked)
        self.dialog.open()

    def _asked(self) -> None:
        self.dialog = None

    def _set_consents(self, consents: tuple[str, ...]) -> None:
        self._settings = self._settings.model_copy(update={"cloud_consents": consents})
        self.say("cloud_consents", consents)
        self._show_state()

    def _test(self) -> None:
        endpoint = self.endpoint
        if endpoint is None:
            return
        from autoglm_desktop.cloud.probe import probe

        self.test.setEnabled(False)
        tell(self.tested, tr("Asking {host} to say hello…", host=endpoint.host))
        self.run("cloud-test", lambda cancelled: probe(endpoint, cancelled), self._worked, self._did_not)

    def _worked(self, found: object) -> None:
        from autoglm_desktop.cloud.probe import Probe

        assert isinstance(found, Probe)
        self.test.setEnabled(True)
        said = found.text if len(found.text) <= _MAX_SHOWN else found.text[:_MAX_SHOWN] + "…"
        tell(self.tested, tr("It works: “{text}” after {time}.", text=said, time=seconds(found.seconds)))

    def _did_not(self, report: ErrorReport) -> None:
        self.test.setEnabled(True)
        tell(self.tested, "" if report.code is ErrorCode.CANCELLED else report.line())
