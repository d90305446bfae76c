"""A key that goes into the system's keyring: typed once, never shown again."""

from __future__ import annotations

from collections.abc import Callable

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.i18n import Text, msg, tr

from .page import SettingsPage, tell


class KeyRow:
    """The line of a page. `account` names where in the keyring, None while that is not known."""

    def __init__(
        self, page: SettingsPage, text: Text, account: Callable[[], str | None], changed: Callable[[], None]
    ) -> None:
        """`changed` is called when another key was kept, or the key forgotten."""
        self._page, self._account, self._changed = page, account, changed
        self.edit = page.line(secret=True)
        self.save = page.button(msg("Keep the key"), self._save)
        self.forget = page.button(msg("Forget the key"), self._forget)
        page.row(text, self.edit, self.save, self.forget)
        self.state = page.told()
        self._words: Text | None = None
        self.edit.textEdited.connect(lambda _: self.update())
        self.update()

    def look(self) -> None:
        """Ask the keyring whether it has a key."""
        account = self._account()
        if account is None:
            self._tell(None)
            return
        self._page.run("keyring", lambda _: _where(account), self._tell, self._failed)

    def update(self) -> None:
        """Allow what can be done now."""
        known = self._account() is not None
        self.save.setEnabled(known and bool(self.edit.text().strip()))
        self.forget.setEnabled(known)

    def retranslate(self) -> None:
        self.edit.setPlaceholderText(tr("Kept in the system's keyring"))
        self._tell(self._words)

    def _save(self) -> None:
        account, key = self._account(), self.edit.text()
        if account is None:
            return
        from autoglm_desktop.cloud.keys import set_key

        self._page.run("keyring", lambda _: set_key(account, key), lambda _: self._saved(key), self._failed)

    def _forget(self) -> None:
        account = self._account()
        if account is None:
            return
        from autoglm_desktop.cloud.keys import forget_key

        self._page.run("keyring", lambda _: forget_key(account), lambda _: self._is_other(), self._failed)

    def _saved(self, key: str) -> None:
        if self.edit.text() == key:
            self.edit.clear()
            self.update()
        self._is_other()

    def _is_other(self) -> None:
        self.look()
        self._changed()

    def _failed(self, report: ErrorReport) -> None:
        self._words = None
        tell(self.state, report.line())

    def _tell(self, words: Text | None) -> None:
        self._words = words
        tell(self.state, str(words) if words is not None else "")


def _where(account: str) -> Text:
    """Whether there is a key, and where. Raises AppError NO_KEYRING."""
    from autoglm_desktop.cloud.keys import get_key, read_key, variable_of

    if read_key(account) is not None:
        return msg("A key is kept in the system's keyring.")
    if get_key(account) is not None:
        return msg("The key in the environment variable {name} is used.", name=variable_of(account))
    return msg("No key is kept.")
