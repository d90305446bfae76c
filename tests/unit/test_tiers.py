"""Tiers as files: made once, together or not at all; and switches between them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime.decoder import Decoder
from autoglm_desktop.engine.runtime.kv import KvCache
from autoglm_desktop.engine.runtime.quality import compare
from tests.helpers.checkpoints import write_checkpoint
from tests.helpers.tiny_model import write_tiny_model

PACKED = [Tier.INT8, Tier.INT4]
SENTENCE = [int(x) for x in torch.randint(0, 258, (60,), generator=torch.Generator().manual_seed(5))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path, "qwen2")
    return write_tiny_model(tmp_path)


def load(folder: Path, tier: Tier) -> Decoder:
    return Decoder.load(folder, tier, on_progress=lambda _: None)


def packed_files(folder: Path) -> list[Path]:
    return sorted((folder / "tiers").glob("*.safetensors"))


@pytest.mark.parametrize("tier", PACKED)
def test_a_tier_is_packed_once_and_then_only_mapped(folder: Path, tier: Tier) -> None:
    fractions: list[float] = []
    first = Decoder.load(folder, tier, on_progress=fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 3
    (path,) = packed_files(folder)
    made = path.stat()
    second = load(folder, tier)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
    logits = [decoder.forward(SENTENCE, KvCache.create(decoder.config)) for decoder in (first, second)]
    assert torch.equal(*logits)
    assert not list((folder / "tiers").glob("*.part"))


@pytest.mark.parametrize("tier", PACKED)
def test_a_damaged_packed_file_is_made_again(folder: Path, tier: Tier) -> None:
    expected = load(folder, tier)
    (path,) = packed_files(folder)
    whole = path.read_bytes()
    for kept in (0, 100, len(whole) - 1):
        path.unlink()  # the first decoder still maps the old one
        path.write_bytes(whole[:kept])
        load(folder, tier)
        assert path.read_bytes() == whole
    assert expected.forward(SENTENCE, KvCache.create(expected.config)).isfinite().all()


def test_other_weights_get_another_file_and_the_old_one_goes(folder: Path) -> None:
    load(folder, Tier.INT8)
    before = packed_files(folder)
    write_checkpoint(folder, "qwen2", seed=2)
    load(folder, Tier.INT8)
    after = packed_files(folder)
    assert len(before) == len(after) == 1
    assert before != after


@pytest.mark.parametrize("architecture", ["llama", "qwen3"])
@pytest.mark.parametrize("tied", [True, False])
def test_tiers_stay_near_the_master(tmp_path: Path, architecture: str, tied: bool) -> None:
    write_checkpoint(tmp_path, architecture, tie_word_embeddings=tied)
    write_tiny_model(tmp_path)
    reference = load(tmp_path, Tier.FP16)
    divergence = {tier: compare(load(tmp_path, tier), reference, [SENTENCE]).kl for tier in PACKED}
    assert 0 < divergence[Tier.INT8] < 0.01
    assert divergence[Tier.INT8] < divergence[Tier.INT4] < 0.6
    sizes = [load(tmp_path, tier).weights_bytes for tier in Tier]
    assert sizes[0] > sizes[1] > sizes[2]


def test_quality_of_the_master_itself_is_that_of_the_reference(folder: Path) -> None:
    reference = load(folder, Tier.FP16)
    quality = compare(reference, reference, [SENTENCE, SENTENCE[:7]])
    assert quality.kl == 0
    assert quality.ppl == quality.reference_ppl
    assert quality.tokens == 59 + 6
    logits = reference.forward_all(SENTENCE[:7], KvCache.create(reference.config))
    loss = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(SENTENCE[1:7]))
    alone = compare(load(folder, Tier.FP16), reference, [SENTENCE[:7]])
    assert alone.ppl == pytest.approx(float(loss.exp()), rel=1e-5)


def test_widths_that_are_no_multiple_of_a_group_are_kept_in_8_bits(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, "llama", intermediate_size=100)
    write_tiny_model(tmp_path)
    divergence = compare(load(tmp_path, Tier.INT4), load(tmp_path, Tier.FP16), [SENTENCE]).kl
    assert 0 < divergence < 0.6


def test_without_a_tokenizer_rounding_is_plain(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, "llama")
    assert (
        load(tmp_path, Tier.INT4).forward(SENTENCE, KvCache.create(load(tmp_path, Tier.INT4).config)).isfinite().all()
    )


def test_a_switch_keeps_the_cache_and_ends_where_a_fresh_load_is(folder: Path) -> None:
    decoder = load(folder, Tier.FP16)
    load(folder, Tier.INT8)
    cache = KvCache.create(decoder.config)
    decoder.forward(SENTENCE, cache)
    decoder.switch(Tier.INT8, lambda _: None)
    assert (decoder.tier, cache.length) == (Tier.INT8, len(SENTENCE))
    kept = cache.fork(cache.length)
    fresh = load(folder, Tier.INT8)
    for token in (1, 2, 3):
        ours, theirs = decoder.forward([token], cache), fresh.forward([token], kept)
    assert torch.equal(ours, theirs)
    assert decoder.weights_bytes == fresh.weights_bytes


def test_two_processes_that_pack_at_once_make_one_file(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from autoglm_desktop.core.precision import Tier\n"
        "from autoglm_desktop.engine.runtime.decoder import Decoder\n"
        "print(Decoder.load(Path(sys.argv[1]), Tier.INT4, on_progress=lambda _: None).weights_bytes)\n"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(folder)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert told[0] == told[1]
    assert len(packed_files(folder)) == 1


@pytest.mark.parametrize("tier", PACKED)
def test_a_place_that_cannot_be_written_is_told(folder: Path, tier: Tier) -> None:
    (folder / "tiers").write_text("in the way")
    with pytest.raises(AppError) as caught:
        load(folder, tier)
    assert caught.value.report.code is ErrorCode.NOT_WRITABLE
    assert load(folder, Tier.FP16).tier is Tier.FP16


def test_a_full_disk_leaves_nothing_half_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from autoglm_desktop.engine.runtime.tier_file import TierWriter

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(TierWriter, "finish", full)
        with pytest.raises(AppError) as caught:
            load(folder, Tier.INT8)
    assert caught.value.report.code is ErrorCode.DISK_FULL
    assert packed_files(folder) == []
    assert not list((folder / "tiers").glob("*.part"))
    assert load(folder, Tier.INT8).tier is Tier.INT8
