"""Fields that clients know from elsewhere and this service does not do: refused by name, never ignored with a 200.

A field stands here when leaving it out would change the answer. Values that ask for nothing pass, so do hints that a
service may follow or not (``user``, ``metadata``, ``service_tier``, ``prompt_cache_key``, ``verbosity`` …), and keys
that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Refused

_SHORT = 20
EMPTY: tuple[object, ...] = (None, False, 0, "", [], {})
"""What asks for nothing in most fields."""


def _is_text(value: object) -> bool:
    return value in EMPTY or (isinstance(value, Mapping) and value.get("type") == "text")


def _among(*harmless: object) -> Callable[[object], bool]:
    return lambda value: value is None or value in harmless


def _only(*harmless: str) -> Callable[[object], bool]:
    """A list of nothing but these words."""
    return lambda value: value in EMPTY or (isinstance(value, list) and all(item in harmless for item in value))


def _is_zero(value: object) -> bool:
    """A number, which forms write as text."""
    try:
        return value in EMPTY or float(str(value)) == 0.0
    except ValueError:
        return False


def _lacks_log_probabilities(value: object) -> bool:
    return "logprobs" not in str(value)


def _asks_for_nothing(value: object) -> bool:
    return value in EMPTY


@dataclass(frozen=True, slots=True)
class Field:
    """A field that is not done. `passes` says which values ask for nothing; `instead` is what a client can do.

    `unless`: another field and the value of it that takes this one's force away.
    """

    instead: str
    passes: Callable[[object], bool] = _asks_for_nothing
    unless: tuple[str, str] | None = None


Fields = Mapping[str, Field]

_FORMAT = "ask for the format in the messages and check the answer"
_SCHEMA = Field(_FORMAT, _among("", False, []))  # an empty schema still asks for JSON
_SAMPLER = "the sampler knows temperature, top_p, top_k, min_p and the penalties"
_NO_TOOLS = 'this model does not call tools; leave them out or send tool_choice "none"'
_ONE_ANSWER = "send the request again for another answer"
_LOGPROBS = "no log probabilities are returned; leave it out"
_NEW_TURN = "an answer is always a new turn of the assistant; ask for the rest in a message of the user"
_TEXT_ONLY = "answers are text"
_NO_SEARCH = "this service searches nothing; put what was found into the messages"
_CHOSEN_FOR_ALL = "the precision is chosen for the whole service, in its settings or by the energy governor"
_NOTHING_STORED = "nothing is stored here; send the whole conversation"


def _same(field: Field, *names: str) -> dict[str, Field]:
    return dict.fromkeys(names, field)


_SHARED: Fields = {
    "response_format": Field(_FORMAT, _is_text),
    **_same(
        _SCHEMA, "json_schema", "grammar", "guided_json", "guided_regex", "guided_choice", "guided_grammar",
        "structural_tag", "ebnf", "regex",
    ),
    "structured_outputs": Field(_FORMAT),
    "format": Field(_FORMAT, _among("", "text")),
    "tier": Field(_CHOSEN_FOR_ALL, _among("", "auto")),
    "tools": Field(_NO_TOOLS, unless=("tool_choice", "none")),
    "tool_choice": Field(_NO_TOOLS, _among("", "none", "auto")),
    "functions": Field(_NO_TOOLS, unless=("function_call", "none")),
    "function_call": Field(_NO_TOOLS, _among("", "none", "auto")),
    "web_search_options": Field(_NO_SEARCH, _among(False)),
    **_same(Field(_NO_SEARCH), "enable_search", "search_parameters", "plugins"),
    "n": Field(_ONE_ANSWER, _among(1)),
    "best_of": Field(_ONE_ANSWER, _among(1)),
    "use_beam_search": Field(_ONE_ANSWER),
    **_same(
        Field(_LOGPROBS), "logprobs", "top_logprobs", "prompt_logprobs", "n_probs", "return_token_ids",
        "return_tokens_as_token_ids",
    ),
    **_same(
        Field("no single token can be allowed, forbidden or favoured; use stop or the penalties"),
        "logit_bias", "allowed_token_ids", "bad_words", "stop_token_ids", "logits_processors",
    ),
    **_same(Field("an answer ends where the model ends it; ask for a longer one in the messages"),
            "min_tokens", "min_length", "ignore_eos"),
    "include_stop_str_in_output": Field("the stop text is never part of the answer"),
    "skip_special_tokens": Field("special tokens are never part of the answer", _among(True)),
    "continue_final_message": Field(_NEW_TURN),
    "add_generation_prompt": Field(_NEW_TURN, _among(True)),
    "echo": Field("the prompt is not repeated; put it before the answer yourself"),
    "suffix": Field("nothing is filled in before a suffix; say in the messages what follows"),
    "prompt": Field("send messages (/v1/chat/completions) or input (/v1/responses)"),
    "prediction": Field("answers are not predicted; leave it out"),
    "modalities": Field(_TEXT_ONLY, lambda value: value in EMPTY or value == ["text"]),
    "audio": Field(_TEXT_ONLY),
    "documents": Field("put the documents into the messages"),
    "chat_template": Field("the model's own template is used; leave it out"),
    "system": Field("send it as a message of the role system"),
    "truncate_prompt_tokens": Field("a prompt is never cut; leave out the oldest messages"),
    "truncation": Field("a prompt is never cut; leave out the oldest messages", _among("", "disabled")),
    "transforms": Field("a prompt is never cut; leave out the oldest messages"),
    "repeat_penalty": Field("send repetition_penalty", _among(1)),
    **_same(Field(_SAMPLER, _among(1)), "typical_p", "tfs_z", "length_penalty", "guidance_scale"),
    **_same(
        Field(_SAMPLER), "mirostat", "mirostat_mode", "dynatemp_range", "xtc_probability", "dry_multiplier", "top_a",
        "top_n_sigma", "no_repeat_ngram_size", "penalty_alpha", "smoothing_factor",
    ),
    "think": Field("send enable_thinking"),
    "stop_sequences": Field("send stop"),
    "lora": Field("adapters are not loaded here"),
    "options": Field("send what is in it as fields of the request"),
    **_same(Field(_NOTHING_STORED), "previous_response_id", "conversation"),
    "background": Field("answers are made while the client waits; send stream instead"),
}  # fmt: skip

CHAT: Fields = {
    **_SHARED,
    "reasoning": Field("send reasoning_effort or enable_thinking"),
    **_same(Field("send the conversation as messages", _among("", [])), "input", "instructions"),
    **_same(Field("send max_tokens", _among(-1)), "max_output_tokens", "max_new_tokens", "n_predict", "num_predict"),
}
RESPONSES: Fields = {
    **_SHARED,
    "text.format": Field(_FORMAT, _is_text),
    "include": Field(_LOGPROBS, _lacks_log_probabilities),
    "store": Field(_NOTHING_STORED),
    "prompt": Field("no prompts are stored here; send instructions and input"),
    "context_management": Field("a conversation is not shortened here; leave out the oldest messages"),
    "messages": Field("send them as input"),
    "reasoning_effort": Field("send reasoning.effort", _among("", "none")),
    **_same(
        Field("send max_output_tokens", _among(-1)),
        "max_tokens", "max_completion_tokens", "max_new_tokens", "n_predict", "num_predict",
    ),
}  # fmt: skip
MESSAGE: Fields = {
    **_same(Field(_NEW_TURN), "prefix", "partial"),
    **_same(Field("this model does not call tools; leave earlier calls out"), "tool_calls", "function_call"),
    "images": Field("send images as parts of the content (image_url with a data: URL)"),
    "audio": Field("send recordings as parts of the content (input_audio)"),
}
_WORDS = Field("times are told for segments (response_format verbose_json, srt or vtt)", _only("segment"))
TRANSCRIPTION: Fields = {
    "stream": Field("the transcript comes whole; leave it out", lambda value: str(value).lower() in ("false", "0", "")),
    **_same(Field("the recogniser takes no hint of the words; leave it out"), "prompt", "hotwords"),
    **_same(Field("the recogniser always takes the likeliest words; leave it out or send 0", _is_zero),
            "temperature"),
    **_same(_WORDS, "timestamp_granularities[]", "timestamp_granularities"),
    **_same(Field(_LOGPROBS, _only()), "include[]", "include"),
    "chunking_strategy": Field("the recording is cut where speech pauses; leave it out", _among("", "auto")),
    **_same(Field("speakers are not told apart; leave it out"), "known_speaker_names[]", "known_speaker_references[]",
            "known_speaker_names", "known_speaker_references", "diarize"),
    "task": Field("speech is written down in its own language", _among("", "transcribe")),
}  # fmt: skip


def refused_fields(fields: Fields) -> dict[str, Any]:
    """Name and advice of each, for the API's description."""
    return {name: field.instead for name, field in fields.items()}


def refuse_unsupported(fields: Fields, sent: Mapping[str, object], where: str = "") -> None:
    """Raises Refused 400, which names the first field of `sent` that asks for what is not done.

    `where` is the place of `sent` in the request.
    """
    for name, field in fields.items():
        found, value = _value(sent, name)
        if not found or field.passes(value):
            continue
        if field.unless is not None and sent.get(field.unless[0]) == field.unless[1]:
            continue
        what = f"{where}{name}{_shown(value)}"
        raise Refused(400, f"{what} is not supported here: {field.instead}.", "unsupported_value", f"{where}{name}")


def _shown(value: object) -> str:
    """A short value; text of any length and objects are left out."""
    short = isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _SHORT)
    return f"={value!r}" if short else ""


def _value(sent: Mapping[str, object], name: str) -> tuple[bool, object]:
    head, dot, rest = name.partition(".")
    value = sent.get(head)
    if dot:
        return (rest in value, value.get(rest)) if isinstance(value, Mapping) else (False, None)
    return head in sent, value
