"""Whatever is put in and dropped, the cache stays within its bounds and gives back what was put in last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.assistant.answer_cache import AnswerCache
from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.messages import Message, ModelRef, Role, TextPart, TurnRequest
from autoglm_desktop.core.precision import Tier
from tests.helpers.manual_engine import usage

MAX_ANSWERS, MAX_CHARACTERS = 4, 60
_KEEP = st.tuples(
    st.just("keep"), st.sampled_from("abcdef"), st.integers(1, 80), st.sampled_from(["c1", "c2"]), st.booleans()
)
_FORGET = st.tuples(st.just("forget"), st.sampled_from(["c1", "c2"]))
_STEPS = st.lists(st.one_of(_KEEP, _FORGET), max_size=60)


def _request(text: str) -> TurnRequest:
    return TurnRequest("t", ModelRef("m", "/m"), (Message.of(Role.USER, text),), Tier.INT8)


def _answer(text: str, conversation_id: str) -> Node:
    return Node(
        "n", conversation_id, None, Role.ASSISTANT, (TextPart(text),), 1.0, usage=usage(), finish=FinishReason.STOP
    )


@given(_STEPS)
def test_bounds_hold_and_the_newest_answer_is_the_one_found(steps: list[tuple[object, ...]]) -> None:
    cache = AnswerCache(max_answers=MAX_ANSWERS, max_characters=MAX_CHARACTERS)
    model: dict[tuple[str | None, str], tuple[str, str]] = {}
    for step in steps:
        match step:
            case ("keep", str(question), int(length), str(conversation), bool(private)):
                text = question * length
                cache.keep(_request(question), _answer(text, conversation), private=private)
                if length + 1 <= MAX_CHARACTERS:
                    model[conversation if private else None, question] = (text, conversation)
                    newest = cache.find(_request(question), conversation)
                    assert newest is not None
                    assert newest.text == text or not private
            case ("forget", str(conversation)):
                cache.forget(conversation)
                model = {key: value for key, value in model.items() if value[1] != conversation}
        assert len(cache) <= MAX_ANSWERS
        assert 0 <= cache.characters <= MAX_CHARACTERS
        for question in "abcdef":
            for conversation in ("c1", "c2", "c3"):
                found = cache.find(_request(question), conversation)
                allowed = [model[key] for key in ((conversation, question), (None, question)) if key in model]
                assert found is None or found.text in {text for text, _ in allowed}
