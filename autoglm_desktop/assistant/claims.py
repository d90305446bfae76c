"""The guide's claims beside what is measured here and what the simulated phone gives. Only the guide is typed in."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.precision import Tier

from .claims_machine import ANSWER_TOK, HISTORY_TOK, LONG_TOK, PROMPT_TOK, SHORT_TOK, TURN_TOK, Machine
from .claims_phone import PhoneFigures, thresholds

GUIDE_GB = {Tier.FP16: 24.0, Tier.INT8: 12.0, Tier.INT4: 6.0}
GUIDE_MS = {Tier.FP16: 100.0, Tier.INT8: 150.0, Tier.INT4: 250.0}
GUIDE_LEAVES = (70.0, 30.0)
GUIDE_START = {"memory": 3.2 / 24.0, "time": 1.4 / 8.2, "power": 1.8 / 5.6}
GUIDE_THROTTLE, GUIDE_REUSE = 0.37, 0.52
_RATIO_SLACK, _SHARE_SLACK = 0.10, 0.10
_ASK_EVERY_S = 60.0


class Verdict(StrEnum):
    AGREES = "agrees"
    EXCEEDS = "exceeds"
    """Better than the guide says."""
    DIFFERS = "differs"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in words, and its number for programs; None where there is none, and `text` says why."""

    text: Text
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One line. `verdict` compares the machine with the guide, or the phone where the machine has nothing to say."""

    id: str
    guide: Figure
    this_machine: Figure
    phone: Figure
    verdict: Verdict
    note: Text | None = None
    how: str = ""
    """The command that repeats it: the same model on the same phone."""


@dataclass(frozen=True, slots=True)
class Question:
    """A claim that is not answered yet."""

    id: str
    answer: Callable[[Machine, PhoneFigures], Claim] = field(repr=False)


def claims(machine: Machine, phone: PhoneFigures, only: Sequence[str] = ()) -> Iterator[Claim]:
    """Answer every question, or those of `only`, one by one. Raises AppError BAD_INPUT for an unknown id, CANCELLED."""
    known = {question.id: question for question in QUESTIONS}
    for wanted in only:
        if wanted not in known:
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg("There is no claim called {name}.", name=wanted),
                msg("Choose one of: {names}.", names=", ".join(known)),
            )
    for question in [known[wanted] for wanted in only] or QUESTIONS:
        yield replace(question.answer(machine, phone), how=_how(question.id, machine, phone))


def _how(identity: str, machine: Machine, phone: PhoneFigures) -> str:
    named = ["--model", machine.model.model_id, "--phone", phone.profile.id]
    if machine.data_dir is not None:
        named += ["--data-dir", str(machine.data_dir)]
    return shlex.join(["autoglm-desktop", "claims", "--only", identity, *named, "--json"])


def verdict_words(verdict: Verdict) -> Text:
    """A verdict for people."""
    return {
        Verdict.AGREES: msg("agrees"),
        Verdict.EXCEEDS: msg("better than the guide"),
        Verdict.DIFFERS: msg("differs"),
        Verdict.NOT_MEASURED: msg("not measured"),
    }[verdict]


def _memory(tier: Tier) -> Question:
    identity = f"memory-{tier.value}"

    def answer(machine: Machine, phone: PhoneFigures) -> Claim:
        ours, full = machine.tier(tier).weights_mb, machine.tier(Tier.FP16).weights_mb
        wanted = GUIDE_GB[tier] / GUIDE_GB[Tier.FP16]
        ratio = ours / full
        share = phone.weights_gb(tier) / phone.weights_gb(Tier.FP16)
        figures = {"gb": f"{phone.weights_gb(tier):.1f}", "percent": _percent(share)}
        on_phone = (
            msg("{gb} GB, {percent} % of FP16; fits into what an app may hold", **figures)
            if phone.fits(tier)
            else msg("{gb} GB, {percent} % of FP16; more than an app may hold", **figures)
        )
        said = msg("{gb} GB, {percent} % of FP16", gb=f"{GUIDE_GB[tier]:g}", percent=_percent(wanted))
        here = msg("{mb} MB, {percent} % of FP16", mb=f"{ours:.0f}", percent=_percent(ratio))
        return Claim(
            identity,
            Figure(said, wanted),
            Figure(here, ratio),
            Figure(on_phone, share),
            Verdict.AGREES if abs(ratio - wanted) <= _RATIO_SLACK else Verdict.DIFFERS,
            msg("The small model's embeddings stay in 16 bits in every tier, which weighs more than in one of 9 B."),
        )

    return Question(identity, answer)


def _latency(tier: Tier) -> Question:
    identity = f"latency-{tier.value}"

    def answer(machine: Machine, phone: PhoneFigures) -> Claim:
        ours_ms, bound_ms = 1000.0 / machine.tier(tier).decode_tok_s, GUIDE_MS[tier]
        phone_ms = phone.token_ms(tier)
        return Claim(
            identity,
            Figure(msg("under {ms} ms a token", ms=f"{bound_ms:g}"), bound_ms),
            Figure(msg("{ms} ms a token", ms=f"{ours_ms:.0f}"), ours_ms),
            Figure(msg("{ms} ms a token, cool", ms=f"{phone_ms:.0f}"), phone_ms),
            Verdict.AGREES if ours_ms < bound_ms else Verdict.DIFFERS,
        )

    return Question(identity, answer)


def _order(machine: Machine, phone: PhoneFigures) -> Claim:
    ours = {tier: 1000.0 / machine.tier(tier).decode_tok_s for tier in Tier}
    theirs = {tier: phone.token_ms(tier) for tier in Tier}
    ratio = ours[Tier.INT4] / ours[Tier.FP16]
    return Claim(
        "latency-order",
        Figure(msg("the lower the tier, the slower"), GUIDE_MS[Tier.INT4] / GUIDE_MS[Tier.FP16]),
        Figure(msg("INT4 takes {ratio} × the time of FP16", ratio=f"{ratio:.2f}"), ratio),
        Figure(
            msg("INT4 takes {ratio} × the time of FP16", ratio=f"{theirs[Tier.INT4] / theirs[Tier.FP16]:.2f}"),
            theirs[Tier.INT4] / theirs[Tier.FP16],
        ),
        Verdict.AGREES if ratio > 1.0 else Verdict.DIFFERS,
        msg("Decoding a token reads all weights once, so fewer bytes are faster: FP16 is the tier for quality."),
    )


def _thresholds(_: Machine, __: PhoneFigures) -> Claim:
    upper, lower = thresholds()
    text = msg("leaves FP16 at {upper} % and INT8 at {lower} %", upper=f"{upper:g}", lower=f"{lower:g}")
    same = (upper, lower) == GUIDE_LEAVES
    said = msg("leaves FP16 at {upper} % and INT8 at {lower} %", upper="70", lower="30")
    return Claim(
        "thresholds",
        Figure(said, GUIDE_LEAVES[0]),
        Figure(text, upper),
        Figure(text, upper),
        Verdict.AGREES if same else Verdict.DIFFERS,
        msg("The same governor acts on the running engine and on the phone; asked for every tenth of a percent."),
    )


def _full_memory(machine: Machine, phone: PhoneFigures) -> Claim:
    wanted, gb = GUIDE_GB[Tier.FP16], phone.needed_gb(Tier.FP16)
    here_mb = machine.tier(Tier.FP16).weights_mb
    return Claim(
        "memory-fp16",
        Figure(msg("{gb} GB", gb=f"{wanted:g}"), wanted),
        Figure(msg("{mb} MB, of another model", mb=f"{here_mb:.0f}"), here_mb / 1e3),
        Figure(msg("{gb} GB with its KV cache, for {model}", gb=f"{gb:.1f}", model=phone.profile.model.name), gb),
        _lower_is_better(gb / wanted, 1.0),
        msg("The verdict is the phone's, whose model is the guide's. Images and speech are not in its figure."),
    )


def _start_memory(machine: Machine, phone: PhoneFigures) -> Claim:
    text_gb = phone.needed_gb(Tier.INT4)
    return _start(machine, "memory", lambda beside_gb: (text_gb, text_gb + beside_gb), "GB")


def _start_time(machine: Machine, phone: PhoneFigures) -> Claim:
    return _start(
        machine,
        "time",
        lambda beside_gb: (phone.start_s(Tier.INT4), phone.start_s(Tier.INT4, beside_gb)),
        "s",
    )


def _start_power(machine: Machine, phone: PhoneFigures) -> Claim:
    return _start(
        machine,
        "power",
        lambda beside_gb: (phone.first_minute_w(Tier.INT4), phone.first_minute_w(Tier.INT4, beside_gb)),
        "W",
    )


def _start(machine: Machine, what: str, on_phone: Callable[[float], tuple[float, float]], unit: str) -> Claim:
    """Text alone against everything, in INT4. The phone reads for images and speech what they hold here."""
    wanted = GUIDE_START[what]
    here = _missing(lambda: _against(*_started(machine, what)))
    there = _missing(lambda: _against(*on_phone(machine.beside_gb), unit))
    said = {
        "memory": msg("text alone takes 3.2 GB of 24, {percent} %", percent=_percent(wanted)),
        "time": msg("text alone starts in 1.4 s of 8.2, {percent} %", percent=_percent(wanted)),
        "power": msg("1.8 W in the first minute against 5.6 W, {percent} %", percent=_percent(wanted)),
    }[what]
    return Claim(
        f"lazy-{what}",
        Figure(said, wanted),
        here,
        there,
        _lower_is_better(here.value if here.value is not None else there.value, wanted),
        msg(
            "Text alone against everything, both in INT4. The recogniser and the image reader are small beside the "
            "model here; in the guide they are not, and its two sides may be in different tiers."
        ),
    )


def _started(machine: Machine, what: str) -> tuple[float, float, str]:
    if what == "power":
        return (*machine.first_minutes_w, "W")
    name, unit = ("rss_mb", "MB") if what == "memory" else ("start_s", "s")
    text, everything = (machine.starts[which][name] for which in ("text_only", "everything"))
    return text, everything, unit


def _against(text: float, everything: float, unit: str) -> Figure:
    return Figure(
        msg(
            "{percent} %: {text} {unit} against {everything} {unit}",
            percent=_percent(text / everything),
            text=f"{text:.3g}" if unit != "MB" else f"{text:.0f}",
            everything=f"{everything:.3g}" if unit != "MB" else f"{everything:.0f}",
            unit=unit,
        ),
        text / everything,
    )


def _throttle(machine: Machine, phone: PhoneFigures) -> Claim:
    here = machine.tier(Tier.INT8)
    saved = 1.0 - here.short_s / here.long_s
    long_w = phone.request_w(Tier.INT8, PROMPT_TOK, LONG_TOK, _ASK_EVERY_S)
    short_w = phone.request_w(Tier.INT8, PROMPT_TOK, SHORT_TOK, _ASK_EVERY_S)
    less_w = 1.0 - short_w / long_w
    less_j = 1.0 - phone.request_j(Tier.INT8, PROMPT_TOK, SHORT_TOK) / phone.request_j(Tier.INT8, PROMPT_TOK, LONG_TOK)
    return Claim(
        "throttle-power",
        Figure(msg("mean power falls by {percent} %", percent=_percent(GUIDE_THROTTLE)), GUIDE_THROTTLE),
        Figure(
            msg(
                "{percent} % less computing per request ({short} instead of {long} tokens)",
                percent=_percent(saved),
                short=SHORT_TOK,
                long=LONG_TOK,
            ),
            saved,
        ),
        Figure(
            msg(
                "{watts} % less mean power at a request a minute, {joules} % less per request",
                watts=_percent(less_w),
                joules=_percent(less_j),
            ),
            less_w,
        ),
        Verdict.AGREES if abs(less_w - GUIDE_THROTTLE) <= _SHARE_SLACK else Verdict.DIFFERS,
        msg(
            "A cap changes what a request asks for, not the watts of decoding: the mean depends on how often one asks."
        ),
    )


def _reuse(machine: Machine, phone: PhoneFigures) -> Claim:
    here = machine.tier(Tier.INT8)
    decode_s = 2 * (ANSWER_TOK - 1) / here.decode_tok_s  # of both turns; the first token is the prompt's
    saved = 1.0 - (here.warm_turns_s + decode_s) / (here.cold_turns_s + decode_s)
    behind = (HISTORY_TOK, HISTORY_TOK + TURN_TOK + ANSWER_TOK)
    cold_j = sum(phone.request_j(Tier.INT8, tokens + TURN_TOK, ANSWER_TOK) for tokens in behind)
    warm_j = 2 * phone.request_j(Tier.INT8, TURN_TOK, ANSWER_TOK)
    on_phone = 1.0 - warm_j / cold_j
    return Claim(
        "kv-reuse",
        Figure(msg("computing of later turns falls by {percent} %", percent=_percent(GUIDE_REUSE)), GUIDE_REUSE),
        Figure(
            msg(
                "{percent} % less time, {first} % less until the first token",
                percent=_percent(saved),
                first=_percent(1.0 - here.warm_turns_s / here.cold_turns_s),
            ),
            saved,
        ),
        Figure(msg("{percent} % less energy", percent=_percent(on_phone)), on_phone),
        _higher_is_better(saved, GUIDE_REUSE),
        msg(
            "Three turns: {history} tokens, then twice {turn}, with answers of {answer}; turns two and three are "
            "compared.",
            turn=TURN_TOK,
            history=HISTORY_TOK,
            answer=ANSWER_TOK,
        ),
    )


def _missing(measure: Callable[[], Figure]) -> Figure:
    """The figure, or why there is none; stopping is no reason of that kind."""
    try:
        return measure()
    except AppError as error:
        if error.report.code is not ErrorCode.MODEL_MISSING:
            raise
        return Figure(error.report.cause)


def _lower_is_better(found: float | None, wanted: float) -> Verdict:
    if found is None:
        return Verdict.NOT_MEASURED
    if abs(found - wanted) <= _RATIO_SLACK:
        return Verdict.AGREES
    return Verdict.EXCEEDS if found < wanted else Verdict.DIFFERS


def _higher_is_better(found: float, wanted: float) -> Verdict:
    if found >= wanted + _SHARE_SLACK:
        return Verdict.EXCEEDS
    return Verdict.AGREES if found >= wanted else Verdict.DIFFERS


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f}"


QUESTIONS: tuple[Question, ...] = (
    Question("memory-fp16", _full_memory),
    _memory(Tier.INT8),
    _memory(Tier.INT4),
    _latency(Tier.FP16),
    _latency(Tier.INT8),
    _latency(Tier.INT4),
    Question("latency-order", _order),
    Question("thresholds", _thresholds),
    Question("lazy-memory", _start_memory),
    Question("lazy-time", _start_time),
    Question("lazy-power", _start_power),
    Question("throttle-power", _throttle),
    Question("kv-reuse", _reuse),
)
