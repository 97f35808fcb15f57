"""Looks for a log to go over to, while one that is followed is at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.errors import CopilotError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from copilot_analytics.live.following import Following
    from copilot_analytics.live.watched import Watched

_EVERY_S, _OF_ITS_COST = 4.0, 10.0
_AT_REST_S = 60.0


class AnotherLog:
    """The search for another log, as often as its cost allows.

    Parameters
    ----------
    find
        Returns a log to follow instead of the given one, None if there is none; None looks for
        nothing.
    wall
        Seconds since 1970.

    Attributes
    ----------
    due : float
        When it looks next.

    Examples
    --------
    >>> AnotherLog(None, lambda: 0.0).due
    0.0
    """

    def __init__(
        self, find: Callable[[Following], Following | None] | None, wall: Callable[[], float]
    ) -> None:
        self._find, self._wall = find, wall
        self.due = 0.0

    def look(self, runs: Sequence[Watched], now: float) -> tuple[Watched, Following] | None:
        """Return a log that is at rest and one to follow instead of it; None if there is none.

        Parameters
        ----------
        runs
            The logs that are followed.
        now
            Seconds since 1970.
        """
        if self._find is None or now < self.due:
            return None
        at_rest = [one for one in runs if _is_at_rest(one, now)]
        if not at_rest:
            return None
        found = None
        for watched in at_rest:
            try:
                other = self._find(watched.following)
            except (CopilotError, OSError):  # the directory may be gone; it may come back
                continue
            if other is not None:
                found = watched, other
                break
        took_s = max(self._wall() - now, 0.0)
        # For some seconds; where others go on, one that has ended may stay for days.
        lingers = all(one.given_up or one.ended_at is not None for one in runs)
        share = 1.0 if lingers else _OF_ITS_COST
        self.due = now + took_s + max(_EVERY_S, share * took_s)
        return found


def _is_at_rest(watched: Watched, now: float) -> bool:
    following = watched.following
    if watched.given_up or not following.caught_up:
        return False
    lives = following.process.state in {"alive", "stopped"}
    silent = following.silence_s(now) > _AT_REST_S and not lives
    return silent or watched.ended_at is not None
