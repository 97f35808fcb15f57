"""When a live watch saw a log without time stamps grow: all that is known of its pace."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Arrival(NamedTuple):
    """How far a run had come when its log was seen to grow."""

    time: float
    step: int
    segment: int
    evals: int


def is_worth_noting(arrivals: Sequence[Arrival], step: int, time: float) -> bool:
    """Tell whether another arrival adds to those that were noted.

    The longer a run is watched, the further they lie apart, so that their number grows with the
    logarithm of that time.

    Parameters
    ----------
    arrivals
        What was noted, in order.
    step
        How far the run has come.
    time
        Seconds since 1970.

    Examples
    --------
    >>> noted = [Arrival(0.0, 10, 0, 0), Arrival(1000.0, 20, 0, 0)]
    >>> is_worth_noting(noted, 30, 1005.0), is_worth_noting(noted, 30, 1010.0)
    (False, True)
    """
    if not arrivals:
        return True
    first, last = arrivals[0], arrivals[-1]
    apart_s = max(_APART_S, _SHARE * (last.time - first.time))
    return step != last.step and time - last.time >= apart_s


_APART_S = 1.0
_SHARE = 0.01
