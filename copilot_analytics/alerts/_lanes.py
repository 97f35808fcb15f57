"""How each channel is doing: when it is tried next, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from copilot_analytics.alerts.channels._base import Channel
    from copilot_analytics.findings import Severity

PACE_S = 1.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
PARKED_S = (600.0, 21_600.0)


@dataclass
class Lane:
    """How one channel is doing."""

    channel: Channel
    floor: Severity
    due: float = float("-inf")
    failures: int = 0
    parked: str = ""
    told: bool = False
    asked_until: float = float("-inf")
    answers: int = 0
    was_revived: bool = False
    told_parked: str = ""
    parked_at: float = float("-inf")
    parked_s: float = PARKED_S[0]

    def pause(self, now: float, rng: Random, asked_s: float | None) -> None:
        """Rest after a failure: ever longer, and in full as long as the other side asks for."""
        self.failures += 1
        self.answers = self.channel.answers
        longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 20))
        pause_s = longest_s * rng.uniform(0.5, 1.0)
        if asked_s is not None:
            pause_s = max(asked_s + 0.1, pause_s if self.failures > 1 else 0.0)
            self.asked_until = now + pause_s
        self.due = now + max(pause_s, PACE_S)

    def revives(self, now: float) -> bool:
        """Tell whether the other side has answered something else since it failed.

        Then it is tried again at once, but for a pause that was asked for; only once until it has
        taken a message, since it may be the messages that fail.
        """
        if not self.failures or self.was_revived or self.channel.answers <= self.answers:
            return False
        self.was_revived, self.due = True, min(self.due, max(now, self.asked_until))
        return True

    def park(self, reason: str, now: float) -> bool:
        """Try no more, since a person must act; return whether that was not told yet."""
        is_news = reason != self.told_parked
        self.parked = self.told_parked = reason
        self.parked_at = now
        return is_news

    def unpark(self, now: float) -> bool:
        """Try again, since the other side takes other things; ever more rarely. Tell whether so."""
        if not self.parked or now - self.parked_at < self.parked_s:
            return False
        self.parked, self.due = "", now
        self.parked_s = min(2.0 * self.parked_s, PARKED_S[1])
        return True

    def succeed(self, now: float) -> bool:
        """Note a message that was taken; return whether that is news."""
        self.due = now if self.channel.is_private else now + PACE_S  # no server to spare
        was_told, self.told = self.told, False
        self.failures, self.was_revived = 0, False
        self.told_parked, self.parked_s = "", PARKED_S[0]
        return was_told
