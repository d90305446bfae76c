"""Opening a store: damage, newer versions, folders that cannot be written, full disks, migrations."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.messages import Role
from autoglm_desktop.store import schema
from autoglm_desktop.store.failures import told
from autoglm_desktop.store.store import Store
from tests.helpers.trees import node, stored, texts_of


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    return_path = tmp_path / "data" / "conversations.sqlite"
    yield return_path
    assert not list(tmp_path.rglob("*.suspect")), "a check that was asked for was not made"


def _aside(path: Path) -> list[Path]:
    return sorted(each for each in path.parent.iterdir() if re.search(r"\.corrupt-[\d-]+$", each.name))


def _filled(path: Path, messages: int = 4) -> str:
    with closing(Store(path)) as store:
        conversation, _ = stored(store, [f"message {number} " + "lorem " * 200 for number in range(messages)])
    return conversation.id


def test_a_new_store_is_in_wal_mode_with_its_version_and_foreign_keys(path: Path) -> None:
    _filled(path)
    with closing(Store(path)) as store:
        db = store._connection
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(schema.MIGRATIONS)
        with pytest.raises(sqlite3.IntegrityError), store._writing() as writing:
            writing.execute("UPDATE node SET conversation_id = 'nobody'")


def test_the_prompt_is_synchronised_and_a_partial_answer_is_not(path: Path) -> None:
    with closing(Store(path)) as store:
        conversation, nodes = stored(store, ["q"])
        statements: list[str] = []
        store._connection.set_trace_callback(statements.append)
        store.add_nodes(conversation.id, [node(conversation.id, nodes[0], Role.ASSISTANT, "a")])
        assert "PRAGMA synchronous = FULL" in statements
        statements.clear()
        store.save_partial(nodes[0])
        assert "PRAGMA synchronous = NORMAL" in statements


@pytest.mark.parametrize(
    "content",
    [b"not a database at all, but longer than a header " * 20, b"SQLite format 3\x00" + bytes(4000), b"x"],
    ids=["text", "zeros after the magic", "one byte"],
)
def test_a_damaged_file_is_kept_aside_and_said(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with closing(Store(path)) as store:
        (notice,) = store.notices
        (aside,) = _aside(path)
        assert str(aside) in str(notice)
        assert aside.read_bytes() == content
        stored(store, ["works"])
    with closing(Store(path)) as again:
        assert again.notices == ()
        assert len(again.conversations()) == 1


def test_another_programs_database_is_damage_too(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("CREATE TABLE recipes (name TEXT)")
    with closing(Store(path)) as store:
        assert len(store.notices) == 1
    (aside,) = _aside(path)
    with closing(sqlite3.connect(aside)) as kept:
        assert kept.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_two_damaged_files_within_a_second_are_both_kept(path: Path) -> None:
    path.parent.mkdir()
    for content in (b"first " * 100, b"second " * 100):
        path.write_bytes(content)
        for journal in ("-wal", "-shm"):
            path.with_name(path.name + journal).unlink(missing_ok=True)
        Store(path).close()
    assert {each.read_bytes() for each in _aside(path)} == {b"first " * 100, b"second " * 100}


def test_damage_found_in_use_is_an_error_now_and_kept_aside_at_the_next_start(path: Path) -> None:
    conversation_id = _filled(path, 200)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))
    with closing(Store(path)) as store, pytest.raises(AppError) as damage:
        store.path_of(conversation_id)
    assert damage.value.report.code is ErrorCode.STORE_CORRUPT
    with closing(Store(path)) as fresh:
        assert len(fresh.notices) == 1
        assert fresh.conversations() == []
    assert len(_aside(path)) == 1


def test_a_damaged_search_index_is_made_anew(path: Path) -> None:
    conversation_id = _filled(path)
    with closing(Store(path)) as store:
        store._connection.execute("DELETE FROM node_fts_data WHERE id > 10")
    with closing(Store(path)) as store:
        with pytest.raises(AppError) as damage:
            store.search("message")
        assert damage.value.report.code is ErrorCode.STORE_CORRUPT
    with closing(Store(path)) as again:
        assert again.notices == ()
        assert len(again.path_of(conversation_id)) == 4
        assert len(again.search("message")) == 1


def test_a_search_index_beyond_use_never_keeps_the_application_from_starting(path: Path) -> None:
    _filled(path)
    with closing(Store(path)) as store:
        store._connection.execute("DELETE FROM node_fts_data")
    with closing(Store(path)) as fresh:
        assert len(fresh.notices) == 1
        stored(fresh, ["works"])
    assert len(_aside(path)) == 1


def test_a_newer_version_is_refused_and_its_file_left_as_it_is(path: Path) -> None:
    _filled(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 4}")
    before = path.read_bytes()
    with pytest.raises(AppError) as newer:
        Store(path)
    assert newer.value.report.code is ErrorCode.STORE_NEWER
    assert str(len(schema.MIGRATIONS) + 4) in newer.value.report.line()
    assert path.read_bytes() == before
    assert _aside(path) == []


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AppError) as refused:
        Store(tmp_path / "file" / "data" / "conversations.sqlite")
    assert refused.value.report.code is ErrorCode.NOT_WRITABLE
    assert refused.value.report.next_step.english()


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite"
    path.mkdir()
    with pytest.raises(AppError) as refused:
        Store(path)
    assert refused.value.report.code is ErrorCode.NOT_WRITABLE


def test_a_full_disk_changes_nothing_and_says_so(path: Path) -> None:
    with closing(Store(path)) as store:
        conversation, nodes = stored(store, ["q", "a"])
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        large = node(conversation.id, nodes[1], Role.USER, "x" * 1_000_000)
        with pytest.raises(AppError) as full:
            store.add_nodes(conversation.id, [large])
        assert full.value.report.code is ErrorCode.DISK_FULL
        assert texts_of(store.path_of(conversation.id)) == ["q", "a"]
        store._connection.execute("PRAGMA max_page_count = 1000000")
        store.add_nodes(conversation.id, [large])
        assert len(store.path_of(conversation.id)) == 3


def test_an_input_output_error_on_a_full_disk_is_called_a_full_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    path.parent.mkdir()
    for free, code in ((0, ErrorCode.DISK_FULL), (1 << 30, ErrorCode.NOT_WRITABLE)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        with pytest.raises(AppError) as told_error, told(path):
            raise error
        assert told_error.value.report.code is code


def test_a_database_that_another_process_holds_is_busy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Store(path)) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        store._connection.execute("PRAGMA busy_timeout = 20")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AppError) as busy:
            stored(store, ["q"])
        assert busy.value.report.code is ErrorCode.BUSY
        other.execute("ROLLBACK")
        stored(store, ["q"])


def test_migrations_run_in_order_and_a_failing_one_leaves_the_old_version(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as db:
        schema.migrate(db, ["CREATE TABLE one (a)"])
        steps = ["CREATE TABLE one (a)", "ALTER TABLE one ADD COLUMN b", "CREATE TABLE two (c); SELECT nonsense"]
        with pytest.raises(sqlite3.OperationalError):
            schema.migrate(db, steps)
        assert schema.version(db) == 2
        assert [row[1] for row in db.execute("PRAGMA table_info(one)")] == ["a", "b"]
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'two'").fetchone() == (0,)
        schema.migrate(db, [*steps[:2], "CREATE TABLE two (c)"])
        assert schema.version(db) == 3
        schema.migrate(db, [*steps[:2], "CREATE TABLE two (c)"])
