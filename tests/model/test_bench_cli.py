"""``bench`` on the smallest model, with little work: the fields, and that the figures are those of real runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.command_line import run
from tests.helpers.real_models import SMOLLM, WHISPER, real_model

pytestmark = pytest.mark.model

SPEED = {"prefill_tok_s", "decode_tok_s", "ttft_cold_s", "ttft_warm_s", "load_s", "weights_mb", "rss_mb"}


@pytest.mark.timeout(540)
def test_every_tier_and_a_peer_in_one_run(shared_data_dir: Path) -> None:
    real_model(shared_data_dir, SMOLLM)
    real_model(shared_data_dir, WHISPER)
    done = run(
        shared_data_dir,
        *("bench", "--model", SMOLLM, "--tier", "int4", "--tier", "int8", "--peer", "llama.cpp", "--json"),
        *("--prompt-tokens", "48", "--new-tokens", "6", "--history-tokens", "128", "--rounds", "1"),
        limit_s=500,
    )
    assert done.status == 0, done.err
    found = done.json
    assert set(found) == {"machine", "model", "tiers", "switch", "peers", "ratio", "modalities"}
    assert found["model"] == SMOLLM
    assert found["machine"]["threads"] >= 1
    assert set(found["tiers"]) == {"int4", "int8"}
    for figures in found["tiers"].values():
        assert set(figures) == SPEED | {"ppl", "kl"}
        assert all(value > 0 for value in figures.values())
        assert figures["ttft_warm_s"] < figures["ttft_cold_s"]
    assert found["tiers"]["int4"]["weights_mb"] < found["tiers"]["int8"]["weights_mb"]
    assert set(found["switch"]) == {"int4->int8", "int8->int4"}
    assert all(figures["kv_kept"] == 48 and figures["seconds"] > 0 for figures in found["switch"].values())
    assert set(found["peers"]["llama.cpp"]) == {"int4", "int8"}
    for tier, ratio in found["ratio"]["llama.cpp"].items():
        assert set(ratio) == {"prefill_tok_s", "decode_tok_s", "ttft_warm_s"}
        ours, theirs = found["tiers"][tier], found["peers"]["llama.cpp"][tier]
        assert set(theirs) == SPEED
        assert ratio["decode_tok_s"] == pytest.approx(ours["decode_tok_s"] / theirs["decode_tok_s"], rel=0.02)
    starts = found["modalities"]
    text, everything = starts["text_only"], starts["everything"]
    assert (starts["tier"], set(text)) == ("int8", {"rss_mb", "start_s"})
    assert everything["vision"]["mb"] > 20
    assert everything["speech"]["mb"] > 20
    assert everything["rss_mb"] > text["rss_mb"]
    assert starts["ratio"]["memory"] == pytest.approx(text["rss_mb"] / everything["rss_mb"], abs=0.01)
    assert 0 < starts["ratio"]["time"] < 1
    assert starts["guide"] == {"memory": 0.133, "time": 0.171}


def test_a_peer_that_cannot_load_is_named(shared_data_dir: Path, tmp_path: Path) -> None:
    real_model(shared_data_dir, SMOLLM)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "xllamacpp.py").write_text("raise ImportError('built for another machine')\n")
    done = run(
        shared_data_dir,
        *("bench", "--model", SMOLLM, "--tier", "int4", "--peer", "llama.cpp", "--json"),
        env={"PYTHONPATH": str(broken)},
    )
    assert done.status == 1
    assert done.out == b""
    assert "Measuring llama.cpp in INT4 failed: ImportError: built for another machine" in done.err
    assert "Traceback" not in done.err
