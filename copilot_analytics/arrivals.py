"""When a live watch saw a log without time stamps grow: all that is known of its pace."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Arrival(NamedTuple):
    """How far a run had come when its log was seen to grow.

    Parameters
    ----------
    time
        When, seconds since 1970, by the clock of the watch.
    step
        The step reached.
    segment
        Which process wrote, from 0.
    evals
        Rows of evaluations so far.
    """

    time: float
    step: int
    segment: int
    evals: int


def is_worth_noting(arrivals: Sequence[Arrival], arrival: Arrival) -> bool:
    """Tell whether another arrival adds to those that were noted.

    The longer a process is watched, the further they lie apart, so that their number grows with
    the logarithm of that time. A resume begins anew, and so does a clock that was set back.

    Parameters
    ----------
    arrivals
        What was noted, in order.
    arrival
        How far the run has come now.

    Examples
    --------
    >>> noted = [Arrival(0.0, 10, 0, 0), Arrival(1000.0, 20, 0, 0)]
    >>> soon, later = Arrival(1005.0, 30, 0, 0), Arrival(1010.0, 30, 0, 0)
    >>> is_worth_noting(noted, soon), is_worth_noting(noted, later)
    (False, True)
    >>> is_worth_noting(noted, soon._replace(segment=1)), is_worth_noting([later], later)
    (True, False)
    >>> at_once = Arrival(1000.5, 5, 1, 0)
    >>> is_worth_noting(noted, at_once), is_worth_noting(noted, later._replace(step=20))
    (False, False)
    """
    if not arrivals:
        return True
    last = arrivals[-1]
    since_s = arrival.time - last.time
    if arrival.segment != last.segment:
        return not 0.0 <= since_s < _APART_S
    first = arrivals[bisect_left(arrivals, last.segment, key=attrgetter("segment"))]
    apart_s = max(_APART_S, _SHARE * (last.time - first.time))
    return arrival.step != last.step and not 0.0 <= since_s < apart_s


_APART_S = 1.0
_SHARE = 0.01
