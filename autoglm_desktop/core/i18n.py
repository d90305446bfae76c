"""Translation without Qt, shared by the window, the command line and the engine.

English source strings are the keys. `tr` translates now; `msg` makes a `Text` that is translated when it is
shown, so that errors and reasons can cross a process or rest in the store and still be read in either language.
Placeholders are named: ``tr("{count} tokens", count=12)``. Both calls take a *literal* first argument: a test reads
the sources for them and compares with ``resources/i18n/zh_CN.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_catalog: dict[str, str] = {}
_language = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence in source English with its parameters, translated by `str()` at the moment it is shown."""

    template: str
    params: dict[str, str | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        return _translated(self.template, self.params)

    def english(self) -> str:
        """The sentence in English, whatever the current language: for logs."""
        return _format(self.template, self.params)


def install(language: str, catalog: Mapping[str, str]) -> None:
    """Make `language` current; `catalog` maps English source strings to it (empty for English)."""
    global _language  # noqa: PLW0603 - one language per process, as with Qt's translators
    _language = language
    _catalog.clear()
    _catalog.update(catalog)


def language() -> str:
    """The current language: ``zh_CN`` or ``en``."""
    return _language


def tr(template: str, /, **params: str | int | float) -> str:
    """Translate a literal source string and fill in its named placeholders."""
    return _translated(template, params)


def msg(template: str, /, **params: str | int | float) -> Text:
    """A literal source string with its parameters, to be translated when it is shown."""
    return Text(template, params)


def _translated(template: str, params: Mapping[str, str | int | float]) -> str:
    """A translation whose placeholders are wrong must not cost the sentence: it is shown in English then."""
    try:
        return _format(_catalog.get(template, template), params)
    except (AttributeError, LookupError, ValueError):
        return _format(template, params)


def _format(template: str, params: Mapping[str, str | int | float]) -> str:
    return template.format(**params) if params else template
