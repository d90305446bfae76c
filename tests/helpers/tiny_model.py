"""A model small enough to read: a byte tokenizer, and a decoder that recites what the prompt asks for.

It implements what a turn needs of a model, so that turns, the engine process and its client run without weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime.contracts import Cache, Decoder, ProgressSink, Runtime
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle

if TYPE_CHECKING:
    import torch

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'"
    " }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
THINKING_CHATML = CHATML + "{% if enable_thinking is not defined %}{{ raise_exception('no switch') }}{% endif %}"
"""Of a model that was trained to think, as the switch in it says."""
START, END = "<|im_start|>", "<|im_end|>"
_ASKS = f"{START}assistant\n"


def write_tiny_model(folder: Path, template: str = CHATML) -> Path:
    """A model folder with a tokenizer and a template; every token is a byte, or one of the two marks."""
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={sign: i for i, sign in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(START, special=True), AddedToken(END, special=True)])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"chat_template": template, "eos_token": END, "bos_token": None, "pad_token": {"content": END}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@dataclass(slots=True)
class TinyCache:
    """Tokens alone; each counts as 16 bytes."""

    tokens: list[int] = field(default_factory=list)

    @property
    def length(self) -> int:
        return len(self.tokens)

    @property
    def nbytes(self) -> int:
        return 16 * len(self.tokens)

    def trim(self, length: int) -> None:
        del self.tokens[length:]

    def fork(self, length: int) -> TinyCache:
        return TinyCache(self.tokens[:length])


@dataclass(frozen=True, slots=True)
class TinyConfig:
    context_tokens: int
    eos_token_ids: tuple[int, ...]


Recital = Callable[[str, bytes], str | None]
"""From the prompt and what was said since to the next character (below U+0100, as a byte), or None at the end."""


def echo(prompt: str, said: bytes) -> str | None:
    """Says the last message again; ``endless`` is said without end. A thought about it goes before where one began."""
    asked = [part.partition("\n")[2].partition(END)[0] for part in prompt.split(f"{START}user")[1:]]
    if asked[-1].endswith("Do not answer yet."):
        return recite(f"hm, {asked[-1].splitlines()[0]}", said)
    if asked[-1].endswith("answer my question directly."):
        asked[-1] = asked[-2].splitlines()[0]
    return _echo_natively(asked[-1], said)


def _echo_natively(asked: str, said: bytes) -> str | None:
    thought, _, answer = said.rpartition(b"</think>\n\n")
    if said.startswith(b"<think>\n") and not thought:
        return recite(f"hm, {asked}</think>\n\n", said.removeprefix(b"<think>\n"))
    if asked.startswith("endless"):
        return "endless "[len(answer) % 8]
    return recite(asked, answer)


def recite(text: str, said: bytes) -> str | None:
    rest = text.encode()[len(said) :]
    return chr(rest[0]) if rest else None


class TinyDecoder:
    """Its logits leave no doubt about the next token. Counts what it is asked to do."""

    def __init__(
        self, bundle: TokenizerBundle, recital: Recital = echo, *, tier: Tier = Tier.INT8, context_tokens: int = 4096
    ) -> None:
        self._bundle = bundle
        self._recital = recital
        self._end = bundle.encode(END)[0]
        self._byte_of_token = _byte_of_token()
        self._token_of_byte = {byte: token for token, byte in self._byte_of_token.items()}
        self.config = TinyConfig(context_tokens, (self._end,))
        self.tier = tier
        self.weights_bytes = 1000
        self.forwarded: list[list[int]] = []
        self.switched_to: list[Tier] = []
        self.before_switch: Callable[[], None] = lambda: None

    def switch(self, tier: Tier, on_progress: ProgressSink) -> None:
        self.before_switch()
        on_progress(1.0)
        self.tier = tier
        self.switched_to.append(tier)

    def forward(self, tokens: Sequence[int], cache: Cache) -> torch.Tensor:
        import torch

        assert tokens, "a step without tokens has no logits"
        self.forwarded.append(list(tokens))
        cache.tokens.extend(tokens)
        logits = torch.zeros(len(self._byte_of_token) + 2)
        logits[self._next(cache.tokens)] = 50.0
        return logits

    def _next(self, tokens: list[int]) -> int:
        start = _start_of_answer(tokens, self._bundle.encode(_ASKS))
        if start is None:  # in the middle of a prompt
            return self._end
        prompt = self._bundle.tokenizer.decode(tokens[:start], skip_special_tokens=False)
        sign = self._recital(prompt, bytes(self._byte_of_token[t] for t in tokens[start:]))
        return self._end if sign is None else self._token_of_byte[ord(sign)]


def _start_of_answer(tokens: list[int], mark: list[int]) -> int | None:
    """Behind the last `mark`."""
    ends = range(len(tokens), len(mark) - 1, -1)
    return next((end for end in ends if tokens[end - len(mark) : end] == mark), None)


def _byte_of_token() -> dict[int, int]:
    """GPT-2's alphabet: printable bytes stand for themselves, the others for the signs from U+0100 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = [byte for byte in range(256) if byte not in printable]
    byte_of_sign = {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(hidden)}
    return {token: byte_of_sign[sign] for token, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}


def tiny_runtime(recital: Recital = echo, *, context_tokens: int = 4096) -> Runtime:
    """Loads the tiny model from a folder of `write_tiny_model`."""

    def load_decoder(folder: Path, tier: Tier, on_progress: ProgressSink) -> tuple[Decoder[Cache], Callable[[], Cache]]:
        for percent in range(0, 101, 25):
            on_progress(percent / 100)
        bundle = TokenizerBundle.load(folder)
        return TinyDecoder(bundle, recital, tier=tier, context_tokens=context_tokens), TinyCache

    return Runtime(TokenizerBundle.load, load_decoder)
