"""Further logs to watch: those that grow, and those that begin meanwhile."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.errors import CopilotError
from copilot_analytics.live.choosing import MOST_LOGS
from copilot_analytics.live.copies import repeats
from copilot_analytics.live.finding import find_logs
from copilot_analytics.live.follow_path import followed_path
from copilot_analytics.live.newcomers import Newcomers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from copilot_analytics.live.following import Following

_SEARCH_EVERY_S = 60.0
_SHARE = 0.1
_MOST_NAMED = 5


class FurtherLogs:
    """Finds logs that are not watched yet, each once.

    All is searched once a minute. At the other calls only what has begun meanwhile is noticed, and
    all is searched then too, for it may tell the run of another log; but no more often than takes a
    tenth of the time. What is left out as a copy is compared anew in between: two runs of one seed
    say the same until they differ.

    Parameters
    ----------
    base
        Where to look; None means where `find_logs` looks.
    follow
        Begins to follow a log.
    followed
        Real paths of the logs that are watched; it is added to.
    note
        Takes what is left out as a copy of a log.
    clock
        Monotonic, in seconds.
    """

    def __init__(
        self,
        base: Path | None,
        follow: Callable[[Path], Following],
        followed: set[str],
        note: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base, self._follow, self._followed = base, follow, followed
        self._newcomers = Newcomers(base)
        self._clock, self._note = clock, note
        self._copies: dict[str, str] = {}
        self._compared_at = float("-inf")
        self._begun: set[str] = set()
        self._search_at = self._soonest_at = float("-inf")

    def __call__(self) -> list[Following]:
        """Return what is to be followed from now on."""
        self._begun |= self._newcomers.look(self._followed) | self._no_copies()
        now = self._clock()
        soonest_at = min(self._soonest_at, self._search_at) if self._begun else self._search_at
        if now < soonest_at:
            return []
        begun, self._begun = self._begun, set()
        search = find_logs(self._base, look_s=0.5, followed=self._followed)
        self._search_at = now + _SEARCH_EVERY_S
        self._soonest_at = now + (self._clock() - now) / _SHARE
        self._tell(search.copies)
        alive = {one.path for one in search.growing}
        alive |= {one.path for one in search.candidates if one.path in begun and not one.refusal}
        found: list[Following] = []
        for path in [one.path for one in search.candidates if one.path in alive][:MOST_LOGS]:
            try:
                name = os.path.realpath(followed_path(path))
                if name not in self._followed:
                    found.append(self._follow(Path(path)))
                    self._followed.add(name)
            except (CopilotError, OSError):
                continue
        return found

    def _no_copies(self) -> set[str]:
        """Return what was left out as a copy and has become different since."""
        now = self._clock()
        if now < self._compared_at:
            return set()
        apart = {path for path, kept in self._copies.items() if not repeats(path, kept)}
        self._compared_at = now + (self._clock() - now) / _SHARE
        return apart

    def _tell(self, copies: Mapping[str, str]) -> None:
        """Say in one line what is left out from now on."""
        new = [(path, kept) for path, kept in copies.items() if path not in self._copies]
        self._copies = dict(copies)
        if new:
            named = [f"{path}, a copy of {kept} so far" for path, kept in new[:_MOST_NAMED]]
            more = f"; and {len(new) - _MOST_NAMED} more" if len(new) > _MOST_NAMED else ""
            self._note(f"left out: {'; '.join(named)}{more}")
