"""Text files of other editors at every door, and how much work a hostile one makes."""

from __future__ import annotations

import codecs
import io
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.cli.chat import _standard_input
from autoglm_desktop.core import text_files
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.kiosk import load_kiosk
from autoglm_desktop.core.settings import load_settings
from autoglm_desktop.core.text_files import decode, parse_json, parse_toml, read_text
from autoglm_desktop.energy.profile import read_profile
from autoglm_desktop.energy.scenario_files import read_scenario
from autoglm_desktop.energy.sweep import read_grid
from autoglm_desktop.engine.runtime.config import read_config
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from autoglm_desktop.models.catalogue import Catalogue
from autoglm_desktop.models.convert import convert
from autoglm_desktop.models.progress import silent
from tests.helpers.tiny_gguf import write_tiny_gguf
from tests.unit.test_scenario_files import PLAIN

Read = Callable[[Path], object]
RESOURCES = Path(__file__).parents[2] / "resources"
KIOSK = 'pin = "123456"\nlanguage = "en"\n'
GRID = 'scenarios = ["commute"]\nseeds = [1]\n'
DOORS: list[tuple[Read, str]] = [
    (read_scenario, PLAIN),
    (read_profile, (RESOURCES / "phones" / "guide-phone.toml").read_text(encoding="utf-8")),
    (load_kiosk, KIOSK),
    (read_grid, GRID),
    (Catalogue.load, (RESOURCES / "models.toml").read_text(encoding="utf-8")),
]
IDS = ["scenario", "phone", "kiosk", "sweep", "models"]
ENCODINGS = {
    "plain": lambda text: text.encode(),
    "mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "utf-16 big-endian": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "windows lines": lambda text: codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize(("read", "text"), DOORS, ids=IDS)
@pytest.mark.parametrize("encode", [pytest.param(e, id=name) for name, e in ENCODINGS.items()])
def test_files_of_every_editor_are_read(tmp_path: Path, read: Read, text: str, encode: Callable[[str], bytes]) -> None:
    path, plain = tmp_path / "guide-phone.toml", tmp_path / "plain.toml"
    path.write_bytes(encode(text))
    plain.write_bytes(text.encode())
    assert read(path) == read(plain)


@pytest.mark.parametrize(("read", "text"), DOORS, ids=IDS)
@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("# 中文\n".encode("gbk"), "not UTF-8"),
        ("# café\n".encode("latin-1"), "not UTF-8"),
        (b"# \0\n", "not UTF-8"),
        (codecs.BOM_UTF32_LE + "# x\n".encode("utf-32-le"), "not UTF-8"),
        (codecs.BOM_UTF16_LE + b"a", "not UTF-8"),
        (b"id = [", "no valid TOML in line"),
        (b"x = " + b"9" * 5000, "number or date"),
        (b"x = " + b"[" * 5000, "nested too deeply in line"),
        (b"a." * 5000 + b"a = 1", "nested too deeply in line"),
        (b"x = " + b"{a=" * 5000, "nested too deeply in line"),
    ],
    ids=["gbk", "latin-1", "zero", "utf-32", "half", "syntax", "digits", "arrays", "dots", "tables"],
)
def test_what_is_no_text_or_no_toml_is_refused_with_place_and_next_step(
    tmp_path: Path, read: Read, text: str, raw: bytes, said: str
) -> None:
    path = tmp_path / "guide-phone.toml"
    path.write_bytes(text.encode() + raw if said == "not UTF-8" and not raw.startswith(b"\xff\xfe") else raw)
    with pytest.raises(AppError, match=said) as caught:
        read(path)
    report = caught.value.report
    assert report.code is ErrorCode.BAD_INPUT
    assert str(path) in report.line()
    assert str(report.next_step)
    assert "codec" not in report.line()


@pytest.mark.parametrize(("read", "text"), DOORS, ids=IDS)
def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path, read: Read, text: str) -> None:
    for path in (tmp_path, tmp_path / "gone.toml"):
        with pytest.raises(AppError) as caught:
            read(path)
        assert str(path) in caught.value.report.line()


def test_numbers_beyond_every_bound_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    for number, said in (("0x" + "f" * 5000, "number or date"), ("1e999", "battery_percent"), ("-1e999", "battery")):
        path.write_text(PLAIN.replace("80", number), encoding="utf-8")
        with pytest.raises(AppError, match=said):
            read_scenario(path)


@pytest.mark.parametrize(
    "text",
    [
        "a." * 50_000 + "a = 1",
        "[" + "a." * 50_000 + "a]",
        "".join(f'"{i}" . ' for i in range(12_000)) + "x = 1",
        "x = " + "[" * 100_000,
        "x = " + "{a=" * 30_000,
        "a = 1\n" + "b.c." * 25_000 + "d = 1",
    ],
    ids=["keys", "header", "quoted", "arrays", "tables", "later line"],
)
def test_hostile_toml_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(tomllib, "loads", parsed.append)
    with pytest.raises(AppError, match="nested too deeply"):
        parse_toml(text, "x.toml")
    assert parsed == []


@pytest.mark.parametrize(
    "text",
    ['x = """' + '\\"""' * 25_000, "'''" * 33_333, 'x="' * 33_333, '"""' * 33_333, "#" * 100_000, "\\" * 100_000],
)
def test_the_scan_looks_at_each_character_once(text: str) -> None:
    tokens = text_files._TOML_TOKEN.findall(text)
    assert sum(map(len, tokens)) <= len(text)


@given(
    st.recursive(
        st.integers(-(2**60), 2**60) | st.booleans() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3),
        max_leaves=12,
    )
)
def test_the_scan_refuses_nothing_that_a_program_writes(value: object) -> None:
    import tomli_w

    text = tomli_w.dumps({"x": value, "long": "a." * 60 + "\n[[[[" * 40})
    assert parse_toml(text, "x.toml") == tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n"))


def test_deep_and_long_json_is_a_value_error() -> None:
    for text in ("[" * 100_000, "9" * 5000, "{", '{"a": ' * 50_000):
        with pytest.raises(ValueError, match=r".+"):
            parse_json(text)


def test_line_ends_are_plain_and_a_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(codecs.BOM_UTF8 + b"a\r\nb\rc\n")
    assert read_text(path) == "a\nb\nc\n"
    assert decode(b"") == decode(codecs.BOM_UTF8) == ""
    with pytest.raises(AppError, match="at most 3"):
        read_text(path, 3)


@pytest.mark.parametrize("encode", [pytest.param(e, id=name) for name, e in ENCODINGS.items()])
def test_settings_of_every_editor(tmp_path: Path, encode: Callable[[str], bytes]) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(encode('{\n"language": "en"\n}'))
    settings, notices = load_settings(path)
    assert (settings.language, notices) == ("en", ())


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'{"threads": ' + b"9" * 5000 + b"}", b'{"a": ' * 5000, b"\xff\xfe\xfd", b'{"a": "\0"}']
)
def test_settings_that_cannot_be_are_set_aside(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(raw)
    settings, notices = load_settings(path)
    assert settings.language == "system"
    assert len(notices) == 1
    assert len(list(tmp_path.glob("settings.json.bad-*"))) == 1


def test_the_configuration_of_a_model_folder_may_have_a_mark(tmp_path: Path) -> None:
    config = {
        "model_type": "llama", "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "vocab_size": 32, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
    }  # fmt: skip
    (tmp_path / "config.json").write_bytes(codecs.BOM_UTF8 + json.dumps(config).encode())
    assert read_config(tmp_path).vocab == 32
    for raw in (b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", "{} 中".encode("gbk")):
        (tmp_path / "config.json").write_bytes(raw)
        with pytest.raises(AppError, match="configuration cannot be read"):
            read_config(tmp_path)


def test_every_text_of_a_model_folder_may_have_a_mark(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "x.gguf")
    folder = tmp_path / "model"
    folder.mkdir()
    convert(tmp_path / "x.gguf", folder, silent())
    plain = TokenizerBundle.load(folder).encode("hello")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json"):
        (folder / name).write_bytes(codecs.BOM_UTF8 + (folder / name).read_bytes())
    assert TokenizerBundle.load(folder).encode("hello") == plain
    assert read_config(folder).vocab > 0
    (folder / "chat_template.jinja").write_bytes("中".encode("gbk"))
    with pytest.raises(AppError) as caught:
        TokenizerBundle.load(folder)
    assert caught.value.report.code is ErrorCode.TEMPLATE_BROKEN


@pytest.mark.parametrize("encode", [pytest.param(e, id=name) for name, e in ENCODINGS.items()])
def test_a_question_from_standard_input(monkeypatch: pytest.MonkeyPatch, encode: Callable[[str], bytes]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(encode("你是谁?\nhello"))))
    assert _standard_input() == "你是谁?\nhello"


@pytest.mark.parametrize("raw", ["你好".encode("gbk"), b"a\0b", codecs.BOM_UTF16_LE + b"a"])
def test_a_question_that_is_no_text_is_refused_with_the_place(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
    with pytest.raises(AppError, match="from byte"):
        _standard_input()
