"""More than one process, and processes that die: nothing that was said is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.store.attachments import Attachments
from autoglm_desktop.store.store import Store
from tests.helpers.assistants import assistant_over
from tests.helpers.manual_engine import ManualEngine
from tests.helpers.store_process import PROMPT, REPLY
from tests.helpers.trees import texts_of

_ROOT = Path(__file__).parents[2]
_TIMEOUT_S = 60


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.store_process", *arguments],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _result(process: subprocess.Popen[str]) -> str:
    with process:
        output, errors = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0, errors
    return output.strip()


def test_killed_in_mid_answer_the_prompt_and_the_partial_answer_are_there(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    with _start("stream", str(path)) as process:
        assert process.stdout is not None
        conversation_id = process.stdout.readline().strip()
        arrived = process.stdout.readline().rstrip("\n")
        process.send_signal(signal.SIGKILL)
        assert process.wait(_TIMEOUT_S) == -signal.SIGKILL
    assert len(arrived) > 8
    assert REPLY.startswith(arrived)
    with closing(Store(path)) as store:
        assert store.notices == ()
        prompt, answer = store.path_of(conversation_id)
        assert prompt.text == PROMPT
        assert (answer.text, answer.state) == (arrived, NodeState.INTERRUPTED)
        assert len(store.search("写一首诗")) == 1
        assert len(store.search("sea is")) == 1


def test_an_answer_of_a_living_process_is_spared_until_that_dies(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    with _start("stream", str(path)) as process:
        assert process.stdout is not None
        conversation_id = process.stdout.readline().strip()
        process.stdout.readline()
        with closing(Store(path)) as store:
            assert store.path_of(conversation_id)[-1].state is NodeState.STREAMING
        with assistant_over(ManualEngine(), path) as (assistant, _):
            assert not assistant.is_busy(conversation_id)
            assert assistant.path(conversation_id)[-1].state is NodeState.INTERRUPTED
        process.send_signal(signal.SIGKILL)
        assert process.wait(_TIMEOUT_S) == -signal.SIGKILL
    with closing(Store(path)) as store:
        assert store.path_of(conversation_id)[-1].state is NodeState.INTERRUPTED


def test_an_answer_that_ended_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    engine = ManualEngine()
    with assistant_over(engine, path) as (assistant, heard):
        folder = path.with_name(path.name + ".answering")
        for number in range(2):
            answer = assistant.send(assistant.new_conversation().id, PROMPT)
            assert [lock.stem for lock in folder.iterdir()] == [answer.id]
            if number == 0:
                engine.turns[-1].finish()
                heard.wait_finished(answer.id)
                assert list(folder.iterdir()) == []
    assert list(folder.iterdir()) == []


def test_killed_while_an_image_is_read_prompt_and_image_are_there_and_the_temporary_copy_goes(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    with _start("read", str(path)) as process:
        assert process.stdout is not None
        conversation_id = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
        assert process.wait(_TIMEOUT_S) == -signal.SIGKILL
    (left,) = (tmp_path / "private").iterdir()
    hour_ago_s = time.time() - 3600
    os.utime(left, (hour_ago_s, hour_ago_s))
    with assistant_over(ManualEngine(), path) as (assistant, _):
        assert not left.exists()
        prompt, answer = assistant.path(conversation_id)
        assert (prompt.text, answer.state) == (PROMPT, NodeState.INTERRUPTED)
        part = prompt.parts[0]
        assert isinstance(part, ImagePart)
        data = assistant.image_path(part.sha256).read_bytes()
        assert Attachments.hash_of(data) == part.sha256


def test_two_processes_write_to_one_file_and_both_are_complete(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    writers = [_start("write", str(path), name, "60") for name in ("first", "second")]
    for writer in writers:
        _result(writer)
    with closing(Store(path)) as store:
        assert store.notices == ()
        for conversation in store.conversations():
            expected = ["begin", *(f"{conversation.title} {number}" for number in range(60))]
            assert texts_of(store.path_of(conversation.id)) == expected
        assert sorted(each.title for each in store.conversations()) == ["first", "second"]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.execute("INSERT INTO node_fts(node_fts, rank) VALUES ('integrity-check', 1)")


def test_of_two_processes_that_find_damage_one_sets_it_aside(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    path.write_bytes(b"damage " * 1000)
    openers = [_start("open", str(path)) for _ in range(3)]
    assert sorted(_result(opener) for opener in openers) == ["0", "0", "1"]
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 1
