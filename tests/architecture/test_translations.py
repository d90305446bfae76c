"""Every string that a person sees has a Chinese translation that fits, and the catalogue holds nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from autoglm_desktop.assets import translations
from tests.helpers.scripts import load_script

script: Any = load_script("make_i18n")


def test_every_string_is_a_literal_with_a_fitting_translation() -> None:
    found = script.calls()
    assert len(found) > 100
    assert script.complaints(found, translations("zh_CN")) == []


def test_no_stale_entries_and_sorted() -> None:
    catalogue = translations("zh_CN")
    assert script.stale(script.calls(), catalogue) == []
    assert list(catalogue) == sorted(catalogue)


def test_translations_are_chinese_unless_a_name_stands_for_itself() -> None:
    """A translation that equals its source has no word in it but names and signs that are the same in both."""
    same = {source for source, translation in translations("zh_CN").items() if source == translation}
    words = {source: re.sub(r"\{[^}]*\}", "", source).split() for source in same}
    ordinary = {source for source in same if any(word.islower() and len(word) > 3 for word in words[source])}
    assert ordinary == set()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ('tr("A")', ["missing: 'A'"]),
        ('i18n.msg("A {n}", n=1)', ["missing: 'A {n}'"]),
        ("tr(name)", ["x.py:1: the first argument is not a literal"]),
        ('tr(f"{name}")', ["x.py:1: the first argument is not a literal"]),
        ('tr("known {n}", m=1)', ["x.py:1: parameters ['m'] do not fit 'known {n}'"]),
        ('tr("known {n}")', ["x.py:1: no values for 'known {n}'"]),
        ('tr("other {n}", n=2)', ["placeholders differ: 'other {n}' -> '其他'"]),
        ('tr("known {n}", **values)', []),
        ('self.tr(name); widget.tr("A")', []),
    ],
)
def test_what_is_wrong_is_found(source: str, told: list[str]) -> None:
    catalogue = {"known {n}": "已知 {n}", "other {n}": "其他"}
    assert script.complaints(list(script.calls_in(source, "x.py")), catalogue) == told


def test_merging_adds_replaces_drops_and_sorts() -> None:
    found = list(script.calls_in('tr("b"); tr("a"); tr("c")', "x.py"))
    merged = script.merge(found, {"c": "旧", "gone": "旧"}, [{"a": "甲", "unused": "无"}, {"c": "新", "b": "乙"}])
    assert list(merged.items()) == [("a", "甲"), ("b", "乙"), ("c", "新")]


def test_the_script_writes_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = tmp_path / "zh_CN.json"
    catalogue.write_text('{"stale": "旧"}', encoding="utf-8")
    given = tmp_path / "given.json"
    given.write_text(json.dumps(translations("zh_CN")), encoding="utf-8")
    monkeypatch.setattr(script, "CATALOGUE", catalogue)
    monkeypatch.setattr("sys.argv", ["make_i18n.py", str(given)])
    assert script.main() == 0
    assert json.loads(catalogue.read_text(encoding="utf-8")) == translations("zh_CN")
