"""Translation: now or when shown, never a crash for a translator's slip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autoglm_desktop.core import i18n
from autoglm_desktop.core.i18n import Text, install, language, msg, tr


@pytest.fixture(autouse=True)
def restored_language() -> Iterator[None]:
    before, catalog = language(), dict(i18n._catalog)
    yield
    install(before, catalog)


def test_english_is_the_source() -> None:
    install("en", {})
    assert tr("Hello {name}", name="Ann") == "Hello Ann"
    assert str(msg("{count} tokens", count=12)) == "12 tokens"


def test_a_sentence_is_translated_when_it_is_shown_not_when_it_is_made() -> None:
    install("en", {})
    sentence = msg("{count} tokens", count=12)
    install("zh_CN", {"{count} tokens": "{count} 个词元"})
    assert str(sentence) == "12 个词元"
    assert sentence.english() == "12 tokens"
    assert tr("{count} tokens", count=3) == "3 个词元"
    assert language() == "zh_CN"


def test_what_has_no_translation_is_english() -> None:
    install("zh_CN", {})
    assert tr("Hello") == "Hello"
    assert str(msg("Hello {x}", x=1)) == "Hello 1"


def test_braces_without_parameters_are_just_text() -> None:
    assert tr("a {brace} stays") == "a {brace} stays"
    assert str(msg("{")) == "{"


def test_installing_replaces_the_catalogue() -> None:
    install("zh_CN", {"Hello": "你好"})
    assert tr("Hello") == "你好"
    install("en", {})
    assert tr("Hello") == "Hello"


def test_a_parameter_is_never_read_as_a_template() -> None:
    assert tr("{text}", text="{other}") == "{other}"


@pytest.mark.parametrize("translation", ["{wrong} 个", "{count 个", "{0} 个", "{count.real.x} 个"])
def test_a_broken_translation_falls_back_to_english(translation: str) -> None:
    install("zh_CN", {"{count} tokens": translation})
    assert tr("{count} tokens", count=3) == "3 tokens"
    assert str(msg("{count} tokens", count=3)) == "3 tokens"


def test_sentences_compare_by_what_they_say() -> None:
    assert msg("{a}", a=1) == Text("{a}", {"a": 1})
    assert msg("{a}", a=1) != msg("{a}", a=2)
