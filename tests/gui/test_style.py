"""The look keeps its promises: readable text, written tiers, one table for both themes."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.ui.appearance import Appearance, figures_font, interface_font
from autoglm_desktop.ui.icons import icon, pixmap
from autoglm_desktop.ui.style import (
    DARK,
    LIGHT,
    MIN_CONTRAST,
    Theme,
    _tokens,
    contrast,
    high_contrast,
    ink_on,
    readable,
    stylesheet,
    tier_text,
)

THEMES = [LIGHT, DARK, high_contrast(LIGHT), high_contrast(DARK)]
COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06X}")


def test_contrast_is_the_one_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#FFFFFF", "#FFFFFF") == pytest.approx(1)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.478, abs=0.001)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_text_has_enough_contrast_on_every_surface(theme: Theme) -> None:
    for surface in (theme.background, theme.surface, theme.raised, theme.bubble, theme.selected):
        assert contrast(theme.text, surface) >= 7
    for surface in (theme.background, theme.surface, theme.raised):
        assert contrast(theme.muted, surface) >= MIN_CONTRAST
    tokens = _tokens(theme)
    assert contrast(tokens["caption_text"], theme.background) >= MIN_CONTRAST
    assert contrast(tokens["caption_text"], theme.raised) >= MIN_CONTRAST
    assert contrast(tokens["accent_text"], theme.selected) >= MIN_CONTRAST
    assert contrast(tokens["accent_link"], theme.surface) >= MIN_CONTRAST
    assert contrast(tokens["hot_text"], theme.surface) >= MIN_CONTRAST
    for wash in ("hot_wash", "notice_wash"):
        assert contrast(theme.text, tokens[wash]) >= MIN_CONTRAST
        assert contrast(theme.muted, tokens[wash]) >= MIN_CONTRAST


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_text_on_and_in_the_colours_is_readable(theme: Theme) -> None:
    for name in ("accent", "fp16", "int8", "int4", "hot"):
        color = getattr(theme, name)
        assert contrast(ink_on(color), color) >= MIN_CONTRAST
    for tier in Tier:
        assert contrast(tier_text(theme, tier), theme.surface) >= MIN_CONTRAST


@given(COLORS, COLORS)
def test_readable_always_reaches_the_contrast(color: str, surface: str) -> None:
    assert contrast(readable(color, surface), surface) >= MIN_CONTRAST
    if contrast(color, surface) >= MIN_CONTRAST:
        assert readable(color, surface) == color


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_the_style_sheet_is_complete(theme: Theme) -> None:
    sheet = stylesheet(theme)
    assert "$" not in sheet
    assert sheet.count("{") == sheet.count("}")


def test_the_themes_differ_in_every_colour_but_no_token_is_missing() -> None:
    same = {f.name for f in fields(Theme) if getattr(LIGHT, f.name) == getattr(DARK, f.name)}
    assert same == {"scale", "motion"}


def test_theme_and_size_switch_live(qtbot: QtBot, qapp: QApplication) -> None:
    look = Appearance(qapp, Settings(theme="light", language="en"))
    with qtbot.waitSignal(look.theme_changed) as caught:
        look.apply(Settings(theme="dark", language="en", font_scale=1.5))
    assert caught.args is not None
    assert caught.args[0].name == "dark"
    assert qapp.font().pixelSize() == 21
    look.apply(Settings(theme="light", language="en"))
    assert qapp.font().pixelSize() == 14


def test_fonts_fall_back_to_chinese_and_figures_have_equal_digits(qapp: QApplication) -> None:
    font = interface_font(LIGHT)
    assert font.pixelSize() == 14
    assert len(font.families()) >= 1
    assert figures_font(font).featureTags()


def test_icons_are_drawn_in_their_colour(qapp: QApplication) -> None:
    picture = pixmap("plus", "#C8413B", 16)
    image = picture.toImage()
    inked = [image.pixelColor(x, y) for x in range(16) for y in range(16) if image.pixelColor(x, y).alpha() > 100]
    assert inked
    for color in inked:
        assert abs(color.red() - 0xC8) + abs(color.green() - 0x41) + abs(color.blue() - 0x3B) < 12
    assert icon("plus", "#C8413B") is icon("plus", "#C8413B")
    with pytest.raises(KeyError):
        pixmap("no-such-icon", "#000000", 16)
