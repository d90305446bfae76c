"""Chat completions over HTTP: what comes back, what reaches the engine, what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from tests.helpers.energy_services import Clock, service_at
from tests.helpers.services import ALIAS, events_of, in_process, text_of

THOUGHTFUL = Reply("Four, I think.", reasoning="Two and two make four.")


def failure(code: ErrorCode) -> ErrorReport:
    return ErrorReport(code, msg("It went wrong."), msg("Do something else."), "/secret/path")


def test_a_completion_has_openais_shape_and_says_what_it_cost() -> None:
    with in_process(ScriptedEngine([Reply("Hello there.")])) as ask:
        answer = ask.chat()
    body = answer.json()
    assert answer.status_code == 200
    assert body["object"] == "chat.completion"
    assert body["model"] == ALIAS
    assert body["choices"][0]["message"]["content"] == "Hello there."
    assert body["choices"][0]["message"]["role"] == "assistant"
    assert body["choices"][0]["finish_reason"] == "stop"
    usage = body["usage"]
    assert usage["completion_tokens"] == 3
    assert usage["total_tokens"] == usage["prompt_tokens"] + 3
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0
    assert usage["energy"]["label"] in {"simulated", "estimated", "measured"}
    assert usage["energy"]["joules"] > 0
    assert usage["energy"]["tier"] in {"fp16", "int8", "int4"}
    assert answer.headers["X-Queue-Position"] == "0"


def test_a_stream_is_a_role_deltas_a_finish_usage_and_an_end() -> None:
    with in_process(ScriptedEngine([Reply("One two.")])) as ask:
        answer = ask.chat(stream=True, stream_options={"include_usage": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")
    events = events_of(answer.text)
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text_of(events) == "One two."
    assert [e["choices"][0]["finish_reason"] for e in events if e["choices"]][-2:] == [None, "stop"]
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] == 3
    assert all(event["usage"] is None for event in events[:-1])
    assert len({event["id"] for event in events}) == 1


def test_without_include_usage_no_chunk_speaks_of_it() -> None:
    with in_process(ScriptedEngine([Reply("One.")])) as ask:
        events = events_of(ask.chat(stream=True).text)
    assert all("usage" not in event for event in events)
    assert events[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("fields", "thinks"),
    [
        ({}, False),
        ({"enable_thinking": True}, True),
        ({"enable_thinking": True, "return_reasoning": True}, True),
        ({"chat_template_kwargs": {"enable_thinking": True}}, True),
        ({"chat_template_kwargs": {"thinking": True}}, True),
        ({"thinking": {"type": "enabled"}}, True),
        ({"thinking": {"type": "disabled"}}, False),
        ({"reasoning_effort": "high"}, True),
        ({"reasoning_effort": "none"}, False),
        ({"enable_thinking": False, "thinking": {"type": "enabled"}}, False),
    ],
)
def test_every_way_to_ask_for_thinking(fields: dict[str, Any], thinks: bool) -> None:
    engine = ScriptedEngine([THOUGHTFUL])
    with in_process(engine) as ask:
        message = ask.chat(**fields).json()["choices"][0]["message"]
    assert engine.requests[0].think is thinks
    assert message["content"] == "Four, I think."
    expected = "Two and two make four." if thinks else None
    assert message.get("reasoning_content") == expected
    assert message.get("reasoning") == expected


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_goes_where_it_is_asked_for(stream: bool) -> None:
    def content(**fields: Any) -> tuple[str, str]:
        with in_process(ScriptedEngine([THOUGHTFUL])) as ask:
            answer = ask.chat(enable_thinking=True, stream=stream, **fields)
        if stream:
            events = events_of(answer.text)
            return text_of(events), text_of(events, "reasoning_content")
        message = answer.json()["choices"][0]["message"]
        return message["content"], message.get("reasoning_content") or ""

    thought, said = "Two and two make four.", "Four, I think."
    assert content() == (said, thought)
    assert content(reasoning_format="raw") == (f"<think>\n{thought}\n</think>\n\n{said}", "")
    assert content(reasoning_format="hidden") == (said, "")
    assert content(return_reasoning=False) == (said, "")
    assert content(include_reasoning=False) == (said, "")


def test_reasoning_tokens_are_counted_and_bounded_by_the_budget() -> None:
    engine = ScriptedEngine([THOUGHTFUL])
    with in_process(engine) as ask:
        usage = ask.chat(thinking={"type": "enabled", "budget_tokens": 3}).json()["usage"]
    assert engine.requests[0].thinking_budget_tokens == 3
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 3


def test_sampling_limits_and_stops_reach_the_engine() -> None:
    engine = ScriptedEngine([Reply("a b c d e")])
    with in_process(engine) as ask:
        answer = ask.chat(
            temperature=0.5, top_p=0.8, top_k=40, min_p=0.05, frequency_penalty=0.2, presence_penalty=-0.5,
            repetition_penalty=1.1, seed=7, max_tokens=100, max_completion_tokens=3, stop=["END", "END", ""],
        )  # fmt: skip
    request = engine.requests[0]
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p) == (0.5, 0.8, 40, 0.05)
    assert (sampling.frequency_penalty, sampling.presence_penalty, sampling.repetition_penalty) == (0.2, -0.5, 1.1)
    assert (sampling.seed, request.max_tokens, request.stop) == (7, 3, ("END",))
    assert answer.json()["choices"][0]["finish_reason"] == "length"


def test_what_is_not_said_is_as_the_settings_say() -> None:
    engine = ScriptedEngine([Reply("Yes.")])
    with in_process(engine, Settings(temperature=0.3, top_p=0.6)) as ask:
        ask.chat()
    request = engine.requests[0]
    assert (request.sampling.temperature, request.sampling.top_p) == (0.3, 0.6)


def test_messages_of_one_role_become_one_and_the_systems_words_come_first() -> None:
    engine = ScriptedEngine([Reply("Yes.")])
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": "three", "name": "Ann"},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": "four"},
        {"role": "user", "content": "five"},
    ]
    with in_process(engine) as ask:
        assert ask.chat(messages=messages).status_code == 200
    told = [(message.role.value, message.text) for message in engine.requests[0].messages]
    assert told == [
        ("system", "Be kind."),
        ("user", "one\ntwo\n\nthree"),
        ("assistant", "four"),
        ("user", "five"),
    ]


def test_a_conversation_without_a_session_reuses_what_was_read() -> None:
    with in_process(ScriptedEngine([Reply("Hello."), Reply("Fine.")])) as ask:
        messages: list[dict[str, str]] = [{"role": "user", "content": "Good morning to you"}]
        first = ask.chat(messages=messages).json()
        messages += [
            {"role": "assistant", "content": first["choices"][0]["message"]["content"]},
            {"role": "user", "content": "How are you?"},
        ]
        usage = ask.chat(messages=messages).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] >= first["usage"]["prompt_tokens"]


def test_the_answer_is_a_line_of_the_ledger_without_a_conversation() -> None:
    with in_process(ScriptedEngine([Reply("Hello.")])) as ask:
        ask.chat()
        turns = ask.assistant.ledger.turns()
        assert ask.assistant.conversations() == []
    assert len(turns) == 1
    assert turns[0].tokens == 1
    assert turns[0].phone_j > 0
    assert turns[0].conversation_id is None


def test_in_heat_answers_are_capped_and_identical_ones_come_from_the_cache() -> None:
    settings = Settings(policy="guide", service_phone_control=True)
    engine = ScriptedEngine([Reply("word " * 100)])
    with in_process(engine, settings, energy=service_at(Clock(), settings)) as ask:
        changed = ask("PUT", "/v1/energy/phone", json={"soc_temperature_c": 70}).json()
        assert changed["decision"]["max_new_tokens"] == 64
        first, second = (ask.chat(max_tokens=500, seed=1).json() for _ in range(2))
    assert len(engine.requests) == 1
    assert first["usage"]["completion_tokens"] == 64
    assert first["choices"][0]["finish_reason"] == "length"
    assert first["usage"]["energy"]["max_new_tokens"] == 64
    assert second["choices"] == first["choices"]
    assert second["usage"]["energy"]["from_cache"] is True
    assert second["usage"]["energy"]["joules"] == 0


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        (ErrorCode.CONTEXT_FULL, 400, "context_length_exceeded"),
        (ErrorCode.OUT_OF_MEMORY, 503, "out_of_memory"),
        (ErrorCode.ENGINE_DIED, 500, "engine_died"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_fails_before_the_first_word_has_its_own_status(
    code: ErrorCode, status: int, name: str, stream: bool
) -> None:
    with in_process(ScriptedEngine([Reply(load_error=failure(code))])) as ask:
        answer = ask.chat(stream=stream)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == name
    assert "/secret" not in answer.text


def test_what_fails_in_mid_stream_is_an_event() -> None:
    with in_process(ScriptedEngine([Reply("Half an", error=failure(ErrorCode.ENGINE_DIED))])) as ask:
        answer = ask.chat(stream=True)
        whole = ask.chat()
    events = events_of(answer.text)
    assert text_of([event for event in events if "choices" in event]) == "Half an"
    assert events[-1]["error"]["code"] == "engine_died"
    assert "[DONE]" not in answer.text
    assert whole.status_code == 500


def test_models_tell_which_weights_stand_behind_the_name() -> None:
    engine = ScriptedEngine([Reply("Hello.")])
    with in_process(engine) as ask:
        model_id = ask.settings.model_id
        assert [card["id"] for card in ask.get("/v1/models").json()["data"]] == [ALIAS, model_id]
        assert ask.get(f"/v1/models/{ALIAS}").json()["weights"]["loaded"] is False
        ask.chat()
        card = ask.get(f"/v1/models/{model_id}").json()
        assert card["weights"]["id"] == model_id
        assert card["weights"]["loaded"] is True
        assert card["weights"]["tier"] in {"fp16", "int8", "int4"}
        assert ask.get("/v1/models/gpt-9").status_code == 404
        assert ask.chat(model=model_id).status_code == 200
        assert ask.chat(model="AutoGLM-Phone-9B").status_code == 200


def test_the_phone_can_be_read_and_set() -> None:
    with in_process(ScriptedEngine([Reply("Hello.")]), Settings(service_phone_control=True)) as ask:
        assert ask.get("/v1/energy").json()["phone"]["label"] == "simulated"
        page = ask("PUT", "/v1/energy/phone", json={"battery": 0.2, "ambient_c": 35, "plugged": False}).json()
        assert page["phone"]["battery"] == pytest.approx(0.2, abs=1e-3)
        assert page["phone"]["ambient_c"] == 35
        assert page["decision"]["tier"] == "int4"
        assert page["decision"]["reasons"]
        assert all(value["label"] for name, value in page["computer"].items() if name != "charging")
        assert ask.chat().json()["usage"]["energy"]["tier"] == "int4"
        assert ask("PUT", "/v1/energy/phone", json={"battery": 1.5}).status_code == 400


def test_metrics_count_requests_tokens_and_joules() -> None:
    with in_process(ScriptedEngine([Reply("Hello there.")])) as ask:
        ask.chat()
        ask.get("/no/such/path")
        page = ask.get("/metrics")
        assert page.headers["content-type"].startswith("text/plain")
        assert "autoglm_phone_battery" in page.text
        assert 'autoglm_tokens_total{kind="completion"} 3.0' in page.text
        assert 'autoglm_joules_total{label="simulated",of="phone"}' in page.text
        assert 'autoglm_http_requests_total{route="/v1/chat/completions",status="200"} 1.0' in page.text
        assert 'autoglm_http_requests_total{route="other",status="404"} 1.0' in page.text
        assert "autoglm_in_line 0.0" in page.text
        assert ask.get("/health").json()["status"] == "ok"
