"""The state machine between reasoning and answer."""

from __future__ import annotations

from autoglm_desktop.core.thinking import Piece, ThoughtSplitter


def split(*chunks: str, thinking: bool = False) -> list[tuple[bool, str]]:
    splitter = ThoughtSplitter(thinking=thinking)
    pieces = [piece for chunk in chunks for piece in splitter.feed(chunk)] + splitter.finish()
    return [(piece.reasoning, piece.text) for piece in pieces]


def test_plain_text_passes_untouched() -> None:
    assert split(" 1 < 2", "\n") == [(False, " 1 < 2"), (False, "\n")]


def test_a_mark_in_the_middle_of_an_answer_is_text() -> None:
    assert split("Use <think>", " here </think>") == [(False, "Use <think>"), (False, " here </think>")]


def test_the_prompt_may_have_opened_the_thought() -> None:
    assert split("Hm.", "\n</th", "ink>\n\n", "Four.", thinking=True) == [(True, "Hm."), (False, "Four.")]


def test_an_empty_thought_shows_nothing() -> None:
    assert split("<think>\n\n</think>\n\nYes") == [(False, "Yes")]


def test_what_only_looks_like_a_mark_is_shown() -> None:
    assert split("<thin", "g>") == [(False, "<thing>")]
    assert split("<thi") == [(False, "<thi")]
    assert split("a </thin", "g>", thinking=True) == [(True, "a"), (True, " </thing>")]


def test_closing_from_outside() -> None:
    splitter = ThoughtSplitter(thinking=True)
    assert splitter.feed("long </th") == [Piece("long", reasoning=True)]
    assert splitter.close() == []
    assert not splitter.in_thought()
    assert splitter.feed("\nAnswer") == [Piece("Answer", reasoning=False)]


def test_a_thought_without_an_answer() -> None:
    assert split("only this", thinking=True) == [(True, "only this")]


def test_a_mark_that_the_model_adds_to_ours_is_dropped() -> None:
    assert split("<thi", "nk>\nhm</think>yes", thinking=True) == [(True, "hm"), (False, "yes")]
    assert split("<think>a</think>\n<thi", "nk>b") == [(True, "a"), (False, "b")]
