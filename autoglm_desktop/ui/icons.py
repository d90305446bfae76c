"""Icons of one family (Phosphor, as the qtawesome package ships it), drawn from its font.

The font and its table of names are read from the installed package without importing its code: that import takes as
long as all of Qt's, and the window has one second.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPainter, QPixmap

SIZE_PX = 18
_RATIOS = (1.0, 2.0)


@cache
def icon(name: str, color: str, disabled: str | None = None) -> QIcon:
    """The icon `name` of Phosphor (``plus``, ``stop-fill``) in `color` (``#RRGGBB``); `disabled` greys it out.

    Raises KeyError for a name that the family lacks. Needs a running QGuiApplication.
    """
    made = QIcon()
    for ratio in _RATIOS:
        for mode, ink in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, disabled or color)):
            made.addPixmap(pixmap(name, ink, SIZE_PX, ratio), mode)
    return made


def pixmap(name: str, color: str, size_px: int, ratio: float = 1.0) -> QPixmap:
    """The icon as a picture of `size_px` logical pixels for a screen with `ratio` pixels to each of them."""
    family, glyphs = _font()
    glyph = glyphs[name]
    picture = QPixmap(round(size_px * ratio), round(size_px * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    font = QFont(family)
    font.setPixelSize(size_px)
    painter.setFont(font)
    painter.setPen(QColor(color))
    painter.drawText(QRectF(0, 0, size_px, size_px), Qt.AlignmentFlag.AlignCenter, glyph)
    painter.end()
    return picture


@cache
def _font() -> tuple[str, dict[str, str]]:
    spec = find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("qtawesome is not installed")
    fonts = Path(spec.origin).parent / "fonts"
    number = QFontDatabase.addApplicationFont(str(next(fonts.glob("phosphor-*.ttf"))))
    table: dict[str, str] = json.loads(next(fonts.glob("phosphor-charmap-*.json")).read_text(encoding="utf-8"))
    glyphs = {name: chr(int(code, 16)) for name, code in table.items()}
    return QFontDatabase.applicationFontFamilies(number)[0], glyphs
