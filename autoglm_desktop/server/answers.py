"""What the service answers, as models for the OpenAPI document.

Answers are written by hand where they are made: a stream has a chunk for every token, which nothing should check again.
Tests hold these models to what is sent.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel


class Answered(BaseModel):
    """A field with a default may be left out."""


class ErrorBody(Answered):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(Answered):
    """Every error."""

    error: ErrorBody


class Health(Answered):
    status: Literal["ok"]
    engine: str


class Weights(Answered):
    """What answers under a name."""

    id: str
    installed: bool
    loaded: bool
    tier: str | None
    next_tier: str


class ModelCard(Answered):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    description: str | None = None
    identity: dict[str, str] | None = None
    weights: Weights


class ModelList(Answered):
    object: Literal["list"]
    data: list[ModelCard]


class AnswerEnergy(Answered):
    """`joules` are this computer's where that is known, else the simulated phone's: `label` says which."""

    joules: float | None
    label: str
    tier: str | None
    phone: str | None = None
    phone_joules: float | None = None
    from_cache: bool | None = None
    max_new_tokens: int | None = None
    thermal_status: str | None = None


class Timing(Answered):
    load_s: float | None = None
    ttft_s: float | None = None
    prefill_s: float | None = None
    decode_tok_s: float | None = None


class AnsweredBy(Answered):
    where: str
    endpoint: str | None
    model: str | None
    reason: str | None
    radio_s: float


class Extras(Answered):
    """What this service adds to OpenAI's usage."""

    energy: AnswerEnergy
    timing: Timing
    answered_by: AnsweredBy


class PromptDetails(Answered):
    cached_tokens: int
    audio_tokens: int


class CompletionDetails(Answered):
    reasoning_tokens: int
    audio_tokens: int


class ChatUsage(Extras):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class ChatAnswer(Answered):
    role: Literal["assistant"]
    content: str
    refusal: None
    reasoning_content: str | None = None
    reasoning: str | None = None


class ChatChoice(Answered):
    index: int
    message: ChatAnswer
    logprobs: None
    finish_reason: Literal["stop", "length"]


class ChatCompletion(Answered):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: None
    choices: list[ChatChoice]
    usage: ChatUsage


class ChatDelta(Answered):
    role: Literal["assistant"] | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class ChunkChoice(Answered):
    index: int
    delta: ChatDelta
    logprobs: None
    finish_reason: Literal["stop", "length"] | None


class ChatCompletionChunk(Answered):
    """One event of a stream; the last one is ``[DONE]``."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: None
    choices: list[ChunkChoice]
    usage: ChatUsage | None = None


class SummaryText(Answered):
    type: Literal["summary_text"]
    text: str


class ReasoningOutput(Answered):
    id: str
    type: Literal["reasoning"]
    summary: list[SummaryText]


class OutputText(Answered):
    type: Literal["output_text"]
    text: str
    annotations: list[Any]
    logprobs: list[Any]


class MessageOutput(Answered):
    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: Literal["in_progress", "completed"]
    content: list[OutputText]


class ResponseUsage(Extras):
    input_tokens: int
    input_tokens_details: dict[str, int]
    output_tokens: int
    output_tokens_details: dict[str, int]
    total_tokens: int


class ResponseError(Answered):
    code: str
    message: str


class Incomplete(Answered):
    reason: Literal["max_output_tokens"]


class ResponseObject(Answered):
    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    error: ResponseError | None
    incomplete_details: Incomplete | None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    model: str
    output: list[ReasoningOutput | MessageOutput]
    parallel_tool_calls: bool
    previous_response_id: None
    reasoning: dict[str, str | None]
    store: bool
    temperature: float | None
    text: dict[str, Any]
    tool_choice: str
    tools: list[Any]
    top_p: float | None
    truncation: str
    usage: ResponseUsage | None


class ResponseEvent(Answered):
    """One event of a stream: the fields beside these go by its type, as in OpenAI's interface."""

    type: str
    sequence_number: int
    response: ResponseObject | None = None
    item: ReasoningOutput | MessageOutput | None = None
    part: SummaryText | OutputText | None = None
    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    delta: str | None = None
    text: str | None = None
    logprobs: list[Any] | None = None


class Segment(Answered):
    id: int
    start: float
    end: float
    text: str


class ShortTranscription(Answered):
    text: str


class LongTranscription(ShortTranscription):
    """`seconds` is how long the work took."""

    task: Literal["transcribe"]
    language: str | None
    duration: float
    segments: list[Segment]
    seconds: float


class Reading(Answered):
    """A quantity with where it comes from, or the reason for its absence."""

    value: float | None
    unit: str
    label: str
    reason: str | None


class PhoneState(Answered):
    label: Literal["simulated"]
    id: str
    name: str
    battery: float
    plugged: bool
    ambient_c: float
    screen: float
    speed: float
    soc_temperature_c: float
    skin_temperature_c: float
    held_c: float | None
    thermal_status: str
    mean_w: float
    joules: float
    charged_joules: float | None = None
    net_joules: float | None = None
    decoded_tokens: float
    time_to_empty_s: float | None


class ComputerState(Answered):
    charging: bool | None
    battery: Reading
    cpu_temp: Reading
    gpu_temp: Reading
    gpu_power: Reading
    package_energy: Reading
    cpu_time: Reading
    rss: Reading


class GovernorDecision(Answered):
    tier: str
    max_new_tokens: int | None
    reuse_cached_answers: bool
    release_modalities: bool
    cloud: bool
    chosen_by_user: bool
    reasons: list[str]
    next_change: str | None


class LoggedDecision(Answered):
    time_s: float
    text: str


class KvCounts(Answered):
    prompt_tokens: int
    reused_tokens: int


class EnergyPage(Answered):
    phone: PhoneState
    computer: ComputerState
    policy: str
    source: str
    decision: GovernorDecision
    decisions: list[LoggedDecision]
    answering: int
    kv: KvCounts
    last_answer: AnswerEnergy
