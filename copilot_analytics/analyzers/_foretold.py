"""Whether a step-wise schedule that the log does not state is about to lower the rate again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNEVEN = 0.05


def may_drop_soon(drops: Sequence[int], step: int, end: float | None = None) -> bool:
    """Tell whether the next drop of a rate that falls at equal distances may still be ahead.

    A rate that dropped after 30 epochs and after 60 drops after 90: `StepLR` does so, counted from
    the start. Of usual milestones (60, 120 and 160; 150 and 225; 8 and 11) the second comes at the
    latest at twice the first, so that one drop alone foretells another by then.

    Parameters
    ----------
    drops
        Steps of the drops so far, ascending.
    step
        Where the run is.
    end
        Its planned end, at which nothing drops any more; None if it is unknown.

    Returns
    -------
    bool
        False once it is overdue by more than a twentieth of the distance.

    Examples
    --------
    >>> [may_drop_soon([3000], step) for step in (4000, 6100, 6200)]
    [True, True, False]
    >>> [may_drop_soon([3000, 6000], step) for step in (7000, 9100, 9200)]
    [True, True, False]
    >>> may_drop_soon([3000, 8000], 9000)
    False
    """
    if not drops:
        return False
    before = [0, *drops][-3:]
    gaps = [later - earlier for earlier, later in pairwise(before)]
    every = gaps[-1]
    if every <= 0 or max(gaps) - min(gaps) > _UNEVEN * every:
        return False
    due = drops[-1] + every
    if end is not None and due >= (1.0 - _UNEVEN) * end:
        return False
    return step <= due + _UNEVEN * every
