"""Whatever a file says of the mark that its template closes turns with, an answer ends there and is shown whole."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.messages import Message, Role
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from autoglm_desktop.templates.marks import is_inner
from autoglm_desktop.templates.template import ChatTemplate
from tests.helpers.byte_tokenizer import bundle_of, byte_tokenizer
from tests.helpers.scripted_decoder import ScriptedDecoder, asking, run

MARK = st.from_regex(r"<\|?[a-z_]{3,12}\|?>", fullmatch=True).filter(lambda mark: not is_inner(mark))
TYPES = st.sampled_from(["control", "user_defined", "normal", "none"])
ANSWER = st.text("ab你。!<| \n", min_size=1, max_size=20).filter(lambda text: text == text.strip())
BOS = "<s>"


def template(opening: str, closing: str, before: str = "") -> str:
    return (
        f"{before}{{% for m in messages %}}{opening}{{{{ m.role }}}}\n{{{{ m.content }}}}{closing}\n{{% endfor %}}"
        f"{opening}assistant\n"
    )


def tokenizer_with(kind: str, *marks: str) -> Tokenizer:
    if kind == "normal":
        return byte_tokenizer((), words=marks)
    return byte_tokenizer(() if kind == "none" else [AddedToken(m, special=kind == "control") for m in marks])


def spelled(tokenizer: Tokenizer, mark: str) -> list[int]:
    known = tokenizer.token_to_id(mark)
    return list(tokenizer.encode(mark).ids) if known is None else [known]


@settings(max_examples=150, deadline=None)
@given(opening=MARK, closing=MARK, kind=TYPES, answer=ANSWER, named=st.lists(st.integers(0, 2**40), max_size=2))
def test_an_answer_ends_at_the_closing_mark(
    opening: str, closing: str, kind: str, answer: str, named: list[int]
) -> None:
    assume(opening not in closing and closing not in opening and closing not in answer)
    tokenizer = tokenizer_with(kind, opening, closing)
    bundle = bundle_of(template(opening, closing), tokenizer)
    script = [*tokenizer.encode(answer).ids, *spelled(tokenizer, closing), *tokenizer.encode("\nuser\n").ids]
    said = run(bundle, ScriptedDecoder(tokenizer.get_vocab_size(), script, named), asking())
    assert (said.reason, said.text) == (FinishReason.STOP, answer)


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(["control", "user_defined", "normal"]), own=st.booleans(), said=ANSWER | st.just(BOS))
def test_a_wanted_bos_is_there_exactly_once(kind: str, own: bool, said: str) -> None:
    tokenizer = tokenizer_with(kind, "<|a|>", "<|b|>", BOS)
    bos = tokenizer.token_to_id(BOS)
    assert bos is not None
    made = ChatTemplate(template("<|a|>", "<|b|>", "{{ bos_token }}" if own else ""), {"bos_token": BOS})
    bundle = TokenizerBundle(tokenizer, made, BOS)
    tokens = bundle.encode(bundle.prompt([Message.of(Role.USER, said)], think=False).text)
    assert (tokens[0], tokens.count(bos)) == (bos, 1)
