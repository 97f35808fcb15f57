"""Which of the watched runs a command from a chat is about, and which are worth seeing first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.live.answers import mark
from copilot_analytics.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.live.watched import Watched

_FIRST = ("🔴", "🟡", "🟢", "🏁", "⚪")  # what broke, what may, what goes on, what is over
_MOST_NAMED = 20


def title(watched: Watched) -> str:
    """Return what a run is called, or its path before it trains."""
    return watched.name or watched.following.path


def asked_for(part: str, runs: Sequence[Watched]) -> tuple[list[Watched], str]:
    """Return the run that a part of a name is of, and a sentence if that is not one run.

    Parameters
    ----------
    part
        What was asked for; the whole name of a run is that run, whatever else holds it.
    runs
        All that are watched.
    """
    wanted = part.casefold()
    found = [one for one in runs if title(one).casefold() == wanted]
    found = found or [one for one in runs if wanted in title(one).casefold()]
    if len(found) == 1:
        return found, ""
    if not found:
        return [], f"no watched run has “{part}” in its name; there are {named(runs)}"
    return [], f"“{part}” is in the names of {plural(len(found), 'run')}: {named(found)}"


def worth_seeing(runs: Sequence[Watched], now: float) -> list[Watched]:
    """Return the runs that have begun to train, those that need a person first.

    Among equals the one comes first whose log grew last.
    """
    trained = [one for one in runs if one.following.log.run_key]
    return sorted(
        trained, key=lambda one: (_FIRST.index(mark(one, now)), one.following.silence_s(now))
    )


def named(runs: Sequence[Watched]) -> str:
    """Return the names of runs in one line."""
    names = [title(one) for one in runs]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
