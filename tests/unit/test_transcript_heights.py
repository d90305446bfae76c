"""Where rows begin."""

from __future__ import annotations

from autoglm_desktop.ui.transcript.heights import Heights


def test_tops_and_rows_at_a_place() -> None:
    heights = Heights(10)
    heights.reset([100, 50, 200])
    assert [heights.top(row) for row in range(3)] == [0, 110, 170]
    assert heights.total == 370
    assert [heights.at(y) for y in (-5, 0, 109, 110, 169, 170, 9999)] == [0, 0, 0, 1, 1, 2, 2]


def test_changes_move_what_is_below() -> None:
    heights = Heights(10)
    heights.reset([100, 50])
    heights.set(0, 120)
    heights.insert(1, 30)
    heights.append(5)
    assert [heights.top(row) for row in range(len(heights))] == [0, 130, 170, 230]
    heights.truncate(1)
    assert (len(heights), heights.total, heights[0]) == (1, 120, 120)


def test_nothing_is_nowhere() -> None:
    assert Heights(10).at(0) == -1
    assert Heights(10).total == 0
