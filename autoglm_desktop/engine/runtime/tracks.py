"""The track of a recording in which someone speaks: recorders write the microphone and the computer's sound apart.

Tracks are never mixed: films bring the same words in several languages. A block of the recording is taken from the
track that spoke before, and from another one where that is silent, or cannot be decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoglm_desktop.core.errors import AppError

from .sound import blocks, count_tracks

Samples = NDArray[np.float32]

_SPEAKS_S = 1.0
"""Of speech in a block: less is a cough."""


def speaking_blocks(
    path: Path, length: int, check: Callable[[], None], speech_s: Callable[[Samples], float]
) -> Iterator[Samples]:
    """As `sound.blocks`, for a file of any number of tracks. `speech_s`: how many seconds of speech are in a block.

    Holds a block of every track at a time. Raises AppError BAD_INPUT when none of them can be decoded.
    """
    count = count_tracks(path)
    if count == 1:
        yield from blocks(path, length, check)
        return
    failures: list[AppError] = []
    tracks = [_decodable(blocks(path, length, check, track), failures) for track in range(count)]
    at, heard = 0, False
    for pieces in zip_longest(*tracks, fillvalue=np.empty(0, np.float32)):
        at = _speaking(pieces, at, speech_s)
        heard = True
        yield np.pad(pieces[at], (0, max(map(len, pieces)) - len(pieces[at])))  # the others end later
    if not heard:
        raise failures[0]


def _speaking(pieces: tuple[Samples, ...], at: int, speech_s: Callable[[Samples], float]) -> int:
    """The track to take: `at` as long as it speaks, or as nothing else does."""
    if len(pieces[at]) and speech_s(pieces[at]) >= _SPEAKS_S:
        return at
    spoken = [speech_s(piece) if len(piece) else 0.0 for piece in pieces]
    return max(range(len(pieces)), key=lambda track: (spoken[track], track == at))


def _decodable(samples: Iterator[Samples], failures: list[AppError]) -> Iterator[Samples]:
    """What can be decoded of a track; a failure before its first block is kept."""
    begun = False
    try:
        for piece in samples:
            begun = True
            yield piece
    except AppError as error:
        if begun:
            raise
        failures.append(error)
