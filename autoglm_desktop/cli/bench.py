"""``bench``: speed, memory and quality of every tier on this machine, and beside other runtimes on the same work."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg, tr
from autoglm_desktop.core.messages import ModelRef
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import SPEECH_MODEL_ID
from autoglm_desktop.energy.quality_figures import save_figures
from autoglm_desktop.engine.cold_start import compare
from autoglm_desktop.engine.contest import OURS, Contest, Entry, Figures, Plan, ratios
from autoglm_desktop.engine.cores import physical_cores
from autoglm_desktop.models.library import ModelLibrary

from .context import Context, begin
from .machine import describe_machine
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption, ModelOption
from .output import print_json, print_table, print_text, tell


class Peer(StrEnum):
    LLAMA_CPP = "llama.cpp"
    OPENVINO = "openvino"
    TRANSFORMERS = "transformers"


PACKAGES = {
    Peer.LLAMA_CPP: ("xllamacpp", "xllamacpp"),
    Peer.OPENVINO: ("openvino_genai", "openvino-genai"),
    Peer.TRANSFORMERS: ("transformers", "transformers"),
}
"""Module and distribution of a peer."""
DIGITS = {
    "ttft_cold_s": 4,
    "ttft_warm_s": 4,
    "load_s": 3,
    "weights_mb": 1,
    "rss_mb": 1,
    "ppl": 4,
    "kl": 5,
    "seconds": 4,
}


def bench(
    typer_context: typer.Context,
    *,
    model: ModelOption = None,
    tier: Annotated[list[Tier] | None, typer.Option(help="Only this tier; may be given again.")] = None,
    prompt_tokens: Annotated[int, typer.Option(min=8, max=3000, help="Length of the prompt.")] = 184,
    new_tokens: Annotated[int, typer.Option(min=2, max=1000, help="Tokens to decode.")] = 64,
    history_tokens: Annotated[int, typer.Option(min=8, max=3000, help="History before the second turn.")] = 800,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Rounds that the medians are taken from.")] = 3,
    peer: Annotated[list[Peer] | None, typer.Option(help="Another runtime to measure; may be given again.")] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Measure every tier, and others beside it. Takes minutes."""
    context = begin(typer_context, data_dir, log_level, language).override(model_id=model)
    peers = tuple(dict.fromkeys(peer or ()))
    for name in peers:
        require(name)
    library, tiers = context.library(), tuple(dict.fromkeys(tier or Tier))
    ref = library.chat_ref(context.settings.model_id)
    plan = Plan(context.settings.threads or physical_cores(), prompt_tokens, new_tokens, history_tokens, rounds=rounds)
    contest = Contest(plan, context.paths.engine_log.with_name("bench.log"), tell)
    with ExitStack() as closing:
        field = Field(library, ref, closing)
        report = run(contest, field, tiers, peers)
    report = replace(report, modalities=_modalities(context, ref, tiers, rounds))
    keep(context.paths.data_dir, report)
    if as_json:
        print_json(rounded(report))
    else:
        show(report)


def keep(data_dir: Path, report: Report) -> None:
    """Keep what was measured for battery reports, which tell the quality of tiers from it."""
    try:
        save_figures(data_dir, report.model, rounded(report))
    except OSError as error:
        tell(tr("The figures could not be kept: {reason}", reason=str(error)))


def _modalities(context: Context, ref: ModelRef, tiers: tuple[Tier, ...], rounds: int) -> dict[str, Any] | None:
    try:
        speech = context.library().ref(SPEECH_MODEL_ID)
    except AppError as error:
        tell(tr("What images and speech cost is not measured:"), error.report.line())
        return None
    tell(tr("Measuring a start with text alone, and with images and speech…"))
    tier = Tier.INT8 if Tier.INT8 in tiers else tiers[0]
    return compare(context.engine, ref, tier, speech.folder, min(rounds, 2))


def require(peer: Peer) -> None:
    """Raises AppError BAD_INPUT when a peer is not installed."""
    module, distribution = PACKAGES[peer]
    if importlib.util.find_spec(module) is None:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("{peer} is not installed, so it cannot be measured.", peer=peer.value),
            msg("Install it beside the application: pip install {package}", package=distribution),
        )


@dataclass(frozen=True, slots=True)
class Field:
    """Which file a contestant gets for a tier: the nearest that its runtime has to ours."""

    library: ModelLibrary
    ref: ModelRef
    closing: ExitStack
    """Ends the life of files made for the run."""

    def ours(self, tier: Tier) -> Entry:
        return Entry(OURS, Path(self.ref.folder), tier)

    def peers(self, peers: Iterable[Peer], tier: Tier) -> list[Entry]:
        found = []
        for peer in peers:
            file = Path(self.ref.folder) if peer is Peer.TRANSFORMERS else self._gguf(tier)
            if file is None or (peer is Peer.TRANSFORMERS and tier is not Tier.FP16):
                tell(tr("{peer} has no counterpart of {tier} here and sits out.", peer=peer.value, tier=tier.label))
            else:
                found.append(Entry(peer.value, file, tier))
        return found

    def _gguf(self, tier: Tier) -> Path | None:
        match tier:
            case Tier.FP16:
                return None
            case Tier.INT4:
                return self.library.gguf(self.ref.model_id)
            case Tier.INT8:
                return self._q8_0()

    def _q8_0(self) -> Path:
        """The same weights in llama.cpp's 8-bit blocks, written for this run."""
        from autoglm_desktop.models.export import write_gguf_q8_0

        file = Path(self.closing.enter_context(TemporaryDirectory(prefix="autoglm-bench-"))) / "model-q8_0.gguf"
        tell(tr("Writing the weights as Q8_0…"))
        write_gguf_q8_0(Path(self.ref.folder), file)
        return file


@dataclass(frozen=True, slots=True)
class Report:
    """What `bench` found; keys are names of tiers and peers."""

    model: str
    machine: dict[str, object]
    tiers: dict[str, Figures]
    switch: dict[str, Figures]
    peers: dict[str, dict[str, Figures]]
    modalities: dict[str, Any] | None = None
    """A start with text alone and with everything; None without the model that writes down speech."""

    def ratio(self) -> dict[str, dict[str, Figures]]:
        return {
            peer: {tier: ratios(self.tiers[tier], figures) for tier, figures in found.items()}
            for peer, found in self.peers.items()
        }


def run(contest: Contest, field: Field, tiers: tuple[Tier, ...], peers: tuple[Peer, ...]) -> Report:
    """Measure. Raises AppError ENGINE_FAILED when a contestant fails."""
    ours: dict[str, Figures] = {}
    theirs: dict[str, dict[str, Figures]] = {peer.value: {} for peer in peers}
    for tier in tiers:
        found = contest.run_tier(field.ours(tier), field.peers(peers, tier))
        ours[tier.value] = found.pop(OURS)
        for name, figures in found.items():
            theirs[name][tier.value] = figures
    switch = contest.switches(Path(field.ref.folder), tiers)
    return Report(field.ref.model_id, describe_machine(contest.plan.threads), ours, switch, theirs)


def rounded(report: Report) -> dict[str, object]:
    """The report as ``--json`` prints it."""
    return {
        "machine": report.machine,
        "model": report.model,
        "tiers": {name: _round(figures) for name, figures in report.tiers.items()},
        "switch": {name: _round(figures) for name, figures in report.switch.items()},
        "peers": {peer: {t: _round(f) for t, f in found.items()} for peer, found in report.peers.items()},
        "ratio": {
            peer: {t: {name: round(value, 3) for name, value in f.items()} for t, f in found.items()}
            for peer, found in report.ratio().items()
        },
        "modalities": report.modalities,
    }


def _round(figures: Figures) -> Figures:
    return {name: round(value, DIGITS.get(name, 2)) for name, value in figures.items()}


def show(report: Report) -> None:
    """The report as tables."""
    machine = report.machine
    print_text(
        tr(
            "{model} on {cpu}, {threads} threads",
            model=report.model,
            cpu=str(machine["cpu"]),
            threads=str(machine["threads"]),
        )
    )
    rows = [(OURS, tier, figures) for tier, figures in report.tiers.items()]
    rows += [(peer, tier, figures) for peer, found in report.peers.items() for tier, figures in found.items()]
    columns = list(dict.fromkeys(name for _, _, figures in rows for name in figures))
    print_table(
        ("", "", *columns),
        [(who, tier, *(f"{_round(f)[c]:g}" if c in f else "" for c in columns)) for who, tier, f in rows],
    )
    for peer, found in report.ratio().items():
        for tier, figures in found.items():
            told = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
            print_text(tr("ours / {peer} in {tier}: {ratios}", peer=peer, tier=tier, ratios=told))
    for pair, figures in report.switch.items():
        print_text(
            tr(
                "{pair}: {seconds} s, {tokens} tokens kept",
                pair=pair,
                seconds=f"{figures['seconds']:.3f}",
                tokens=int(figures["kv_kept"]),
            )
        )
    if report.modalities is not None:
        _show_modalities(report.modalities)


def _show_modalities(found: dict[str, Any]) -> None:
    ratio, guide = found["ratio"], found["guide"]
    print_text(
        tr(
            "a start with text alone: {rss} MB, {seconds} s; with images and speech: {all_rss} MB, {all_seconds} s",
            rss=found["text_only"]["rss_mb"],
            seconds=found["text_only"]["start_s"],
            all_rss=found["everything"]["rss_mb"],
            all_seconds=found["everything"]["start_s"],
        )
    )
    print_text(
        tr(
            "text alone of all: memory {memory:.0%}, time {time:.0%} (guide: {guide_memory:.0%}, {guide_time:.0%})",
            memory=ratio["memory"],
            time=ratio["time"],
            guide_memory=guide["memory"],
            guide_time=guide["time"],
        )
    )
