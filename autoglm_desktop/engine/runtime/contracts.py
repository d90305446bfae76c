"""What a turn needs of a model: structural types, so that turns are tested without weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.core.precision import Tier

if TYPE_CHECKING:
    import torch

    from .prompt import TokenizerBundle

ProgressSink = Callable[[float], None]
"""Called with the fraction done, 0 to 1."""


class Stopped(Exception):  # noqa: N818 - not an error
    """The user ended a piece of work."""


class Cache(Protocol):
    """Keys and values of a sequence of tokens."""

    tokens: list[int]
    """What it holds."""

    @property
    def length(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    def trim(self, length: int) -> None:
        """Keep the first `length` tokens."""

    def fork(self, length: int) -> Self:
        """A cache of its own with the first `length` tokens."""


class Config(Protocol):
    @property
    def context_tokens(self) -> int: ...

    @property
    def eos_token_ids(self) -> tuple[int, ...]: ...


CacheT = TypeVar("CacheT", bound=Cache)
CacheT_contra = TypeVar("CacheT_contra", bound=Cache, contravariant=True)


class Decoder(Protocol[CacheT_contra]):
    """A loaded model."""

    @property
    def config(self) -> Config: ...

    @property
    def tier(self) -> Tier: ...

    @property
    def weights_bytes(self) -> int: ...

    def switch(self, tier: Tier, on_progress: ProgressSink) -> None:
        """Swap the weights; caches stay valid. Raises AppError."""

    def forward(self, tokens: Sequence[int], cache: CacheT_contra) -> torch.Tensor:
        """Append `tokens` to the cache; float32 logits [vocabulary] after the last one."""


class ImageEncoder(Protocol):
    """A vision tower: the port for families that see. None has one yet; images reach all models as text."""

    def token_count(self, part: ImagePart) -> int:
        """How many places of the context the image takes, known before it is encoded."""

    def encode(self, path: Path, check: Callable[[], None]) -> torch.Tensor:
        """Embeddings [token_count, width of the decoder] in the image's places. `check` may raise to end the work."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """How the parts of a model are loaded. Every function may raise AppError."""

    load_bundle: Callable[[Path], TokenizerBundle]
    load_decoder: Callable[[Path, Tier, ProgressSink], tuple[Decoder[Cache], Callable[[], Cache]]]
    """Also gives what makes caches for that decoder, which takes no others."""
