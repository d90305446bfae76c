"""Lines that cross the pipes: every message survives the way, and nothing that arrives can kill the reader."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import (
    EngineState,
    EngineStatus,
    Failed,
    Finished,
    FinishReason,
    Memory,
    Phase,
    PhaseChanged,
    ReasoningDelta,
    TextDelta,
    TierSwitched,
    Usage,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.perception import (
    ImageRead,
    LookRequest,
    Modality,
    ModalityStatus,
    SpeechHeard,
    Transcribed,
    TranscribeRequest,
)
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.mailbox import Mailbox
from autoglm_desktop.engine.protocol import (
    Cancel,
    ChildEvent,
    Command,
    ForgetSessions,
    LoadModality,
    Perceive,
    Ping,
    Pong,
    Preload,
    ProtocolError,
    Refused,
    SetTier,
    Submit,
    UnloadModality,
    decode_command,
    decode_event,
    encode_command,
    encode_event,
    read_lines,
)
from tests.helpers.senses import READING, TRANSCRIPT

REF = ModelRef("m", "/models/m")
REQUEST = TurnRequest(
    "t1",
    REF,
    (Message.of(Role.USER, "你好\n\u2028😀"), Message.of(Role.ASSISTANT, "x", reasoning="y")),
    Tier.INT4,
    Sampling(temperature=0.1, seed=-(2**70)),
    think=True,
    stop=("\n", "停"),
)
ERROR = ErrorReport(ErrorCode.OUT_OF_MEMORY, msg("{n} of {x} {s}", n=3, x=0.5, s="3"), msg("Go."), "d", "int4")
USAGE = Usage(9, 8, 7, 6, 0.1, 0.2, 0.3, 0.4, Tier.FP16, 2**70, 4096, Memory(1, 2, 3, None))
COMMANDS: list[Command] = [
    Submit(REQUEST),
    Cancel("t1"),
    SetTier(Tier.FP16),
    Preload(REF, Tier.INT8),
    ForgetSessions(),
    Ping(3),
    Perceive(LookRequest("l1", "/图/a.png")),
    Perceive(TranscribeRequest("h1", "/a.wav", "/models/w", None, simplified=False)),
    Perceive(TranscribeRequest("h2", "/a.wav", "/models/w", "zh")),
    LoadModality(Modality.SPEECH, "/models/w"),
    LoadModality(Modality.VISION),
    UnloadModality(Modality.VISION),
]
EVENTS: list[ChildEvent] = [
    PhaseChanged("t1", Phase.PREFILL, 0.25),
    TextDelta("t1", "\n好", 2),
    ReasoningDelta("t1", "hm"),
    TierSwitched("t1", Tier.INT4, Tier.INT8, 0.2, 100),
    Finished("t1", FinishReason.LENGTH, USAGE),
    Failed("t1", ERROR, USAGE),
    Failed("t1", ERROR),
    EngineStatus(EngineState.LOADING, "m", Tier.INT8, 0.5),
    EngineStatus(EngineState.READY, memory=Memory(1, 2, 3, 4), error=ERROR),
    EngineStatus(EngineState.READY, modalities=(ModalityStatus(Modality.VISION, True, 7, 0.5),)),
    ImageRead("l1", READING, 0.25),
    SpeechHeard("h1", TRANSCRIPT.segments[0]),
    Transcribed("h1", TRANSCRIPT),
    Pong(3),
    Refused("why"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_survive_the_way(command: Command) -> None:
    line = encode_command(command)
    assert line.count(b"\n") == 1
    assert decode_command(line) == command


@pytest.mark.parametrize("event", EVENTS)
def test_events_survive_the_way(event: ChildEvent) -> None:
    line = encode_event(event)
    assert line.count(b"\n") == 1
    assert decode_event(line) == event


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"kind":"dance"}',
        b'{"kind":"cancel"}',
        b'{"kind":"ping","token":"x"}',
    ],
)
def test_malformed_lines_are_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_command(line)


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(ProtocolError):
        encode_command(Submit(replace(REQUEST, messages=(Message.of(Role.USER, "\ud800"),))))


def test_lines_are_bounded_and_a_cut_one_is_dropped() -> None:
    stream = io.BytesIO(b"one\n" + b"x" * 50 + b"\ntwo\n" + b"y" * 10 + b"\nbroken off")
    lines = list(read_lines(stream, limit=10))
    assert lines[0] == b"one\n"
    assert isinstance(lines[1], ProtocolError)
    assert lines[2:] == [b"two\n", b"y" * 10 + b"\n"]


def _next(box: Mailbox) -> Command:
    taken = box.take()
    assert taken is not None
    return taken


def test_the_mailbox_keeps_the_order_and_finds_what_is_urgent() -> None:
    box = Mailbox()
    box.put(Submit(REQUEST))
    box.put(Cancel("t1"))
    assert box.take_tier() is None
    assert _next(box) == Submit(REQUEST)
    assert box.cancelled("t1")
    box.put(SetTier(Tier.INT4))
    box.put(SetTier(Tier.FP16))
    box.put(ForgetSessions())
    assert box.take_tier() is Tier.FP16
    assert box.take_tier() is None
    assert _next(box) == ForgetSessions()
    assert not box.cancelled("t1")  # over: an id does not stay for ever


@pytest.mark.parametrize(
    "other", [UnloadModality(Modality.SPEECH), LoadModality(Modality.VISION), ForgetSessions(), Ping(7)]
)
def test_a_change_of_tier_does_not_wait_behind_other_commands(other: Command) -> None:
    box = Mailbox()
    box.put(SetTier(Tier.INT8))
    box.put(other)
    box.put(SetTier(Tier.INT4))
    assert box.take_tier() is Tier.INT4
    assert _next(box) == other
    assert box.take(0.0) is None


@pytest.mark.parametrize("tiered", [Submit(REQUEST), Preload(REQUEST.model, Tier.INT8)])
def test_a_change_of_tier_behind_a_command_with_a_tier_of_its_own_is_for_later(tiered: Command) -> None:
    box = Mailbox()
    box.put(ForgetSessions())
    box.put(tiered)
    box.put(SetTier(Tier.INT4))
    assert box.take_tier() is None
    assert [_next(box) for _ in range(3)] == [ForgetSessions(), tiered, SetTier(Tier.INT4)]
