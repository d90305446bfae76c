"""The report: one page that loads nothing and escapes everything, and every series as CSV and JSON."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from autoglm_desktop.assets import translations
from autoglm_desktop.assistant.scenario_desk import Comparison, Verdict, verdict_of
from autoglm_desktop.assistant.scenario_desk import sentences as scenario_sentences
from autoglm_desktop.cli.main import main
from autoglm_desktop.core import i18n
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import load_profile
from autoglm_desktop.energy.quality_figures import Quality, load_quality, save_figures
from autoglm_desktop.energy.report import render
from autoglm_desktop.energy.report_plots import all_plots, bands, merged
from autoglm_desktop.energy.scenario import Scenario
from autoglm_desktop.energy.scenario_files import load_scenario
from autoglm_desktop.energy.scenario_result import Result
from autoglm_desktop.energy.scenario_run import run_scenario
from autoglm_desktop.energy.svg import MAX_POINTS, Axis, nice_ticks, thinned
from autoglm_desktop.energy.verdict import longer, paragraph, perplexity_change, verdicts

PROFILE = load_profile("guide-phone")
QUALITY = Quality(
    "small", {Tier.FP16: 0.0, Tier.INT8: 0.01, Tier.INT4: 0.1}, {Tier.FP16: 10.0, Tier.INT8: 10.1, Tier.INT4: 11.0}
)
POLICIES = (Policy.FIXED_FP16, Policy.STEADY, Policy.LAST_UNTIL)


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    i18n.install("en", {})
    yield
    i18n.install("en", {})


@cache
def results(*, measured: bool = False) -> tuple[Result, ...]:
    scenario = load_scenario("travel-day")
    return tuple(run_scenario(scenario, PROFILE, policy, quality=QUALITY if measured else None) for policy in POLICIES)


def _run(*arguments: str | Path, data_dir: Path, language: str = "en") -> int:
    return main(["simulate", "run", *map(str, arguments), "--data-dir", str(data_dir), "--lang", language])


def test_the_json_object_is_the_one_of_the_contract(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert _run("winter-street", "--policy", "steady", "--policy", "fixed-int4", "--json", data_dir=tmp_path) == 0
    out = capfd.readouterr().out
    assert out.count("\n") == 1
    found = json.loads(out)
    assert (found["scenario"], found["phone"]) == ("winter-street", "guide-phone")
    assert [run["policy"] for run in found["runs"]] == ["steady", "fixed-int4"]
    assert {"energy_wh", "goal_met", "quality", "p95_latency_s"} <= found["runs"][0].keys()
    assert _run("winter-street", "--policy", "steady", "--policy", "fixed-int4", "--json", data_dir=tmp_path) == 0
    assert capfd.readouterr().out == out


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_folder_holds_the_page_and_every_series(language: str, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "report"
    arguments: list[str | Path] = ["night-standby", "--policy", "steady", "--policy", "fixed-fp16", "--report", folder]
    assert _run(*arguments, data_dir=tmp_path, language=language) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "answers-fixed-fp16.csv", "answers-steady.csv", "report.html", "runs.json", "series-fixed-fp16.csv",
        "series-steady.csv", "series.json",
    ]  # fmt: skip
    with (folder / "series-steady.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    series = json.loads((folder / "series.json").read_text(encoding="utf-8"))
    lines = series["policies"]["steady"]["series"]
    assert len(rows) == len(lines) == 600
    assert float(rows[-1]["soc"]) == pytest.approx(lines[-1][series["columns"].index("soc")], rel=1e-8)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert ("夜间待机" in page) == (language == "zh_CN")
    assert ("模拟" in page) == (language == "zh_CN") or "模拟" not in translations("zh_CN").values()


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loads = [name for name, _ in attrs if name in {"src", "href", "xlink:href", "srcset", "data"}]
        if loads or tag in {"script", "link", "iframe", "img", "object"} or any(n.startswith("on") for n, _ in attrs):
            self.found.append(tag)


def test_the_page_is_self_contained_and_holds_the_plots() -> None:
    page = render(load_scenario("travel-day"), PROFILE, results())
    parser = _Links()
    parser.feed(page)
    assert parser.found == []
    assert "url(" not in page
    svgs = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(svgs) == 6 + len(POLICIES) + 2
    for svg in svgs:
        ElementTree.fromstring(svg)  # noqa: S314 - our own
    for title in ("Tier", "Battery", "Skin", "SoC temperature", "Power", "Energy, latency and quality"):
        assert f">{title}</text>" in page
    assert "not measured" in page
    assert "autoglm-desktop bench" in page


def test_what_files_say_is_text_and_never_markup() -> None:
    table = load_scenario("night-standby").model_dump()
    evil = "<script>alert('x')</script>&\"'"
    scenario = load_scenario("night-standby").model_copy(
        update={"name": load_scenario("night-standby").name.model_copy(update={"en": evil, "zh_cn": evil})}
    )
    assert isinstance(scenario, Scenario)
    assert table["id"] == "night-standby"
    page = render(scenario, PROFILE, [run_scenario(scenario, PROFILE, Policy.STEADY)])
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_measured_quality_is_in_the_trade_and_names_its_model() -> None:
    plots = all_plots(load_scenario("travel-day"), results(measured=True))
    assert "KL 0" in plots[-1]
    assert "not measured" not in plots[-1]
    page = render(load_scenario("travel-day"), PROFILE, results(measured=True))
    assert "measured on small by bench" in page


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_verdicts_are_sentences_with_figures(language: str) -> None:
    i18n.install(language, translations(language))
    told = [paragraph(sentences) for sentences in verdicts(results(measured=True))]
    assert len(told) == len(POLICIES)
    assert all(policy.value in text for policy, text in zip(POLICIES, told, strict=True))
    assert re.search(r"\d", told[1])
    if language == "en":
        assert "longer than fixed-fp16" in told[1]
        assert told[0] == "fixed-fp16 misses the goal."


def test_what_was_not_measured_is_said_and_by_which_command() -> None:
    *_, last = (paragraph(sentences) for sentences in verdicts(results()))
    assert "autoglm-desktop bench" in last


def test_the_page_tells_the_same_lasting_as_the_report() -> None:
    scenario = load_scenario("travel-day")
    for measured in (False, True):
        verdict = verdict_of(Comparison(scenario, PROFILE, results(measured=measured)))
        assert verdict is not None
        told = paragraph(scenario_sentences(verdict, str, lambda seconds: f"{seconds / 60.0:.0f} min"))
        more = longer(verdict.other, verdict.best)
        assert more is not None
        assert ("at least" in told) == more.at_least
        assert f"{more.seconds / 60.0:.0f} min longer" in told
        change = perplexity_change(verdict.other, verdict.best)
        assert ("autoglm-desktop bench" in told) == (change is None) == (not measured)
        assert change is None or f"{100 * change:+.1f} %" in told


def test_a_phone_that_is_still_on_at_the_end_lasts_at_least_so_long() -> None:
    on, off = (
        run_scenario(load_scenario("travel-day"), PROFILE, policy) for policy in (Policy.FIXED_INT4, Policy.FIXED_FP16)
    )
    assert on.figures["went_off_s"] is None
    assert off.figures["went_off_s"] is not None
    for base, other, word in ((off, on, "longer"), (on, off, "less")):
        verdict = Verdict(other, base, longer(base, other), None, None, None)
        told = paragraph(scenario_sentences(verdict, str, str))
        assert "at least" in told
        assert word in told
        report = " ".join(str(sentence) for sentences in verdicts([base, other]) for sentence in sentences)
        assert "at least" in report
    assert longer(on, on) is None
    both = Verdict(on, on, None, None, None, None)
    assert "both still on" in paragraph(scenario_sentences(both, str, str))


@pytest.mark.parametrize("place", ["file/sub", "file"])
def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(
    place: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    arguments: list[str | Path] = ["winter-street", "--policy", "steady", "--report", tmp_path / place, "--json"]
    assert _run(*arguments, data_dir=tmp_path) == 1
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "cannot be written" in shown.err.splitlines()[-1]
    assert "Traceback" not in shown.err


def test_unknown_names_and_wrong_usage(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert _run("nowhere", data_dir=tmp_path) == 1
    assert "travel-day" in capfd.readouterr().err
    assert _run("commute", "--phone", "nokia", data_dir=tmp_path) == 1
    assert "nokia" in capfd.readouterr().err
    assert _run("commute", "--policy", "greedy", data_dir=tmp_path) == 2
    assert _run(data_dir=tmp_path) == 2


def test_figures_of_bench_are_kept_and_joined(tmp_path: Path) -> None:
    assert load_quality(tmp_path) is None
    save_figures(tmp_path, "one", {"model": "one", "tiers": {"int8": {"kl": 0.01, "ppl": 9.0}}})
    save_figures(tmp_path, "one", {"model": "one", "tiers": {"int4": {"kl": 0.1, "ppl": 9.9}}})
    found = load_quality(tmp_path, "one")
    assert found == Quality("one", {Tier.INT8: 0.01, Tier.INT4: 0.1}, {Tier.INT8: 9.0, Tier.INT4: 9.9})
    assert load_quality(tmp_path, "another") == found, "the one that was measured last"
    (tmp_path / "measurements" / "bench-one.json").write_text("{", encoding="utf-8")
    assert load_quality(tmp_path, "one") is None


def test_bands_and_stretches_cover_the_time() -> None:
    samples = results()[0].samples
    found = bands(samples)
    assert found[0][0] == 0.0
    assert found[-1][1] == samples[-1].t_s
    assert found[-1][2] == "", "off at the end"
    assert all(a[1] == b[0] and a[2] != b[2] for a, b in pairwise(found))
    stretches = merged(samples, 100)
    energy = sum(sum(watts) * (end - begin) for begin, end, watts in stretches)
    assert energy / 3600.0 == pytest.approx(sum(results()[0].figures["energy_by_part_wh"].values()), rel=1e-6)


def test_axes_have_round_ticks_and_lines_are_thinned_without_losing_peaks() -> None:
    assert nice_ticks(0.0, 100.0) == [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    assert nice_ticks(5.0, 5.0) == [5.0]
    axis = Axis.over([3.0, 3.0])
    assert axis.low < 3.0 < axis.high
    points = [(float(i), 100.0 if i == 4321 else float(i % 7)) for i in range(10_000)]
    kept = thinned(points)
    assert len(kept) <= MAX_POINTS + 4
    assert (4321.0, 100.0) in kept
    assert kept == sorted(kept)
