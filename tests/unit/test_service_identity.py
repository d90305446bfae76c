"""Who answers: the product's own name brings its identity where no system message does; all else goes as it came."""

from __future__ import annotations

from typing import Any

import pytest

from autoglm_desktop.core.messages import Role
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID, Settings
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from autoglm_desktop.server.identity import PRODUCT, identity
from tests.helpers.services import ALIAS, InProcess, in_process

QUESTION: dict[str, Any] = {"role": "user", "content": "Write a random sentence"}
EMPTY_SYSTEMS: dict[str, Any] = {
    "nothing": "",
    "blanks": " \n\t",
    "no parts": [],
    "an empty part": [{"type": "text", "text": ""}],
    "blank parts": [{"type": "text", "text": " "}, {"type": "text", "text": "\n"}],
}


def asked(path: str, settings: Settings | None = None, **body: Any) -> list[tuple[Role, str]]:
    """What reached the engine."""
    engine = ScriptedEngine([Reply("Yes.")])
    with in_process(engine, settings) as ask:
        assert ask.post(path, json=body).status_code == 200
    return [(message.role, message.text) for message in engine.requests[0].messages]


def chatted(*messages: dict[str, Any], model: str = ALIAS, settings: Settings | None = None) -> list[tuple[Role, str]]:
    return asked("/v1/chat/completions", settings, model=model, messages=list(messages))


def responded(model: str = ALIAS, **body: Any) -> list[tuple[Role, str]]:
    return asked("/v1/responses", model=model, **body)


def test_the_models_own_name_brings_nothing() -> None:
    question = [(Role.USER, "Write a random sentence")]
    assert chatted(QUESTION, model=DEFAULT_MODEL_ID) == question
    assert chatted(QUESTION, model=DEFAULT_MODEL_ID.upper()) == question
    assert responded(DEFAULT_MODEL_ID, input="Write a random sentence") == question


def test_the_system_prompt_of_the_window_stays_in_the_window() -> None:
    settings = Settings(system_prompt="My name is Erika.")
    assert all("Erika" not in text for _, text in chatted(QUESTION, settings=settings))
    assert chatted(QUESTION, model=DEFAULT_MODEL_ID, settings=settings) == [(Role.USER, "Write a random sentence")]


@pytest.mark.parametrize("model", [ALIAS, DEFAULT_MODEL_ID])
@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize("content", EMPTY_SYSTEMS.values(), ids=EMPTY_SYSTEMS.keys())
def test_an_empty_system_message_means_none(model: str, role: str, content: Any) -> None:
    said = chatted({"role": role, "content": content}, QUESTION, model=model)
    assert said == [(Role.USER, "Write a random sentence")]


def test_empty_instructions_mean_none() -> None:
    assert responded(input="Hi", instructions="") == [(Role.USER, "Hi")]
    assert responded(input=[{"role": "developer", "content": ""}, {"role": "user", "content": "Hi"}]) == [
        (Role.USER, "Hi")
    ]


def test_a_system_message_goes_as_it_is() -> None:
    system = {"role": "system", "content": "Be brief. "}
    assert chatted(system, QUESTION) == [(Role.SYSTEM, "Be brief. "), (Role.USER, "Write a random sentence")]
    assert chatted(QUESTION, system) == [(Role.SYSTEM, "Be brief. "), (Role.USER, "Write a random sentence")]
    assert responded(input="Hi", instructions="Be brief.") == [(Role.SYSTEM, "Be brief."), (Role.USER, "Hi")]


@pytest.mark.parametrize("model", [ALIAS, "AutoGLM-Phone-9B"])
@pytest.mark.parametrize(("question", "words"), [("你是谁?", "你是 "), ("Who are you?", "You are ")])
def test_the_products_name_says_who_answers_in_the_language_of_the_question(
    model: str, question: str, words: str
) -> None:
    for said in (chatted({"role": "user", "content": question}, model=model), responded(model, input=question)):
        assert said[1:] == [(Role.USER, question)]
        role, text = said[0]
        assert role is Role.SYSTEM
        assert text.startswith(f"{words}{PRODUCT}")
        assert DEFAULT_MODEL_ID in text


@pytest.mark.parametrize(
    ("question", "is_chinese"),
    [
        ("你是谁?", True),
        ("请用 Python 写 hello world", True),
        ("Translate 你好 into English", True),
        ("Qui es-tu ?", False),
        ("あなたは誰ですか、日本語で", False),
        ("너는 누구니?", False),
        ("12 + 7", False),
        ("", False),
    ],
)
def test_chinese_questions_are_told_in_chinese_and_all_others_in_english(question: str, is_chinese: bool) -> None:
    assert identity("m", question).startswith("你是" if is_chinese else "You are")


def test_the_first_question_decides_for_the_whole_conversation() -> None:
    first = chatted({"role": "user", "content": "Who are you?"})
    later = chatted(
        {"role": "user", "content": "Who are you?"},
        {"role": "assistant", "content": "我是助手。"},
        {"role": "user", "content": "请说中文"},
    )
    assert later[: len(first)] == first


def test_later_turns_find_the_identity_in_the_cache() -> None:
    with in_process(ScriptedEngine([Reply("Hello."), Reply("Fine.")])) as ask:
        messages: list[dict[str, str]] = [{"role": "user", "content": "Who are you?"}]
        first = ask.chat(messages=messages).json()
        messages += [first["choices"][0]["message"], {"role": "user", "content": "你好吗?"}]
        usage = ask.chat(messages=messages).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] >= first["usage"]["prompt_tokens"]


@pytest.mark.parametrize("question", ["你是谁?", "Who are you?"])
def test_the_identity_says_who_and_not_how(question: str) -> None:
    text = identity("qwen3-0.6b", question)
    assert len(text) < 180
    assert not any(word in text.lower() for word in ("answer ", "please", "must", "brief", "请", "回答", "用中文"))


@pytest.mark.parametrize("question", ["你是谁?", "Who are you?"])
def test_the_phones_own_model_is_named_once(question: str) -> None:
    assert identity("autoglm-phone-9b", question).lower().count("autoglm") == 1


def test_the_list_of_models_says_which_name_brings_what(ask_models: InProcess) -> None:
    product, itself = ask_models.get("/v1/models").json()["data"]
    assert product["identity"] == {"en": identity(DEFAULT_MODEL_ID, "Hi"), "zh": identity(DEFAULT_MODEL_ID, "你好")}
    assert "without any system message" in product["description"]
    assert itself["identity"] is None
    assert "as they are" in itself["description"]
    assert ask_models.get(f"/v1/models/{DEFAULT_MODEL_ID}").json()["identity"] is None


@pytest.fixture
def ask_models() -> Any:
    with in_process(ScriptedEngine([])) as ask:
        yield ask
