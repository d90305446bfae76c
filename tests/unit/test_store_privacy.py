"""Who may read the conversations, and that purged words are in no file while the store is open."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from autoglm_desktop.store import database
from autoglm_desktop.store.store import Store
from autoglm_desktop.store.wiping import wipe
from tests.helpers.trees import stored

PLANTED = "xylophone-secret-4711"
CHINESE = "密码锁"  # one trigram: the search index has it as it is


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "conversations.sqlite3"


def _planted(folder: Path) -> list[str]:
    """Files that hold a planted word."""
    files = [each for each in sorted(folder.rglob("*")) if each.is_file()]
    return [each.name for each in files if any(word.encode() in each.read_bytes() for word in (PLANTED, CHINESE))]


def _plant(store: Store, count: int = 1) -> list[str]:
    """Conversations with the words in every place, among others without them."""
    stored(store, ["innocent " * 30])
    texts = [f"{PLANTED} {CHINESE}", "lorem " * 3000 + PLANTED, f"{CHINESE} " + "ipsum " * 50]
    made = [stored(store, texts)[0].id for _ in range(count)]
    for conversation_id in made:
        store.rename(conversation_id, f"about {PLANTED} {CHINESE}")
        store.set_system_prompt(conversation_id, f"{PLANTED} {CHINESE} " * 400)
        store.set_system_prompt(conversation_id, None)
    stored(store, ["innocent " * 30])
    return made


def _purge(store: Store, conversation_ids: list[str]) -> None:
    for conversation_id in conversation_ids:
        store.delete(conversation_id)
    store.purge(conversation_ids)


@pytest.mark.parametrize("count", [1, 40])
def test_purged_words_are_in_no_file_while_the_store_is_open(path: Path, count: int) -> None:
    with closing(Store(path)) as store:
        made = _plant(store, count)
        assert _planted(path.parent)
        _purge(store, made)
        assert _planted(path.parent) == []
        assert len(store.conversations()) == 2
        assert len(store.search("innocent")) == 2
        assert store.search(CHINESE) == []


def test_a_reader_in_another_process_only_delays_it(path: Path) -> None:
    with closing(Store(path)) as store, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        made = _plant(store)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM node").fetchone()
        _purge(store, made)
        assert _planted(path.parent), "the reader still sees the state before"
        reader.execute("COMMIT")
        stored(store, ["the next write is the next chance"])
        assert _planted(path.parent) == []


def test_what_a_reader_held_to_the_end_is_gone_after_the_next_opening(path: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as _, closing(Store(path)) as store:
        made = _plant(store)
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM node").fetchone()
        _purge(store, made)
    reader.close()
    with closing(Store(path)):
        assert _planted(path.parent) == []


def test_what_a_killed_process_had_deleted_is_gone_once_it_is_opened(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store(path)) as store:
        for conversation_id in _plant(store):
            store.delete(conversation_id)
    monkeypatch.setattr(database, "PURGE_AFTER_S", -1.0)
    with closing(Store(path)):
        assert _planted(path.parent) == []


def test_a_large_index_is_merged_in_bounded_steps(path: Path) -> None:
    with closing(Store(path)) as store:
        for number in range(60):
            stored(store, [f"{number} " + "".join(chr(0x4E00 + (number * 997 + i * 31) % 20000) for i in range(600))])
        done = [wipe(store._connection, 1) for _ in range(200)]
        assert done[0] is False
        assert done[-1] is True
        statements: list[str] = []
        store._connection.set_trace_callback(statements.append)
        stored(store, ["without a purge nothing is wiped"])
        assert not [each for each in statements if "merge" in each or "checkpoint" in each]


def _rights(folder: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in [folder, *folder.rglob("*")]}


def _open(folder: Path) -> None:
    for each in [folder, *folder.rglob("*")]:
        each.chmod(0o755 if each.is_dir() else 0o644)


@pytest.mark.parametrize("before", [lambda _: None, _open], ids=["new", "of an older version"])
def test_conversations_are_their_owners_alone(path: Path, before: Callable[[Path], None]) -> None:
    with closing(Store(path)) as store:
        _plant(store)
        store.attachments.put(b"image", "image/png")
    before(path.parent)
    with closing(Store(path)) as store:
        _plant(store)
        rights = _rights(path.parent)
        names = (path.name, f"{path.name}-wal", f"{path.name}-shm", path.parent.name)
        assert [rights[name] for name in names] == [0o600, 0o600, 0o600, 0o700]


@pytest.fixture(autouse=True)
def a_careless_umask() -> Iterator[None]:
    import os

    before = os.umask(0)
    yield
    os.umask(before)


def test_a_file_that_may_only_be_read_stays_so(path: Path) -> None:
    with closing(Store(path)):
        pass
    path.chmod(0o444)
    with closing(Store(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
