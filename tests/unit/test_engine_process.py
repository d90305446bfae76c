"""The child itself, spoken to over its pipes: bad lines, the death of its parent, Ctrl-C, its log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine import log
from autoglm_desktop.engine.protocol import Ping, Submit, encode_command
from tests.helpers.tiny_model import write_tiny_model

ROOT = Path(__file__).resolve().parents[2]


class Child:
    def __init__(self, folder: Path) -> None:
        self.log = folder / "engine.log"
        command = [sys.executable, "-m", "tests.helpers.tiny_engine_child", "--threads=1"]
        self.process = subprocess.Popen(
            [*command, "--kv-cache-max-bytes=1000000", f"--log={self.log}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self.ref = ModelRef("tiny", str(write_tiny_model(folder / "tiny")))

    def say(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def ask(self, text: str) -> None:
        messages = (Message.of(Role.USER, text),)
        self.say(encode_command(Submit(TurnRequest("t", self.ref, messages, Tier.INT8, Sampling(), 1_000_000))))

    def until(self, kind: str) -> dict[str, Any]:
        """The next event of a kind."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["kind"] == kind:
                return event
        raise AssertionError(f"the child ended without {kind}")

    def end(self) -> int:
        """Close the input and take what is still said."""
        self.process.communicate(timeout=20)
        return self.process.returncode


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = Child(tmp_path)
    yield child
    if child.process.poll() is None:
        child.process.kill()
        child.process.communicate(timeout=20)


@pytest.mark.parametrize("line", [b"\n", b"no json\n", b'{"kind":"dance"}\n', b"\x00\xff\n", b"[1,2]\n"])
def test_a_malformed_line_is_answered_and_the_child_lives(child: Child, line: bytes) -> None:
    child.say(line)
    assert child.until("refused")["reason"]
    child.say(encode_command(Ping(7)))
    assert child.until("pong")["token"] == 7
    assert child.end() == 0


def test_it_answers_while_a_turn_runs(child: Child) -> None:
    child.ask("endless")
    child.until("text")
    child.say(encode_command(Ping(1)))
    child.until("pong")
    child.until("text")
    child.say(b'{"kind":"cancel","turn_id":"t"}\n')
    assert child.until("finished")["reason"] == "cancelled"
    assert child.end() == 0


def test_the_end_of_the_input_ends_it_in_mid_answer(child: Child) -> None:
    child.ask("endless")
    child.until("text")
    assert child.end() == 0


def test_nobody_listens_any_more(child: Child) -> None:
    child.ask("endless")
    child.until("text")
    assert child.process.stdout is not None
    child.process.stdout.close()
    assert child.process.wait(20) == 0
    assert child.process.stdin is not None
    child.process.stdin.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_is_for_the_parent(child: Child) -> None:
    child.ask("endless")
    child.until("text")
    child.process.send_signal(signal.SIGINT)
    child.say(b'{"kind":"cancel","turn_id":"t"}\n')
    assert child.until("finished")["reason"] == "cancelled"


PARENT = """
import sys
import time
from pathlib import Path
from tests.helpers.recording import Recorder
from tests.unit.test_engine_client import Desk, children
desk = Desk(Path(sys.argv[1]))
desk.ask_endless("a")
try:
    print(children()[0].pid, flush=True)
    while True:
        time.sleep(0.05)
except KeyboardInterrupt:
    alive = children()[0].is_running()
    desk.client.close()
    print("interrupted", alive, children(), flush=True)
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has an engine in mid-answer; the first line that it prints is the engine's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    yield process
    process.kill()
    process.communicate(timeout=20)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_the_death_of_the_parent_ends_the_child(parent: subprocess.Popen[str]) -> None:
    engine = psutil.Process(int(first_line(parent)))
    parent.kill()
    parent.wait(20)
    gone, alive = psutil.wait_procs([engine], timeout=20)
    assert (len(gone), alive) == (1, [])


@pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")
def test_ctrl_c_in_the_terminal_lets_the_parent_decide(parent: subprocess.Popen[str]) -> None:
    first_line(parent)
    os.killpg(parent.pid, signal.SIGINT)
    output, _ = parent.communicate(timeout=20)
    assert output == "interrupted True []\n"
    assert parent.returncode == 0


def test_the_log_is_bounded(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from autoglm_desktop.engine.log import BoundedLog\n"
        "log = BoundedLog(Path(sys.argv[1]), max_bytes=1000); log.take_standard_streams()\n"
        "for n in range(50):\n"
        "    os.write(1, b'native %d\\n' % n); print('python', n, file=sys.stderr, flush=True); log.rotate()\n"
        "    os.write(2, b'x' * 99 + b'\\n')\n"
    )
    path = tmp_path / "logs" / "engine.log"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, cwd=ROOT)
    sizes = {file.name: file.stat().st_size for file in path.parent.iterdir()}
    assert set(sizes) == {"engine.log", "engine.log.1"}
    assert max(sizes.values()) < 1300
    assert "python 49" in log.tail(path, 0)
    assert "native 49" in log.tail(path, 0)


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    assert log.tail(path, 0).startswith("(no log")
    path.write_bytes(b"before after")
    assert log.tail(path, 7) == "after"
    assert log.tail(path, 0, limit_bytes=3) == "ter"
    assert log.tail(path, 99) == ""
