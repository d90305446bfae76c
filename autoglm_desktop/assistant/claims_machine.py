"""What this machine measures for the guide's claims, on the running model's own weights, each in a fresh process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any

from autoglm_desktop.assets import default_data_dir
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.messages import ModelRef
from autoglm_desktop.core.perception import Modality
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import SPEECH_MODEL_ID, Settings
from autoglm_desktop.energy.telemetry import ThisComputer
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.engine.cold_start import cold_start, compare
from autoglm_desktop.engine.contest import OURS, Entry, Worker
from autoglm_desktop.engine.cores import physical_cores
from autoglm_desktop.models.library import ModelLibrary

PROMPT_TOK, HISTORY_TOK, TURN_TOK = 184, 800, 24
SHORT_TOK, LONG_TOK = 64, 200
"""Tokens of an answer under the guide's cap, and of one without."""
ANSWER_TOK = 32
"""Of an answer in the conversation of three turns."""
MINUTE_S = 60.0
_ROUNDS, _LOOK_EVERY_S = 3, 0.25


@dataclass(frozen=True, slots=True)
class TierFigures:
    """Medians of three rounds. Megabytes are 10^6 bytes; seconds are of computing, without loading."""

    weights_mb: float
    rss_mb: float
    decode_tok_s: float
    cold_turns_s: float
    """Until the first token of the second turn and of the third, together, with the whole history read in each."""
    warm_turns_s: float
    """The same with the KV cache of the turn before."""
    short_s: float
    """A prompt and an answer of `SHORT_TOK` tokens."""
    long_s: float
    """A prompt and an answer of `LONG_TOK` tokens."""


@dataclass(frozen=True)
class Machine:
    """Measures on first use, each thing once. Not for several threads at a time."""

    model: ModelRef
    threads: int
    log: Path
    make_engine: Callable[[], Engine]
    """A fresh engine for a cold start."""
    speech_folder: str | None
    """None while the speech model is not installed."""
    tell: Callable[[Text], None]
    cancelled: Callable[[], bool] = lambda: False
    computer: ThisComputer = field(default_factory=ThisComputer)
    data_dir: Path | None = None
    """Where it is not the usual one: whoever repeats a claim has to name it."""

    def tier(self, tier: Tier) -> TierFigures:
        """Raises AppError ENGINE_FAILED, or CANCELLED."""
        if tier not in self._tiers:
            self._tiers[tier] = self._measured(tier)
        return self._tiers[tier]

    @cached_property
    def _tiers(self) -> dict[Tier, TierFigures]:
        return {}

    @cached_property
    def starts(self) -> dict[str, Any]:
        """Cold starts with text alone and with everything, see `cold_start.compare`. Raises AppError."""
        speech_folder = self._speech()
        self._go_on()
        self.tell(msg("Measuring cold starts…"))
        return compare(self.make_engine, self.model, Tier.INT4, speech_folder, 1)

    @property
    def beside_gb(self) -> float:
        """What the reader of images and the speech model hold here, in GB. Raises AppError as `starts` does."""
        everything = self.starts["everything"]
        return float(sum(everything[modality.value]["mb"] for modality in Modality)) / 1e3

    @cached_property
    def first_minutes_w(self) -> tuple[float, float]:
        """Mean watts of this computer in the minute after a start with text alone, and with everything.

        Raises AppError: MODEL_MISSING also where there is no counter, with what could be done about that.
        """
        speech_folder = self._speech()
        if not self.computer.mark().package_j:
            reason = self.computer.read().package_energy.reason
            raise AppError(
                ErrorCode.MODEL_MISSING,
                reason or msg("This computer has no energy counter."),
                msg("Measure on a computer with a counter that you may read."),
            )
        return self._first_minute_w(None), self._first_minute_w(speech_folder)

    def _first_minute_w(self, speech_folder: str | None) -> float:
        self._go_on()
        self.tell(msg("Measuring the first minute after a start…"))
        before = self.computer.mark()
        cold_start(self.make_engine, self.model, Tier.INT4, speech_folder, self._wait_out_the_minute)
        joules = self.computer.joules_since(before).value
        assert joules is not None, "the counter was there a minute ago"
        return joules / MINUTE_S

    def _wait_out_the_minute(self, took_s: float) -> None:
        nobody, end_s = Event(), time.monotonic() + MINUTE_S - took_s
        while (left_s := end_s - time.monotonic()) > 0.0:
            self._go_on()
            nobody.wait(min(left_s, _LOOK_EVERY_S))

    def _speech(self) -> str:
        if self.speech_folder is None:
            raise AppError(
                ErrorCode.MODEL_MISSING,
                msg("The speech model is not installed, so that a start with everything cannot be measured."),
                msg("Fetch it: autoglm-desktop models pull faster-whisper-base"),
            )
        return self.speech_folder

    def _measured(self, tier: Tier) -> TierFigures:
        self._go_on()
        self.tell(msg("Measuring in {tier}…", tier=tier.label))
        with Worker(Entry(OURS, Path(self.model.folder), tier), self.threads, self.log) as worker:
            tokens = worker.ask("tokens", count=HISTORY_TOK + 2 * TURN_TOK + ANSWER_TOK)["tokens"]
            rounds = [self._round(worker, tokens) for _ in range(_ROUNDS + 1)][1:]
            facts = worker.ask("facts")
        middle = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
        return TierFigures(facts["weights_mb"], facts["rss_mb"], **middle)

    def _round(self, worker: Worker, tokens: list[int]) -> dict[str, float]:
        self._go_on()
        prompt = tokens[:PROMPT_TOK]
        short = worker.ask("run", prompt=prompt, new_tokens=SHORT_TOK)
        long = worker.ask("run", prompt=prompt, new_tokens=LONG_TOK)
        later = [self._turn(worker, tokens, history) for history in (HISTORY_TOK, HISTORY_TOK + TURN_TOK + ANSWER_TOK)]
        return {
            "decode_tok_s": long["decode_tok_s"],
            "short_s": PROMPT_TOK / short["prefill_tok_s"] + (SHORT_TOK - 1) / short["decode_tok_s"],
            "long_s": PROMPT_TOK / long["prefill_tok_s"] + (LONG_TOK - 1) / long["decode_tok_s"],
            "cold_turns_s": sum(turn["ttft_cold_s"] for turn in later),
            "warm_turns_s": sum(turn["ttft_warm_s"] for turn in later),
        }

    def _turn(self, worker: Worker, tokens: list[int], history: int) -> dict[str, float]:
        """A turn of `TURN_TOK` behind so many tokens."""
        return worker.ask("first_token", history=tokens[:history], turn=tokens[history : history + TURN_TOK])

    def _go_on(self) -> None:
        if self.cancelled():
            raise AppError(ErrorCode.CANCELLED, msg("Stopped."), msg("Measure again when you like."))


def machine_for(settings: Settings, library: ModelLibrary, log: Path, data_dir: Path) -> Machine:
    """The machine for the chosen model; `log` names the folder for what goes wrong. Raises AppError MODEL_MISSING."""
    log = log.with_name("claims.log")
    options = EngineOptions(settings.threads, settings.kv_cache_max_bytes, 0, log)
    return Machine(
        library.chat_ref(settings.model_id),
        settings.threads or physical_cores(),
        log,
        lambda: EngineClient(options),
        _speech_folder(library),
        lambda _: None,
        data_dir=None if data_dir == default_data_dir() else data_dir,
    )


def _speech_folder(library: ModelLibrary) -> str | None:
    try:
        return library.ref(SPEECH_MODEL_ID).folder
    except AppError:
        return None
