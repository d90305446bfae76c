"""How text of a certain style looks: the character formats of paragraphs, headings and cells."""

from __future__ import annotations

from PySide6.QtGui import QColor, QTextCharFormat

from .blocks import Mark, Span
from .look import MAX_FORMATS, Look

HEADING_PX = {0: 14, 1: 20, 2: 18, 3: 16, 4: 15, 5: 14, 6: 14}
"""Sizes of headings by their level; 0 is a paragraph."""


def char_format(look: Look, span: Span, level: int, color: str) -> QTextCharFormat:
    """The format of a piece of text in a paragraph (level 0) or heading."""
    key = (span.mark, span.href, level, color)
    if key not in look.formats:
        if len(look.formats) >= MAX_FORMATS:
            look.formats.clear()
        look.formats[key] = _make_format(look, span, level, color)
    return look.formats[key]


def _make_format(look: Look, span: Span, level: int, color: str) -> QTextCharFormat:
    form = QTextCharFormat()
    mark = span.mark
    mono = mark & (Mark.CODE | Mark.MATH)
    form.setFont(look.mono(HEADING_PX[level] - 1) if mono else look.font(HEADING_PX[level], bold=level > 0))
    form.setForeground(QColor(color))
    if mark & Mark.BOLD:
        form.setFontWeight(600)
    form.setFontItalic(bool(mark & Mark.ITALIC))
    form.setFontStrikeOut(bool(mark & Mark.STRIKE))
    if mark & (Mark.LOWERED | Mark.RAISED):
        align = QTextCharFormat.VerticalAlignment
        form.setVerticalAlignment(align.AlignSubScript if mark & Mark.LOWERED else align.AlignSuperScript)
    if mark & Mark.CODE:
        form.setBackground(QColor(look.wash))
    if mark & Mark.MATH:
        form.setForeground(look.ink(look.theme.muted))
    if span.href:
        form.setAnchor(True)
        form.setAnchorHref(span.href)
        form.setForeground(look.link)
        form.setFontUnderline(True)
    return form
