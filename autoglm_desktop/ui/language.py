"""The language of the process: our catalogue, and Qt's own for its dialogs."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from autoglm_desktop.assets import translations
from autoglm_desktop.core import i18n


def resolve(choice: str) -> str:
    """``zh_CN`` or ``en`` for a choice of the settings: ``system`` follows the machine's first known language."""
    if choice != "system":
        return choice
    for name in QLocale.system().uiLanguages():
        if name.startswith("zh"):
            return "zh_CN"
        if name.startswith("en"):
            return "en"
    return "en"


class Languages:
    """Installs a language; keeps Qt's translator, which must live as long as it is used."""

    def __init__(self) -> None:
        self._translator: QTranslator | None = None
        self.current = ""

    def install(self, choice: str) -> bool:
        """Make the language of `choice` current; False when it already was."""
        language = resolve(choice)
        if language == self.current:
            return False
        i18n.install(language, translations(language))
        self._replace_translator(language)
        QLocale.setDefault(QLocale(language))
        self.current = language
        return True

    def _replace_translator(self, language: str) -> None:
        if self._translator is not None:
            QCoreApplication.removeTranslator(self._translator)
            self._translator = None
        translator = QTranslator()
        folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        if language != "en" and translator.load(f"qtbase_{language}", folder):
            QCoreApplication.installTranslator(translator)
            self._translator = translator
