"""What has been asked of a phone lately: the demand that ``last-until`` plans with. It knows the past only."""

from __future__ import annotations

from collections import deque

WINDOW_S = 3600.0
LEAST_SPAN_S = 1800.0
"""A demand is spread over at least this long, so that a first question is not taken for a habit."""


class Demand:
    """Tokens asked for, and joules that went elsewhere than into decoding; over an hour, and since the start."""

    __slots__ = ("_marks", "_start", "asked_tok", "rest_j")

    def __init__(self, now_s: float = 0.0) -> None:
        self.asked_tok = 0.0
        self.rest_j = 0.0
        self._start = now_s
        self._marks: deque[tuple[float, float, float]] = deque([(now_s, 0.0, 0.0)])

    def mark(self, now_s: float) -> None:
        """Remember where the sums stand; call it about once a minute."""
        self._marks.append((now_s, self.asked_tok, self.rest_j))
        while len(self._marks) > 1 and self._marks[1][0] <= now_s - WINDOW_S:
            self._marks.popleft()

    def tokens_s(self, now_s: float) -> float:
        """Tokens a second: the larger of the last hour's mean and of the mean since the start."""
        then, asked, _ = self._marks[0]
        lately = (self.asked_tok - asked) / max(LEAST_SPAN_S, now_s - then)
        return max(lately, self.asked_tok / max(LEAST_SPAN_S, now_s - self._start))

    def rest_w(self, now_s: float) -> float | None:
        """Mean watts of everything but decoding, the larger of the same two; None before anything was seen."""
        then, _, rest = self._marks[0]
        if now_s - self._start < 1.0:
            return None
        lately = (self.rest_j - rest) / (now_s - then) if now_s - then >= LEAST_SPAN_S else 0.0
        return max(lately, self.rest_j / (now_s - self._start))
