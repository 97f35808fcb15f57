"""What is muted from a chat, kept in the ledger for a watch that is started anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.alerts.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.alerts.ledger import Ledger
    from copilot_analytics.alerts.rules import PolicyOptions
    from copilot_analytics.live.watched import Watched


def mute(runs: Iterable[Watched], ledger: Ledger, now: float, until: float) -> None:
    """Hold back all that is not critical of some runs until a moment; both since 1970."""
    for watched in runs:
        watched.policy.mute(until)
        if watched.run_key:
            ledger.note(f"mute:{watched.run_key}", repr(until), now)


def muted_as(runs: Iterable[Watched], options: PolicyOptions | None) -> Policy:
    """Return the policy of a run that is taken up now, muted for as long as the others are."""
    policy = Policy(options)
    known = [one.policy.muted_until for one in runs if one.policy.muted_until is not None]
    policy.muted_until = max(known, default=None)
    return policy


def unmute(runs: Iterable[Watched], ledger: Ledger, channels: Iterable[str], now: float) -> None:
    """Take a mute back; what waited for its end is sent, unless quiet hours last.

    Parameters
    ----------
    runs
        The runs that are watched.
    ledger
        Holds what waits.
    channels
        Names in the ledger of those that wait.
    now
        Seconds since 1970.
    """
    until: list[float | None] = []
    for watched in runs:
        watched.policy.unmute()
        until.append(watched.policy.quiet_until(now))
        if watched.run_key:
            ledger.note(f"mute:{watched.run_key}", "", now)
    if until:
        ledger.hear_again(channels, now, until[0])


def muted_until(ledger: Ledger, run_key: str) -> float | None:
    """Return until when a run is muted, None if it never was or that was taken back."""
    noted = ledger.noted(f"mute:{run_key}")
    return float(noted) if noted else None
