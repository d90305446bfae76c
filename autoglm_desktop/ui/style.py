"""The look as one table: colours of both themes, sizes, and the style sheet made from them.

Colours are ``#RRGGBB``. `readable` keeps the promise that text has a contrast of at least 4.5 (WCAG 2.2, 1.4.3),
also where a token's own colour is too pale to be read on the surface it stands on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from string import Template

from autoglm_desktop.assets import resource
from autoglm_desktop.core.precision import Tier

MIN_CONTRAST = 4.5
BODY_PX, SECONDARY_PX, CAPTION_PX, FIGURE_PX = 14, 12, 11, 17
SIDEBAR_PX, DOCK_PX, COLUMN_PX = 236, 348, 720


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one theme. `scale` multiplies every font size; `motion` False means no animation at all."""

    name: str
    dark: bool
    background: str
    surface: str
    raised: str
    line: str
    text: str
    muted: str
    faint: str
    accent: str
    fp16: str
    int8: str
    int4: str
    hot: str
    bubble: str
    """Behind the user's own messages."""
    selected: str
    """Behind the chosen row or segment."""
    scale: float = 1.0
    motion: bool = True

    def px(self, size: int) -> int:
        """A font size of the look in pixels, scaled."""
        return round(size * self.scale)


LIGHT = Theme(
    name="light",
    dark=False,
    background="#F5F6F8",
    surface="#FFFFFF",
    raised="#FFFFFF",
    line="#E2E5EA",
    text="#1A1D21",
    muted="#667080",
    faint="#98A1AE",
    accent="#2F6BE4",
    fp16="#3B6FE0",
    int8="#0F9D8A",
    int4="#C77D00",
    hot="#C8413B",
    bubble="#E8EDF8",
    selected="#E6EDFD",
)

DARK = Theme(
    name="dark",
    dark=True,
    background="#0F1216",
    surface="#161A20",
    raised="#1C2128",
    line="#2A3039",
    text="#E6E9ED",
    muted="#98A2B0",
    faint="#6B7583",
    accent="#7AA5FF",
    fp16="#7AA5FF",
    int8="#3CC7B3",
    int4="#F0B03F",
    hot="#FF7B72",
    bubble="#222A36",
    selected="#1B2947",
)


def high_contrast(theme: Theme) -> Theme:
    """The theme for a system that asks for more contrast: full text colour, visible lines."""
    ink = "#FFFFFF" if theme.dark else "#000000"
    return replace(theme, name=f"{theme.name}-high-contrast", text=ink, muted=ink, faint=theme.muted, line=theme.muted)


def tier_color(theme: Theme, tier: Tier) -> str:
    """The colour of a tier for fills, borders and plots; for words use `tier_text`."""
    return {Tier.FP16: theme.fp16, Tier.INT8: theme.int8, Tier.INT4: theme.int4}[tier]


def tier_text(theme: Theme, tier: Tier) -> str:
    """The colour of a tier's name on a surface, readable."""
    return readable(tier_color(theme, tier), theme.surface)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@lru_cache(maxsize=1024)
def mix(color: str, other: str, share: float) -> str:
    """`color` with `share` (0 to 1) of `other` in it."""
    pairs = zip(_rgb(color), _rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


@lru_cache(maxsize=1024)
def readable(color: str, on: str, *, least: float = MIN_CONTRAST) -> str:
    """`color`, moved towards black or white as little as gives a contrast of `least` on the colour `on`."""
    ends = ("#000000", "#FFFFFF")
    end = max(ends, key=lambda candidate: contrast(candidate, on))
    for step in range(21):
        candidate = mix(color, end, step / 20)
        if contrast(candidate, on) >= least:
            return candidate
    return end


@lru_cache(maxsize=256)
def ink_on(fill: str) -> str:
    """Black or white, whichever is easier to read on `fill`; one of them always reaches 4.5."""
    return max("#FFFFFF", "#000000", key=lambda ink: contrast(ink, fill))


def stylesheet(theme: Theme) -> str:
    """The style sheet of the application, from ``resources/qss/app.qss`` and the tokens."""
    return _sheet("qss/app.qss", theme)


def kiosk_stylesheet(theme: Theme) -> str:
    """What the kiosk's window adds to it, from ``resources/qss/kiosk.qss``."""
    return _sheet("qss/kiosk.qss", theme)


def _sheet(name: str, theme: Theme) -> str:
    return Template(resource(name).read_text(encoding="utf-8")).substitute(_tokens(theme))


def _tokens(theme: Theme) -> dict[str, str]:
    colors = {field.name: str(getattr(theme, field.name)) for field in fields(theme)}
    sizes = {
        "body": theme.px(BODY_PX),
        "secondary": theme.px(SECONDARY_PX),
        "caption": theme.px(CAPTION_PX),
        "figure": theme.px(FIGURE_PX),
        "title": theme.px(24),
    }
    return (
        colors
        | {name: f"{size}px" for name, size in sizes.items()}
        | {
            "accent_text": readable(theme.accent, theme.selected),
            "icons": resource("icons").as_posix(),
            "shade": "dark" if theme.dark else "light",
            "accent_link": readable(theme.accent, theme.surface),
            "accent_hover": mix(theme.accent, theme.text, 0.12),
            "hot_text": readable(theme.hot, theme.surface),
            "hot_wash": mix(theme.surface, theme.hot, 0.05),
            "notice_wash": mix(theme.surface, theme.accent, 0.05),
            "hover": mix(theme.background, theme.text, 0.05),
            "caption_text": readable(readable(theme.faint, theme.raised), theme.background),
            "sel_text": ink_on(theme.accent),
        }
    )


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = _rgb(color)
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
