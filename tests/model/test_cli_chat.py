"""``chat`` on real weights: what it prints, what it keeps, how it ends."""

from __future__ import annotations

import codecs
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.store.store import Store
from autoglm_desktop.ui.paths import DataPaths
from tests.helpers.command_line import LIMIT_S, assert_failed, command, environment, run
from tests.helpers.real_models import QWEN, SMOLLM, real_model

pytestmark = pytest.mark.model

FIELDS = {
    "text",
    "reasoning",
    "model",
    "tier",
    "finish_reason",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "load_s",
    "ttft_s",
    "prefill_tok_s",
    "decode_tok_s",
    "rss_mb",
    "seed",
    "energy",
    "from_cache",
    "answered_by",
}
SHORT = ("--model", SMOLLM, "--tier", "int8", "--system", "Be brief.")


@pytest.fixture
def data_dir(tmp_path: Path, shared_data_dir: Path) -> Path:
    """Conversations and settings of its own, the models of all."""
    real_model(shared_data_dir, SMOLLM)
    (tmp_path / "models").symlink_to(shared_data_dir / "models")
    return tmp_path


def test_json_has_every_field_and_standard_output_nothing_else(data_dir: Path) -> None:
    done = run(data_dir, "chat", *SHORT, "--max-tokens", "8", "--temperature", "0", "--json", "Say hello.")
    assert done.status == 0, done.err
    found = done.json
    assert set(found) == FIELDS
    assert found["text"].strip()
    assert found["model"] == SMOLLM
    assert found["tier"] == "int8"
    assert found["finish_reason"] in {"stop", "length"}
    assert 1 <= found["completion_tokens"] <= 9
    assert found["prompt_tokens"] > 5
    assert found["cached_tokens"] == 0
    assert found["ttft_s"] > 0
    assert found["rss_mb"] > 100
    assert found["energy"]["label"] == "simulated"
    assert found["energy"]["joules"] > 0
    assert done.err == "", "no terminal, no progress"
    assert not DataPaths(data_dir).store.exists(), "without a session nothing is kept"
    left = json.loads(DataPaths(data_dir).settings.read_text())["phone_battery"]
    spent_j = (0.8 - left) * 19.4 * 3600.0
    assert spent_j > 0.9 * found["energy"]["joules"], "but the phone that worked for it stays drained"


def test_a_seed_makes_an_answer_repeatable(data_dir: Path) -> None:
    asked = ("chat", *SHORT, "--max-tokens", "12", "--temperature", "1.5", "--seed", "7", "--json", "Tell me a story.")
    first, second = (run(data_dir, *asked).json for _ in range(2))
    assert first["text"] == second["text"]
    assert first["seed"] == second["seed"] == 7


def test_plain_output_is_the_answer_and_the_cost_goes_to_stderr(data_dir: Path) -> None:
    asked = ("chat", *SHORT, "--max-tokens", "6", "--temperature", "0")
    done = run(data_dir, *asked, "-", stdin="Say hello.".encode("utf-8-sig"))
    assert done.status == 0, done.err
    assert done.text.strip()
    assert "tok/s" not in done.text
    assert re.search(r"\d+ tokens in .* INT8 · .* \d+(\.\d+)? m?J simulated", done.err)
    with_cost = run(data_dir, *asked, "--stats", "Say hello.")
    assert with_cost.text.startswith(done.text.rstrip("\n"))
    assert "J simulated (guide-phone)" in with_cost.text
    assert with_cost.err == ""


def test_a_session_is_kept_and_gone_on_with(data_dir: Path) -> None:
    asked = ("chat", *SHORT, "--max-tokens", "6", "--json", "--session", "my work")
    first = run(data_dir, *asked, "My name is Ann.").json
    second = run(data_dir, *asked, "What is my name?").json
    assert second["prompt_tokens"] > first["prompt_tokens"] + first["completion_tokens"]
    store = Store(DataPaths(data_dir).store)
    (conversation,) = store.conversations()
    path = store.path_of(conversation.id)
    store.close()
    assert conversation.title == "my work"
    assert [node.text for node in path if node.role == "user"] == ["My name is Ann.", "What is my name?"]
    assert path[1].text == first["text"]


def test_a_corrupt_database_is_set_aside_and_said(data_dir: Path) -> None:
    DataPaths(data_dir).store.write_bytes(b"not a database at all" * 500)
    done = run(data_dir, "chat", *SHORT, "--max-tokens", "4", "--session", "work", "hello")
    assert done.status == 0, done.err
    assert "kept" in done.err
    assert any(path.read_bytes().startswith(b"not a database") for path in data_dir.glob("conversations*"))


def test_an_empty_question_is_refused(data_dir: Path) -> None:
    assert_failed(run(data_dir, "chat", *SHORT, "-", stdin=b" \n"), "empty")
    assert_failed(run(data_dir, "chat", *SHORT, "--session", " ", "hi"), "session")


def test_a_question_longer_than_the_context_tells_the_figures(data_dir: Path) -> None:
    assert_failed(run(data_dir, "chat", *SHORT, "-", stdin=b"one two three " * 3000), "tokens")


def test_ctrl_c_stops_the_answer_keeps_it_and_is_status_130(data_dir: Path) -> None:
    arguments = ("chat", *SHORT, "--max-tokens", "2000", "--session", "stopped", "Count from one to a million.")
    with subprocess.Popen(
        command(*arguments), bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(data_dir)
    ) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, err
    assert first
    assert b"Traceback" not in err
    store = Store(DataPaths(data_dir).store)
    answer = store.path_of(store.conversations()[0].id)[1]
    store.close()
    assert answer.finish == "cancelled"
    assert answer.text.strip() == (first + out).decode().strip()


def test_ctrl_c_while_it_loads_is_status_130(data_dir: Path) -> None:
    with subprocess.Popen(
        command("chat", *SHORT, "--log-level", "info", "hello"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(data_dir),
    ) as process:
        log = DataPaths(data_dir).engine_log
        deadline_s = time.monotonic() + LIMIT_S
        while not log.exists() and process.poll() is None:
            assert time.monotonic() < deadline_s
            select.select([], [], [], 0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, err
    assert b"Traceback" not in err


def test_a_second_run_needs_no_network(data_dir: Path) -> None:
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = run(data_dir, "models", "pull", SMOLLM, "--json", env=nowhere)
    assert done.status == 0, done.err
    assert set(done.json) == {"id", "folder", "disk_bytes", "seconds"}
    assert run(data_dir, "chat", *SHORT, "--max-tokens", "2", "hi", env=nowhere).status == 0


def test_prepare_and_verify_and_show(data_dir: Path) -> None:
    prepared = run(data_dir, "models", "prepare", SMOLLM, "--tier", "int8", "--json")
    assert prepared.status == 0, prepared.err
    assert prepared.json["tiers"]["int8"]["seconds"] > 0
    assert run(data_dir, "models", "verify", SMOLLM, "--json").json["ok"]
    shown = run(data_dir, "models", "show", SMOLLM, "--json").json
    assert shown["installed"]
    assert Path(shown["folder"]).is_dir()


def test_a_damaged_model_is_found_and_said(tmp_path: Path, shared_data_dir: Path) -> None:
    source = real_model(shared_data_dir, SMOLLM)
    folder = tmp_path / "models" / SMOLLM
    folder.mkdir(parents=True)
    for file in source.iterdir():
        if file.is_file() and file.name != "tokenizer.json":
            (folder / file.name).hardlink_to(file)
    damaged = bytearray((source / "tokenizer.json").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / "tokenizer.json").write_bytes(damaged)
    done = run(tmp_path, "models", "verify", "--json")
    assert done.status == 1
    assert not done.json["ok"]
    assert "tokenizer.json" in done.json["models"][0]["detail"]
    checks = {check["name"]: check for check in run(tmp_path, "doctor", "--json").json["checks"]}
    assert not checks["model"]["ok"]
    (folder / "tokenizer.json").write_bytes(damaged[:1000])
    cut = run(tmp_path, "models", "verify", "--json")
    assert (cut.status, cut.json["ok"]) == (1, False)
    assert "tokenizer.json" in cut.json["models"][0]["detail"]


def test_the_guides_question_is_answered_in_chinese_without_a_display_and_a_terminal(
    tmp_path: Path, shared_data_dir: Path
) -> None:
    real_model(shared_data_dir, QWEN)
    (tmp_path / "models").symlink_to(shared_data_dir / "models")
    done = run(tmp_path)
    assert done.status == 0, done.err
    assert re.search(r"[\u4e00-\u9fff]", done.text)
    assert "J simulated (guide-phone)" in done.text


_ON_THE_TERMINAL = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
"""Opening it makes it the controlling terminal of a new session, which Ctrl-C needs."""


class Terminal:
    """A process on a terminal of its own. Leaving the context ends it, however the test went."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self._side, inner = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_THE_TERMINAL, *command(*arguments)],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=environment(data_dir, {"TERM": "xterm", "COLUMNS": "200"}),
            start_new_session=True,
        )
        os.close(inner)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._side)

    def type(self, text: str) -> None:
        os.write(self._side, text.encode())

    def wait_for(self, pattern: str) -> str:
        """What has been printed up to the pattern, which is then forgotten."""
        deadline_s = time.monotonic() + LIMIT_S
        while (found := re.search(pattern, self.seen)) is None:
            assert time.monotonic() < deadline_s, f"{pattern!r} did not come: {self.seen!r}"
            if select.select([self._side], [], [], 1.0)[0]:
                self.seen += self._read()
        before, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return before

    def end(self, key: str = "") -> int:
        """The status, once it ended. `key` is pressed every second: Python's readline misses a signal that comes
        between its prompt and its wait."""
        deadline_s, press_s = time.monotonic() + LIMIT_S, time.monotonic()
        while self.process.poll() is None:
            assert time.monotonic() < deadline_s, self.seen
            if key and time.monotonic() >= press_s:
                self.type(key)
                press_s += 1.0
            if select.select([self._side], [], [], 0.1)[0]:
                self.seen += self._read()
        return self.process.returncode

    def _read(self) -> str:
        try:
            return self._decoder.decode(os.read(self._side, 65536))
        except OSError:  # the other side is closed
            return ""


def test_a_conversation_in_the_terminal(data_dir: Path) -> None:
    with Terminal(data_dir, "chat", *SHORT, "--max-tokens", "8", "--session", "talk") as terminal:
        terminal.wait_for("› ")
        terminal.type("/help\n")
        assert "/retry" in terminal.wait_for("/quit.*\n")
        terminal.type("/nonsense\n")
        terminal.wait_for("no command /nonsense")
        terminal.type("/tier int4\n")
        terminal.wait_for("INT4: ")
        terminal.type("Say hello.\n")
        assert "INT4" in terminal.wait_for("J simulated")
        terminal.type("And now goodbye.\n")
        reused = re.search(r"cache reused (\d+) of", terminal.wait_for("J simulated"))
        assert reused is not None
        assert int(reused[1]) > 10, "the second turn goes on with the first one's cache"
        terminal.type("/retry\n")
        terminal.wait_for("J simulated")
        terminal.wait_for("› ")
        terminal.type("\x04")
        assert terminal.end() == 0
    store = Store(DataPaths(data_dir).store)
    (conversation,) = store.conversations()
    assert len(store.tree_of(conversation.id)) == 5, "two questions, two answers, one of them made twice"
    store.close()


def test_ctrl_c_in_the_terminal_stops_the_answer_then_leaves(data_dir: Path) -> None:
    with Terminal(data_dir, "chat", *SHORT, "--max-tokens", "2000") as terminal:
        terminal.wait_for("› ")
        terminal.type("Count from one to a million, slowly.\n")
        terminal.wait_for(r"million, slowly\.[\s\S]*[A-Za-z0-9]{3}")
        terminal.type("\x03")
        terminal.wait_for("Ctrl-C once more leaves")
        terminal.wait_for("› ")
        assert terminal.end("\x03") == 130
        assert "Traceback" not in terminal.seen


def test_models_of_the_library_are_those_of_the_command_line(data_dir: Path) -> None:
    listed = run(data_dir, "models", "list", "--json").json["models"]
    assert [m["id"] for m in listed] == [info.id for info in ModelLibrary(data_dir).list()]
