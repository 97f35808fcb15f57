"""What a reader should know of the limits of a forecast, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.wording import plural

if TYPE_CHECKING:
    from copilot_analytics.stats._features import Situation
    from copilot_analytics.stats._schedule import Standing

FEW = 6
UNLIKE = 1.05
"""Widening that is worth a word."""
FAR = 1e6
"""A horizon of so many times the last step may be one in another unit."""
DROP_AHEAD = "a drop of the learning rate lies ahead: it allows for a late gain"
_BEHIND = "a drop of the learning rate lies behind: its jump is not carried on, and it expects less"
OF_THE_RATE = {
    "before": DROP_AHEAD,
    "held": (
        "the learning rate, constant so far, is to decay to near zero: such runs often end better "
        "than they look before, and it allows for a late gain"
    ),
    "dropped": _BEHIND,
    "settled": _BEHIND,
    "unseen": (
        "a drop of the learning rate lies behind, with too few evaluations before it to tell what "
        "it brought: the schedule changes nothing"
    ),
}


def notes_of(
    situation: Situation, ends: tuple[float, float], ignored: int, stretch: float, where: Standing
) -> tuple[str, ...]:
    """Return what a reader should know of a forecast.

    Parameters
    ----------
    situation : Situation
    ends : (float, float)
        The last step and the horizon.
    ignored : int
        Evaluations that are not finite.
    stretch : float
        Widening of the intervals for want of known runs like this one.
    where : Standing
        Where the run stands in the schedule of its learning rate.
    """
    notes = []
    last, horizon = ends
    if 0.0 < FAR * last < horizon:
        notes.append(
            f"the horizon is {horizon / last:,.0f} times the last step: are both in the same unit?"
        )
    if situation.n < FEW:
        notes.append(f"few evaluations ({situation.n}): what other runs did decides the forecast")
    if situation.prefix.now < 0.05:
        notes.append("less than 5 % of the way is done: expect little of this forecast")
    if stretch > UNLIKE:
        notes.append(
            "few known runs look like this one: the intervals are "
            f"{100.0 * (stretch - 1.0):.0f} % wider"
        )
    if where.stage == "decaying":
        notes.append(
            f"the learning rate has decayed to {100.0 * where.left:.2g} % of its peak: it expects "
            "less gain, and the interval is narrower"
        )
    elif where.stage in OF_THE_RATE:
        notes.append(OF_THE_RATE[where.stage])
    return (*notes, *left_out(ignored))


def left_out(ignored: int) -> tuple[str, ...]:
    """Say how many evaluations are not finite; nothing if none is."""
    if not ignored:
        return ()
    are, were = ("is", "was") if ignored == 1 else ("are", "were")
    return (f"{plural(ignored, 'evaluation')} that {are} not finite {were} left out",)
