"""A run under supervision, and the screen on which it is shown."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.analysis import Analysis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.events import Event
    from copilot_analytics.live.following import Following

FINISHED, TROUBLE, CRASHED, DIVERGED, BROKEN_OFF = 0, 1, 3, 4, 5


class Screen(Protocol):
    """Where the user looks."""

    def start(self) -> None:
        """Begin to show."""

    def tell(self, watched: Watched, event: Event) -> None:
        """Show an event as it becomes known."""

    def note(self, text: str) -> None:
        """Show a remark about the supervision itself."""

    def take_up(self, watched: Watched, now: float, *, again: bool) -> None:
        """Show how a run stands that was met with a past, perhaps after an earlier watch."""

    def show(self, runs: Sequence[Watched], now: float) -> float:
        """Show how things are; return in how many seconds it wants to be called again."""

    def stop(self) -> None:
        """Leave the terminal as it was."""


@dataclass
class Watched:
    """A followed log, and what was told of it.

    Parameters
    ----------
    following
        The log.
    policy
        Decides what is told of its run.
    run_key, name
        The run that the policy is about; empty before it trains.
    recent
        The last events, for the screen.
    ended_at
        When the run was seen to have ended; None while it goes on.
    failures
        Internal errors in a row.
    """

    following: Following
    policy: Policy
    run_key: str = ""
    name: str = ""
    recent: deque[Event] = field(default_factory=lambda: deque(maxlen=8))
    due: float = 0.0
    ended_at: float | None = None
    failures: int = 0
    given_up: bool = False
    begins_here: bool = False  # the run began under supervision: all of it is news
    met_at: float | None = None

    @property
    def analysis(self) -> Analysis:
        """The answers as of now."""
        return Analysis.of(self.following.log.session)

    @property
    def context(self) -> Context:
        """What messages may say of the run."""
        return Context(self.run_key, self.name, lambda: self.analysis)

    @property
    def outcome(self) -> int:
        """How the run ended or stands, as an exit code."""
        if self.given_up:
            return TROUBLE
        status = self.following.status
        analysis = self.analysis
        if status == "crashed":
            return CRASHED
        if str(analysis.phases.current.value) == "DIVERGING" or analysis.stop.advice == "kill":
            return DIVERGED
        return BROKEN_OFF if status in {"stalled", "interrupted"} else FINISHED
