"""Streaming never changes the text: characters, stop strings and thoughts, however they are cut."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoglm_desktop.core.stops import StopScanner
from autoglm_desktop.core.thinking import ThoughtSplitter
from autoglm_desktop.engine.runtime.detokenize import Detokenizer
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from tests.helpers.tiny_model import write_tiny_model

TEXT = st.text(st.sampled_from("ab \n你好，世界。😀👩‍🚀é\u200d"), max_size=40)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> TokenizerBundle:
    return TokenizerBundle.load(write_tiny_model(Path(tmp_path_factory.mktemp("tiny"))))


@settings(max_examples=150, deadline=None)
@given(text=TEXT)
def test_deltas_join_to_the_text(bundle: TokenizerBundle, text: str) -> None:
    """Every token is one byte here, so every character beyond ASCII is cut."""
    detokenizer = Detokenizer(bundle)
    deltas = [detokenizer.feed(token) for token in bundle.encode(text)]
    assert "\ufffd" not in "".join(deltas)
    assert "".join(deltas) + detokenizer.finish() == text


@settings(max_examples=150, deadline=None)
@given(tokens=st.lists(st.integers(0, 257), max_size=40))
def test_any_tokens_join_to_their_decoding(bundle: TokenizerBundle, tokens: list[int]) -> None:
    """Bytes that are no text, and special tokens between them, which are left out; so is a cut character at the end."""
    detokenizer = Detokenizer(bundle)
    joined = "".join([detokenizer.feed(token) for token in tokens]) + detokenizer.finish()
    whole = bundle.tokenizer.decode(tokens, skip_special_tokens=True)
    assert whole.startswith(joined)
    assert set(whole[len(joined) :]) <= {"\ufffd"}


STOPS = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3)


@given(chunks=st.lists(st.text("ab\n", max_size=5), max_size=8), stops=STOPS)
def test_stop_strings_do_not_depend_on_the_cuts(chunks: list[str], stops: list[str]) -> None:
    scanner = StopScanner(stops)
    shown = "".join(scanner.feed(chunk) for chunk in chunks) + scanner.finish()
    expected, stopped = _stop_by_characters("".join(chunks), stops)
    assert (shown, scanner.stopped) == (expected, stopped)


@given(chunks=st.lists(st.text("ab\n", max_size=5), max_size=8), stops=STOPS)
def test_nothing_is_held_back_without_need(chunks: list[str], stops: list[str]) -> None:
    scanner = StopScanner(stops)
    shown = ""
    for n, chunk in enumerate(chunks, 1):
        shown += scanner.feed(chunk)
        held = "".join(chunks[:n])[len(shown) :]
        assert scanner.stopped or not held or any(stop.startswith(held) for stop in stops)


def _stop_by_characters(text: str, stops: list[str]) -> tuple[str, bool]:
    for end in range(1, len(text) + 1):
        lengths = [len(stop) for stop in stops if text[:end].endswith(stop)]
        if lengths:
            return text[: end - max(lengths)], True
    return text, False


PLAIN = st.text("ab<>/think \n", max_size=30).filter(lambda t: "<think>" not in t and "</think>" not in t)


@given(thought=PLAIN, answer=PLAIN, data=st.data())
def test_thoughts_are_told_apart_however_they_are_cut(thought: str, answer: str, data: st.DataObject) -> None:
    text = f"<think>{thought}</think>{answer}"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    bounds = [0, *cuts, len(text)]
    splitter = ThoughtSplitter(thinking=False)
    pieces = [p for a, b in pairwise(bounds) for p in splitter.feed(text[a:b])] + splitter.finish()
    assert all(piece.text for piece in pieces)
    assert "".join(p.text for p in pieces if p.reasoning) == thought.strip()
    assert "".join(p.text for p in pieces if not p.reasoning) == answer.lstrip()
