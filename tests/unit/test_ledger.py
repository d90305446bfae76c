"""The energy ledger: a line per answer, sums, what deleting leaves, the CSV file, and files of version 1."""

from __future__ import annotations

import csv
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_desktop.assistant.ledger import CSV_COLUMNS, Ledger
from autoglm_desktop.assistant.shelf import Shelf
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Role
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.provenance import Provenance, Quantity
from autoglm_desktop.store import exchange, schema
from autoglm_desktop.store.store import Store
from tests.helpers.manual_engine import usage
from tests.helpers.trees import chain, node, stored


def _energy(phone_j: float, computer: Quantity | None = None, *, from_cache: bool = False) -> TurnEnergy:
    phone = Quantity(phone_j, "J", Provenance.SIMULATED)
    return TurnEnergy(phone, computer, 9, Tier.INT4, from_cache, "guide-phone", 64, "LIGHT")


def _answered(store: Store, conversation_id: str, parent: Node, energy: TurnEnergy | None) -> Node:
    streaming = replace(node(conversation_id, parent, Role.ASSISTANT, ""), state=NodeState.STREAMING)
    store.add_nodes(conversation_id, [streaming])
    done = replace(
        streaming,
        state=NodeState.COMPLETE,
        model_id="m",
        usage=usage(),
        energy=energy,
        from_cache=energy is not None and energy.from_cache,
    )
    store.finish_node(done)
    return done


def _measured(joules: float) -> Quantity:
    return Quantity.measured(joules, "J")


def _estimated(joules: float) -> Quantity:
    return Quantity(joules, "J", Provenance.ESTIMATED, msg("Estimated from {what}.", what="time"))


def test_what_an_answer_cost_comes_back_with_it(tmp_path: Path) -> None:
    path = tmp_path / "db"
    store = Store(path)
    conversation, nodes = stored(store, ["q"])
    done = [
        _answered(store, conversation.id, nodes[0], energy)
        for energy in (_energy(1.5, _estimated(3.0)), _energy(0.0, from_cache=True), None)
    ]
    store.close()
    store = Store(path)
    for each in done:
        found = store.node(each.id)
        assert (found.energy, found.from_cache) == (each.energy, each.from_cache)
    assert len(store.ledger_turns()) == 2, "an answer without energy has no line"
    store.close()


def test_sums_per_day_and_conversation_never_mix_measured_and_estimated() -> None:
    shelf = Shelf(Store(None))
    ledger = Ledger(shelf)
    (one, first), (two, second) = stored(shelf.kept, ["q"], "One"), stored(shelf.kept, ["q"], "Two")
    for energy in (_energy(1.0, _measured(10.0)), _energy(2.0, _estimated(5.0)), _energy(0.0, from_cache=True)):
        _answered(shelf.kept, one.id, first[0], energy)
    _answered(shelf.kept, two.id, second[0], _energy(4.0))
    (today,) = ledger.days()
    assert today.label == time.strftime("%Y-%m-%d")
    assert (today.turns, today.phone_j, today.measured_j, today.estimated_j) == (4, 7.0, 10.0, 5.0)
    assert (today.tokens, today.prompt_tokens, today.cached_tokens, today.from_cache) == (36, 160, 48, 1)
    by_title = {row.label: row for row in ledger.conversations()}
    assert (by_title["One"].turns, by_title["One"].phone_j) == (3, 3.0)
    assert (by_title["Two"].measured_j, by_title["Two"].estimated_j) == (None, None)
    assert ledger.of_conversation(two.id) == by_title["Two"]
    assert ledger.of_conversation("none") is None
    assert [turn.phone_j for turn in ledger.turns(one.id)] == [0.0, 2.0, 1.0]
    shelf.close()


def test_saving_an_answer_twice_makes_one_line() -> None:
    store = Store(None)
    conversation, nodes = stored(store, ["q"])
    done = _answered(store, conversation.id, nodes[0], _energy(1.0))
    store.finish_node(replace(done, energy=_energy(2.0)))
    assert [turn.phone_j for turn in store.ledger_turns()] == [2.0]
    store.close()


def test_deleting_a_conversation_keeps_what_the_day_took_and_not_a_word() -> None:
    store = Store(None)
    conversation, nodes = stored(store, ["q"], "Secret")
    done = _answered(store, conversation.id, nodes[0], _energy(3.0))
    store.delete(conversation.id)
    store.purge([conversation.id])
    store.finish_node(done)
    (turn,) = store.ledger_turns()
    assert (turn.node_id, turn.conversation_id, turn.title, turn.phone_j) == (None, None, "", 3.0)
    store.close()


def test_a_temporary_conversation_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    shelf = Shelf(Store(tmp_path / "db"))
    ledger = Ledger(shelf)
    conversation, nodes = chain(["q"])
    shelf.temporary.add_conversation(conversation, nodes)
    _answered(shelf.temporary, conversation.id, nodes[0], _energy(3.0))
    total = ledger.of_conversation(conversation.id)
    assert total is not None
    assert total.phone_j == 3.0
    assert (ledger.days(), ledger.conversations(), ledger.turns()) == ([], [], [])
    assert ledger.export_csv(tmp_path / "energy.csv") == 0
    shelf.close()
    assert sqlite3.connect(tmp_path / "db").execute("SELECT count(*) FROM ledger").fetchone()[0] == 0


def test_the_csv_file_labels_every_joule_and_is_inert(tmp_path: Path) -> None:
    shelf = Shelf(Store(None))
    conversation, nodes = stored(shelf.kept, ["q"], '=HYPERLINK("http://x"), "你好"')
    for energy in (_energy(1.0, _measured(2.0)), _energy(1.5, _estimated(0.25)), _energy(0.0, from_cache=True)):
        _answered(shelf.kept, conversation.id, nodes[0], energy)
    path = tmp_path / "out.csv"
    assert Ledger(shelf).export_csv(path) == 3
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [(row["computer_j"], row["computer_label"]) for row in rows] == [
        ("2.000", "measured"), ("0.250", "estimated"), ("", ""),
    ]  # fmt: skip
    assert {row["phone_label"] for row in rows} == {"simulated"}
    assert [row["from_cache"] for row in rows] == ["0", "0", "1"]
    assert rows[0]["conversation"] == '\'=HYPERLINK("http://x"), "你好"'
    assert rows[0]["time"].startswith(rows[0]["day"])
    shelf.close()


def test_a_csv_file_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    shelf = Shelf(Store(None))
    with pytest.raises(AppError) as refused:
        Ledger(shelf).export_csv(tmp_path / "nowhere" / "out.csv")
    assert refused.value.report.code is ErrorCode.NOT_WRITABLE
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(AppError):
        Ledger(shelf).export_csv(tmp_path / "folder.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]
    shelf.close()


def test_a_file_of_version_one_is_brought_up_with_its_conversations(tmp_path: Path) -> None:
    path = tmp_path / "db"
    old = sqlite3.connect(path, isolation_level=None)
    schema.migrate(old, schema.MIGRATIONS[:1])
    old.execute("INSERT INTO conversation (id, title, created_s, updated_s) VALUES ('c', 'Old', 1, 2)")
    old.execute(
        "INSERT INTO node (id, conversation_id, role, text, created_s, state)"
        " VALUES ('n', 'c', 'user', 'hi', 1, 'complete')"
    )
    old.execute("UPDATE conversation SET leaf_id = 'n'")
    old.close()
    store = Store(path)
    (found,) = store.path_of("c")
    assert (found.text, found.energy, found.from_cache) == ("hi", None, False)
    _answered(store, "c", found, _energy(2.0))
    assert [turn.phone_j for turn in store.ledger_turns("c")] == [2.0]
    store.close()
    with sqlite3.connect(path) as db:
        assert schema.version(db) == len(schema.MIGRATIONS)


@pytest.mark.parametrize("bad", ["NaN", "-1.0", "Infinity", "null"])
def test_an_export_carries_energy_and_an_import_refuses_figures_that_cannot_be(bad: str) -> None:
    conversation, nodes = chain(["q", "a"])
    nodes[1] = replace(nodes[1], energy=_energy(1.25, _estimated(2.0)), from_cache=True)
    text = exchange.dump(conversation, nodes)
    _, back = exchange.load(text)
    assert back[1].from_cache
    assert back[1].energy is not None
    assert back[1].energy.phone == Quantity(1.25, "J", Provenance.SIMULATED)
    assert back[1].energy.computer == Quantity(2.0, "J", Provenance.ESTIMATED), "sentences are not taken from a file"
    _, changed = exchange.load(text.replace("1.25", bad))
    assert changed[1].energy is None
