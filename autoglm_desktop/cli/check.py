"""One finding of ``doctor``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `fix` is empty when there is nothing to do; a check that is not `required` never fails the whole."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    required: bool = True
