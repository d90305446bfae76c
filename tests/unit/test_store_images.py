"""Images beside the database: references, what is left over, older files, power cuts, two processes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.messages import ImagePart, Role, TextPart
from autoglm_desktop.store import schema
from autoglm_desktop.store.attachments import Attachments, PrivateAttachments
from autoglm_desktop.store.store import Store
from tests.helpers.images import picture, reading
from tests.helpers.trees import node, stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "conversations.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(path)) as opened:
        yield opened


def part_of(data: bytes, name: str = "a.png") -> ImagePart:
    return ImagePart(Attachments.hash_of(data), "image/png", 40, 30, name)


def send(store: Store, seed: int = 0, text: str = "what?", title: str = "A chat") -> tuple[Node, ImagePart]:
    """A conversation with one prompt with an image."""
    conversation, _ = stored(store, [], title)
    data = picture(seed)
    part = part_of(data)
    prompt = replace(node(conversation.id, None, Role.USER, text), parts=(part, TextPart(text)))
    store.add_nodes(conversation.id, [prompt], files=lambda _: data)
    return prompt, part


def files(path: Path) -> set[str]:
    return {file.name for file in (path.parent / "attachments").glob("*")}


def purge(store: Store, conversation_id: str) -> None:
    store.delete(conversation_id)
    store.purge([conversation_id])


def indexed(store: Store) -> None:
    """Raises sqlite3.DatabaseError when index and texts differ."""
    with store._writing() as db:
        db.execute("INSERT INTO node_fts(node_fts, rank) VALUES ('integrity-check', 1)")


def test_a_reading_is_kept_once_for_all_messages_and_found_by_search(store: Store) -> None:
    first, part = send(store, title="First")
    second, _ = send(store, title="Second")
    assert store.search("whale") == []
    found = reading("Blue Whale 会议", "line two", labels=(("sea", 0.5),))
    store.keep_reading(part.sha256, found)
    for prompt in (first, second):
        assert store.node(prompt.id).parts[0] == replace(part, reading=found)
        assert store.path_of(prompt.conversation_id)[0].parts[0] == replace(part, reading=found)
        assert store.tree_of(prompt.conversation_id)[0].parts[0] == replace(part, reading=found)
    for query in ("whale", "会议", "what whale", "line two"):
        assert {hit.node_id for hit in store.search(query)} == {first.id, second.id}, query
    assert "\x02Whale\x03" in store.search("whale")[0].excerpt
    indexed(store)
    store.keep_reading(part.sha256, reading("something else"))
    assert store.search("whale") == []
    assert len(store.search("something")) == 2
    indexed(store)
    purge(store, first.conversation_id)
    assert {hit.node_id for hit in store.search("something")} == {second.id}
    indexed(store)


def test_a_reading_that_comes_with_a_new_message_does_not_replace_the_one_that_is_there(store: Store) -> None:
    first, part = send(store)
    store.keep_reading(part.sha256, reading("the true one"))
    other, _ = stored(store, [])
    claimed = replace(part, reading=reading("a forged one"))
    prompt = replace(node(other.id, None, Role.USER, ""), parts=(claimed,))
    store.add_nodes(other.id, [prompt])
    assert store.node(prompt.id).parts[0] == store.node(first.id).parts[0]
    assert store.search("forged") == []


def test_a_reading_of_an_image_that_no_message_has_is_not_kept(store: Store) -> None:
    store.keep_reading("0" * 64, reading("x"))
    assert store.find_reading("0" * 64) is None


def test_files_go_with_the_last_message_that_has_them(store: Store, path: Path) -> None:
    first, part = send(store, 1)
    second, _ = send(store, 1)
    third, other = send(store, 2)
    assert files(path) == {f"{part.sha256}.png", f"{other.sha256}.png"}
    purge(store, first.conversation_id)
    purge(store, third.conversation_id)
    assert files(path) == {f"{part.sha256}.png"}
    purge(store, second.conversation_id)
    assert files(path) == set()
    assert store.find_reading(part.sha256) is None


def test_a_crash_before_the_message_leaves_a_file_that_the_next_opening_removes(path: Path) -> None:
    with closing(Store(path)) as store:
        prompt, part = send(store)
        folder = path.parent / "attachments"
        store.attachments.put(picture(9), "image/png")
        (folder / ".part-x").write_bytes(b"half")
        (folder / "notes.txt").write_text("somebody else's")
    with closing(Store(path)) as store:
        assert files(path) == {f"{part.sha256}.png", "notes.txt"}
        assert store.node(prompt.id).parts[0] == part


def test_a_crash_between_a_purge_and_its_files(path: Path) -> None:
    with closing(Store(path)) as store:
        prompt, part = send(store)
        with store._writing() as db:
            db.execute("DELETE FROM conversation WHERE id = ?", (prompt.conversation_id,))
        assert files(path) == {f"{part.sha256}.png"}
    with closing(Store(path)):
        assert files(path) == set()


def test_a_message_that_fails_leaves_no_reference(store: Store, path: Path) -> None:
    prompt, part = send(store)
    twin = replace(prompt, parts=(part_of(picture(5)), TextPart("x")))
    with pytest.raises(sqlite3.IntegrityError):
        store.add_nodes(prompt.conversation_id, [twin], files=lambda _: picture(5))
    with store._reading() as db:
        assert [row["sha256"] for row in db.execute("SELECT sha256 FROM image")] == [part.sha256]
    send(store, 5)
    purge(store, prompt.conversation_id)
    assert len(files(path)) == 1


def test_a_damaged_file_is_written_again_when_the_image_comes_again(store: Store) -> None:
    _, part = send(store)
    file = store.attachments.path(part.sha256)
    assert file is not None
    file.write_bytes(b"rubbish")
    assert store.attachments.read(part.sha256) is None
    store.attachments.put(picture(0), "image/png")
    assert store.attachments.read(part.sha256) == picture(0)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_refuses_the_message(store: Store, path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        with pytest.raises(AppError) as refused:
            send(store)
    finally:
        path.parent.chmod(0o700)
    assert refused.value.report.code is ErrorCode.NOT_WRITABLE


def test_something_in_the_place_of_the_folder_refuses_the_message_and_changes_nothing(path: Path) -> None:
    with closing(Store(path)) as store:
        conversation, _ = stored(store, [])
        (path.parent / "attachments").write_text("in the way")
        prompt = replace(node(conversation.id, None, Role.USER, ""), parts=(part_of(picture()),))
        with pytest.raises(AppError) as refused:
            store.add_nodes(conversation.id, [prompt], files=lambda _: picture())
        assert refused.value.report.code is ErrorCode.NOT_WRITABLE
        assert store.path_of(conversation.id) == []
    with closing(Store(path)) as store:
        assert [c.id for c in store.conversations()] == [conversation.id]


def test_two_processes_do_not_remove_each_other_s_images(path: Path) -> None:
    with closing(Store(path)) as one, closing(Store(path)) as other:
        mine, part = send(one)
        theirs, _ = stored(other, ["gone soon"])
        purge(other, theirs.id)
        assert files(path) == {f"{part.sha256}.png"}
        assert other.node(mine.id).parts[0] == part


def test_a_file_of_version_2_keeps_everything_and_its_index(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.migrate(db, schema.MIGRATIONS[:2])
        db.execute("INSERT INTO conversation (id, title, created_s, updated_s) VALUES ('c', 'Old', 1, 2)")
        for number, text in enumerate(("an older prompt", "an older answer")):
            db.execute(
                "INSERT INTO node (id, conversation_id, parent_id, role, text, created_s, state)"
                " VALUES (?, 'c', ?, ?, ?, 3, 'complete')",
                (f"n{number}", "n0" if number else None, "assistant" if number else "user", text),
            )
        db.execute("UPDATE conversation SET leaf_id = 'n1'")
        assert schema.version(db) == 2
    with closing(Store(path)) as store:
        assert [n.text for n in store.path_of("c")] == ["an older prompt", "an older answer"]
        assert [hit.node_id for hit in store.search("older answer")] == ["n1"]
        indexed(store)
        prompt, part = send(store)
        store.keep_reading(part.sha256, reading("fresh words"))
        assert [hit.node_id for hit in store.search("fresh")] == [prompt.id]
        purge(store, "c")
        assert store.search("older") == []
        indexed(store)
    with closing(sqlite3.connect(path)) as db:
        assert schema.version(db) == len(schema.MIGRATIONS) == 3


def test_a_migration_that_is_cut_off_is_done_again(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.migrate(db, schema.MIGRATIONS[:2])
        half = schema.MIGRATIONS[2][: schema.MIGRATIONS[2].index("DROP TRIGGER node_changed")]
        with pytest.raises(sqlite3.Error):
            schema.migrate(db, (*schema.MIGRATIONS[:2], half + "; SELECT no_such_function()"))
        assert schema.version(db) == 2
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'image'").fetchone()[0] == 0
    with closing(Store(path)) as store:
        send(store)


def test_private_files_are_of_this_user_alone_and_end_with_the_store(tmp_path: Path) -> None:
    private = tmp_path / "private"
    with closing(Store(None, private=private)) as store:
        assert not private.exists(), "nothing before the first image"
        sha256 = store.attachments.put(picture(), "image/png")
        file = store.attachments.path(sha256)
        assert file is not None
        assert os.name == "nt" or file.parent.stat().st_mode & 0o077 == 0
    assert list(private.iterdir()) == []
    assert store.attachments.path(sha256) is None


def test_a_private_folder_that_was_cleaned_away_is_made_anew(tmp_path: Path) -> None:
    private = PrivateAttachments(tmp_path)
    file = private.path(private.put(picture(1), "image/png"))
    assert file is not None
    shutil.rmtree(file.parent)
    sha256 = private.put(picture(2), "image/png")
    assert private.names() == {sha256}
    assert private.read(sha256) == picture(2)
    shutil.rmtree(tmp_path)
    assert private.names() == set()
    private.close()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_not(tmp_path: Path) -> None:
    left = tmp_path / "autoglm-desktop-left"
    left.mkdir()
    (left / "held.lock").touch()
    (left / f"{'0' * 64}.png").write_bytes(b"secret")
    living = PrivateAttachments(tmp_path)
    sha256 = living.put(picture(), "image/png")
    held = living.path(sha256)
    assert held is not None
    old_s = time.time() - 3600
    for folder in (left, held.parent):
        os.utime(folder, (old_s, old_s))
    PrivateAttachments(tmp_path)
    assert not left.exists()
    assert living.read(sha256) == picture()
    living.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0" * 63, "Z" * 64])
def test_only_hashes_name_files(store: Store, name: str) -> None:
    assert store.attachments.path(name) is None
