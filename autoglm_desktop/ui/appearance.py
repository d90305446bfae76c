"""Theme, fonts and language of the running application, switched live; widgets listen to its two signals."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QStyle

from autoglm_desktop.core.settings import Settings

from .language import Languages
from .style import BODY_PX, DARK, LIGHT, Theme, high_contrast, ink_on, mix, stylesheet

_BARE_FAMILIES = {"", "Sans", "Sans Serif", "DejaVu Sans", "Helvetica", "Bitstream Vera Sans"}
"""What Qt answers on a desktop that names no interface font."""
_PLEASANT = ("Inter", "Noto Sans", "Ubuntu", "Cantarell", "Noto Sans CJK SC")
_CJK = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
)


class Appearance(QObject):
    """Applies the look of the settings to the application. All methods run on the GUI thread."""

    theme_changed = Signal(object)
    language_changed = Signal()

    def __init__(self, app: QApplication, settings: Settings) -> None:
        super().__init__()
        self._app = app
        self._settings = settings
        self._hints = app.styleHints()  # PySide forgets the accessibility hints with the wrapper they came from
        self._languages = Languages()
        self._languages.install(settings.language)
        self.theme = self._wanted_theme()
        app.setStyle("Fusion")
        self._apply_theme()
        self._hints.colorSchemeChanged.connect(self._system_changed)
        self._hints.accessibility().contrastPreferenceChanged.connect(self._system_changed)

    @property
    def font(self) -> QFont:
        """The interface font at body size."""
        return self._app.font()

    def apply(self, settings: Settings) -> None:
        """Switch to the language, theme and font size of `settings`, as far as they differ."""
        self._settings = settings
        self._system_changed()
        if self._languages.install(settings.language):
            self.language_changed.emit()

    def _system_changed(self, *_: object) -> None:
        theme = self._wanted_theme()
        if theme != self.theme:
            self.theme = theme
            self._apply_theme()
            self.theme_changed.emit(theme)

    def _wanted_theme(self) -> Theme:
        hints = self._hints
        dark = self._settings.theme == "dark"
        if self._settings.theme == "system":
            dark = hints.colorScheme() == Qt.ColorScheme.Dark
        theme = DARK if dark else LIGHT
        if hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast:
            theme = high_contrast(theme)
        return replace(theme, scale=self._settings.font_scale, motion=self._system_animates())

    def _system_animates(self) -> bool:
        duration = self._app.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration)
        return duration > 0 and self._app.isEffectEnabled(Qt.UIEffect.UI_General)

    def _apply_theme(self) -> None:
        self._app.setFont(interface_font(self.theme))
        self._app.setPalette(palette(self.theme))
        self._app.setStyleSheet(stylesheet(self.theme))


def interface_font(theme: Theme) -> QFont:
    """The system's interface font at the size of the look, with a Chinese fallback behind it."""
    family = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()
    installed = set(QFontDatabase.families())
    if family in _BARE_FAMILIES:
        family = next((name for name in _PLEASANT if name in installed), family)
    font = QFont([family, *(name for name in _CJK if name in installed)])
    font.setPixelSize(theme.px(BODY_PX))
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)  # Chinese strokes thicken on the pixel grid
    return font


def figures_font(font: QFont) -> QFont:
    """The font with digits of equal width, for numbers that change or are compared."""
    tabular = QFont(font)
    tabular.setFeature(QFont.Tag("tnum"), 1)
    return tabular


def palette(theme: Theme) -> QPalette:
    """The theme as a palette, for what the style sheet does not reach (file dialogs, links, selections)."""
    made = QPalette()
    role = QPalette.ColorRole
    for target, color in (
        (role.Window, theme.surface),
        (role.Base, theme.raised),
        (role.AlternateBase, theme.background),
        (role.Button, theme.raised),
        (role.ToolTipBase, theme.raised),
        (role.Highlight, theme.accent),
        (role.HighlightedText, ink_on(theme.accent)),
        (role.Link, theme.accent),
        (role.PlaceholderText, mix(theme.muted, theme.surface, 0.1)),
        (role.Mid, theme.line),
    ):
        made.setColor(target, QColor(color))
    for target in (role.WindowText, role.Text, role.ButtonText, role.ToolTipText, role.BrightText):
        made.setColor(target, QColor(theme.text))
        made.setColor(QPalette.ColorGroup.Disabled, target, QColor(theme.faint))
    return made
