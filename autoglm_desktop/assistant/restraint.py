"""A request within a bound of new tokens: the governor's restraint, or a client's own limit."""

from __future__ import annotations

from dataclasses import replace

from autoglm_desktop.core.messages import TurnRequest


def capped(request: TurnRequest, max_new_tokens: int | None) -> TurnRequest:
    """The request with at most `max_new_tokens` new tokens, reasoning and answer together; never more than it asked.

    A thinking request gets half of them for its reasoning; one token leaves no room to think. None changes nothing.
    """
    if max_new_tokens is None:
        return request
    if not request.think or max_new_tokens < 2:
        return replace(request, think=False, max_tokens=_least(request.max_tokens, max_new_tokens))
    budget = min(request.thinking_budget_tokens, max_new_tokens // 2)
    return replace(
        request,
        thinking_budget_tokens=budget,
        max_tokens=_least(request.max_tokens, max(1, max_new_tokens - budget)),
    )


def _least(asked: int | None, cap: int) -> int:
    """`asked` within the cap; None was asked without a bound."""
    return cap if asked is None else min(asked, cap)
