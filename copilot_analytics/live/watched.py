"""A run under supervision, and the screen on which it is shown."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.alerts.rules import Remarks
from copilot_analytics.analysis import Analysis
from copilot_analytics.live.staying import LEAST_S
from copilot_analytics.live.stillborn import Stillborn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.events import Event
    from copilot_analytics.live.following import Following

_GRIDS_S = (5.0, 0.5, 0.1)  # logs are looked at together: to wake up takes longer than a look
_LOOKS_PER_S = 100.0  # at many logs, however fast they grow
_MOST_APART_S = 5.0
_MOST_AFTER_FAILURES_S = 60.0
FINISHED, TROUBLE, CRASHED, DIVERGED, BROKEN_OFF = 0, 1, 3, 4, 5


class Screen(Protocol):
    """Where the user looks."""

    def start(self) -> None:
        """Begin to show."""

    def tell(self, watched: Watched, event: Event) -> None:
        """Show an event as it becomes known."""

    def note(self, text: str) -> None:
        """Show a remark about the supervision itself."""

    def take_up(self, watched: Watched, now: float, *, end_is_told: bool) -> None:
        """Show how a run stands that an earlier watch followed, and its verdict if it is over.

        An end that was not told yet is told by a message, and here only once it was.
        """

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
    remarks
        What was shown of what is only worth knowing.
    due
        When the log is looked at next, in seconds since 1970.
    ended_at
        When the run was seen to have ended; None while it goes on.
    failures
        Internal errors in a row.
    complaint
        What the last of them was.
    stillborn
        Whether it died before its first row.
    """

    following: Following
    policy: Policy
    run_key: str = ""
    name: str = ""
    recent: deque[Event] = field(default_factory=lambda: deque(maxlen=8))
    remarks: Remarks = field(default_factory=Remarks)
    due: float = 0.0
    ended_at: float | None = None
    failures: int = 0
    complaint: str = ""
    given_up: bool = False
    stays: bool = False  # said why it is still watched after its end
    begins_here: bool = False  # the run began under supervision: all of it is news
    met_at: float | None = None
    stillborn: Stillborn = field(default_factory=Stillborn)

    @property
    def analysis(self) -> Analysis:
        """The answers as of now."""
        return Analysis.of(self.following.log.session)

    @property
    def context(self) -> Context:
        """What messages may say of the run."""
        from copilot_analytics.report.which_checkpoint import DISK

        following = self.following
        return Context(
            self.run_key,
            self.name,
            lambda: self.analysis,
            process=following.process.reason,
            successor=following.successor,
            look=DISK.once(),
        )

    def recall(self, event: Event) -> bool:
        """Keep an event among those that the panel shows, if it says anything new; tell whether."""
        is_new = not self.remarks.hides(event)
        if is_new:
            self.recent.append(event)
        return is_new

    def context_at(self, now: float) -> Context:
        """Return what messages may say of the run, with its silence until now."""
        return replace(self.context, silence_s=self.following.silence_s(now))

    def rest(self, now: float, logs: int) -> None:
        """Let the log be looked at again when that is worth it.

        Parameters
        ----------
        now
            Seconds since 1970.
        logs
            How many are watched.
        """
        if self.given_up:
            return
        wait_s = self.following.wait_s
        if self.failures:
            wait_s = min(2.0**self.failures, _MOST_AFTER_FAILURES_S)
        if wait_s > 0.0:
            wait_s = max(wait_s, min(logs / _LOOKS_PER_S, _MOST_APART_S))
        grid_s = next((one for one in _GRIDS_S if wait_s >= 2.0 * one), 0.0)
        self.due = (now + wait_s) // grid_s * grid_s if grid_s else now + wait_s

    def is_over(self, now: float, linger_s: float | None) -> bool:
        """Tell whether nothing more is waited for.

        Parameters
        ----------
        now
            Seconds since 1970.
        linger_s
            How long to go on after the run has ended; None means 10 s after one that finished
            and 10 min after others, which may be resumed, or that say that further parts follow,
            and in any case as long as a process holds the log open for writing.
        """
        if self.given_up:
            return True
        if self.ended_at is None:
            self.stays = False
            return False
        if linger_s is not None:
            return now - self.ended_at >= linger_s
        following, ended_s = self.following, now - self.ended_at
        finished, place = following.status == "finished", following.file or following.path
        why = following.staying.reason(place, now, ended_s, has_finished=finished)
        if why and finished and ended_s >= LEAST_S and not self.stays:
            self.stays = True
            following.notices.append(f"{following.path}: the run is over, but {why}: watching on")
        return not why

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
