"""Looks for a log to go over to, while the only one that is followed is at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.errors import CopilotError

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def look(self, watched: Watched, now: float) -> Following | None:
        """Return a log to follow instead of one that is at rest; None if there is none.

        Parameters
        ----------
        watched
            The only log that is followed.
        now
            Seconds since 1970.
        """
        following = watched.following
        if self._find is None or watched.given_up or not following.caught_up or now < self.due:
            return None
        lives = following.process.state in {"alive", "stopped"}
        at_rest = following.silence_s(now) > _AT_REST_S and not lives
        if not (at_rest or watched.ended_at is not None):
            return None
        try:
            other = self._find(following)
        except (CopilotError, OSError):  # the directory may be gone; it may come back
            other = None
        took_s = max(self._wall() - now, 0.0)
        share = _OF_ITS_COST if watched.ended_at is None else 1.0  # it lingers for some seconds
        self.due = now + took_s + max(_EVERY_S, share * took_s)
        return other
