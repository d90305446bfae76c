"""What a tier costs in quality: perplexity on the shipped texts, and divergence from the 16-bit weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from tokenizers import Tokenizer

from autoglm_desktop import assets
from autoglm_desktop.core.precision import Tier

from .decoder import Decoder
from .kv import KvCache

TEXTS = ("text/quality_en.txt", "text/quality_zh.txt")
_CHUNK_TOKENS = 128


@dataclass(frozen=True, slots=True)
class Quality:
    """`ppl`: perplexity over `tokens` predictions; `kl`: mean KL(16-bit ‖ tier) of one, in nats.

    `reference_ppl` is the perplexity of the 16-bit weights on the same text.
    """

    ppl: float
    kl: float
    reference_ppl: float
    tokens: int


def measure(folder: Path, tier: Tier, reference: Decoder | None = None) -> Quality:
    """Quality of `tier` for the model in `folder`; `reference` is its FP16 decoder where there is one already.

    Raises AppError as `Decoder.load` does.
    """
    reference = reference or Decoder.load(folder, Tier.FP16, on_progress=lambda _: None)
    decoder = reference if tier is Tier.FP16 else Decoder.load(folder, tier, on_progress=lambda _: None)
    return compare(decoder, reference, quality_sequences(folder))


def quality_sequences(folder: Path) -> list[list[int]]:
    """The shipped texts in the model's tokens."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [list(tokenizer.encode(assets.resource(name).read_text(encoding="utf-8")).ids) for name in TEXTS]


@torch.inference_mode()
def compare(decoder: Decoder, reference: Decoder, sequences: Sequence[Sequence[int]]) -> Quality:
    """Both decoders over the same sequences, chunk by chunk, so that only a chunk's logits are in memory."""
    totals = torch.zeros(3, dtype=torch.float64)
    count = 0
    for tokens in sequences:
        ours, theirs = KvCache.create(decoder.config), KvCache.create(reference.config)
        starts = [*range(0, len(tokens) - 1, _CHUNK_TOKENS), len(tokens) - 1]
        for start, stop in pairwise(starts):
            inputs, targets = tokens[start:stop], torch.tensor(tokens[start + 1 : stop + 1])
            expected = reference.forward_all(inputs, theirs).log_softmax(-1)
            found = expected if decoder is reference else decoder.forward_all(inputs, ours).log_softmax(-1)
            totals += _sums(found, expected, targets)
            count += len(inputs)
    loss, reference_loss, divergence = (totals / count).tolist()
    return Quality(float(torch.tensor(loss).exp()), divergence, float(torch.tensor(reference_loss).exp()), count)


def _sums(found: torch.Tensor, expected: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Of log-probabilities [n, vocab] and targets [n]: loss, expected's loss, KL(expected ‖ found), summed."""
    column = targets.unsqueeze(1)
    divergence = torch.nn.functional.kl_div(found, expected, reduction="sum", log_target=True)
    return torch.stack((-found.gather(1, column).sum(), -expected.gather(1, column).sum(), divergence)).double()
