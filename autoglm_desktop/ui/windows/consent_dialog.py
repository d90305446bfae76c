"""The question before anything leaves this machine: what is sent, and where to."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from autoglm_desktop.core.i18n import Text, tr
from autoglm_desktop.core.routing import Endpoint
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import describe, label


class ConsentDialog(QDialog):
    """`accepted` when the person agreed to send to the endpoint, for now and later; `rejected` for everything else.

    `reason` is why the cloud is wanted for the message at hand, None where there is no message.
    """

    def __init__(
        self, look: Appearance, endpoint: Endpoint, reason: Text | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._endpoint, self._reason = endpoint, reason
        self.headline, self.why = label("heading", wrap=True), label("body", wrap=True)
        self.headline.setMinimumWidth(480)  # not the dialog's: its buttons may need more
        self.what, self.later = label("body", wrap=True), label("secondary", wrap=True)
        self.agree_button, self.stay_button = QPushButton(), QPushButton()
        self.agree_button.setProperty("role", "primary")
        self._lay_out()
        look.language_changed.connect(self.retranslate)
        self.retranslate()

    def retranslate(self) -> None:
        """Every word anew, in the current language."""
        endpoint = self._endpoint
        self.setWindowTitle(tr("Send to the cloud?"))
        self.headline.setText(tr("Send to {host}?", host=endpoint.host))
        self.why.setText(str(self._reason) if self._reason is not None else "")
        self.why.setVisible(self._reason is not None)
        sent = tr(
            "What is sent to {url}, for the model {model}: your message, the conversation before it, and the system "
            "prompt.",
            url=endpoint.url,
            model=endpoint.model,
        )
        images = (
            tr("Images of the conversation go along, without their metadata.")
            if endpoint.takes_images
            else tr("Images are not sent.")
        )
        safe = (
            tr("It goes there encrypted.")
            if endpoint.url.startswith("https:")
            else tr("It goes there without encryption.")
        )
        self.what.setText(f"{sent} {images} {safe}")
        self.later.setText(
            tr("This holds for this address until you take it back on the page “Cloud” of the settings.")
        )
        stay = tr("Stay on this machine")
        self.agree_button.setText(tr("Agree"))
        self.stay_button.setText(stay)
        describe(self.agree_button, tr("Agree to send to {host}", host=endpoint.host))
        describe(self.stay_button, stay, tr("Nothing is sent"))

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        for words in (self.headline, self.why, self.what, self.later):
            column.addWidget(words)
        box = QDialogButtonBox()
        box.addButton(self.agree_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(self.stay_button, QDialogButtonBox.ButtonRole.RejectRole)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        column.addWidget(box)
        self.agree_button.setAutoDefault(False)
        self.stay_button.setDefault(True)
        self.stay_button.setFocus()
