"""The loop that follows logs, decides what is told, and never stops because one of them fails."""

from __future__ import annotations

import signal
import time
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from copilot_analytics.alerts.delivery import Delivery
from copilot_analytics.alerts.policy import Policy
from copilot_analytics.errors import CopilotError, UsageError
from copilot_analytics.live.another_log import AnotherLog
from copilot_analytics.live.commands import obey
from copilot_analytics.live.courier import Courier
from copilot_analytics.live.drawing import draw_apart
from copilot_analytics.live.mutes import muted_as
from copilot_analytics.live.run_names import name_among
from copilot_analytics.live.signals import catch_signals
from copilot_analytics.live.steady_clock import SteadyClock
from copilot_analytics.live.telling import Telling
from copilot_analytics.live.watched import (
    BROKEN_OFF,
    CRASHED,
    DIVERGED,
    FINISHED,
    TROUBLE,
    Watched,
)
from copilot_analytics.wording import plural

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping, Sequence

    from copilot_analytics.alerts.channels._base import Channel
    from copilot_analytics.alerts.ledger import Ledger
    from copilot_analytics.alerts.message import Message
    from copilot_analytics.alerts.rules import PolicyOptions
    from copilot_analytics.findings import Severity
    from copilot_analytics.live.following import Following
    from copilot_analytics.live.gpu_sampler import GpuSampler
    from copilot_analytics.live.watched import Screen

_PASS_S = 0.5
_POLICY_S = 5.0
_GPU_S = 10.0
_MORE_S = 5.0
_CARD_S = 30.0
_UNSAID_S = 60.0  # another watch of the run may have been killed before it said all
_LONGEST_SLEEP_S = 5.0
_DRAIN_S = 20.0
_TOO_MANY_FAILURES = 20


class Supervisor:
    """Watches logs until their runs have ended, or until it is stopped.

    Parameters
    ----------
    followings
        The logs, 1 to some hundreds.
    ledger
        What was told.
    channels
        Where messages go.
    screen
        Where the user looks.
    options
        How patient the policy is.
    tell_past
        Whether what a log held at the start is told, as one digest.
    floors
        Least severity by channel name.
    sampler
        Reads the devices; None leaves them out. Samples count for a run only where a single log
        is followed: whose they are among several is unknown.
    heartbeat
        Address that is pinged while the supervisor is well.
    linger_s
        How long to go on after the last run has ended; None means 10 s after a run that finished
        and 10 min after others, which may be resumed.
    find_more
        Returns further logs to follow, None once none can come; asked every 5 s.
    find_other
        Returns a log to follow instead of the given one, None if there is none; asked while that
        one is at rest.
    wait_s
        How long a log may hold nothing that looks like training; None means for ever.
    wall
        Seconds since 1970.

    Attributes
    ----------
    runs : list of Watched
        The logs and their states.
    """

    def __init__(
        self,
        followings: Sequence[Following],
        ledger: Ledger,
        channels: Sequence[Channel],
        screen: Screen,
        *,
        options: PolicyOptions | None = None,
        tell_past: bool = False,
        floors: Mapping[str, Severity] | None = None,
        sampler: GpuSampler | None = None,
        heartbeat: str | None = None,
        linger_s: float | None = None,
        find_more: Callable[[], Sequence[Following] | None] | None = None,
        find_other: Callable[[Following], Following | None] | None = None,
        wait_s: float | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._wall = SteadyClock(wall)
        self.runs = [Watched(one, Policy(options)) for one in followings]
        self._ledger = ledger
        self._screen = screen
        near = [one for one in channels if one.name == "console"]
        far = [one for one in channels if one.name != "console"]
        self._console = Delivery(ledger, near, Random(), floors=floors)  # noqa: S311  # it spreads pauses
        self._courier = Courier(
            ledger, far, floors=floors, draw=self._draw, heartbeat=heartbeat, wall=self._wall
        )
        names = (*self._console.names, *self._courier.names)
        self._telling = Telling(
            ledger,
            names,
            options,
            tell_past=tell_past,
            take_up=screen.take_up,
            on_messages=self._owe,
            echo=self._console.echo,
            name_of=lambda watched: name_among(watched, self.runs),
        )
        self._sampler = sampler
        self._linger_s = linger_s
        self._find_more, self._another = find_more, AnotherLog(find_other, self._wall)
        self._wait_s = wait_s
        self._misuse: UsageError | None = None
        self._now = self._began_at = self._wall()
        self._stopped_by: int | None = None
        self._unsent = True  # there may be what one that was killed had not shown yet
        self._has_news = False
        self._next: dict[str, float] = {}

    def run(self) -> int:
        """Watch; return an exit code that tells how it ended.

        Returns
        -------
        int
            0: finished, or going well when it was stopped; 1: copilot itself failed; 3: a run
            crashed; 4: one diverged or should be killed; 5: one ended early or has gone silent.
            Of several runs the first in the order 3, 4, 5, 1 counts.

        Raises
        ------
        UsageError
            If the only log that is watched shows that the call was wrong.
        """
        before = catch_signals(self.stop, lambda: self._stopped_by is not None)
        self._screen.start()
        self._courier.start()
        try:
            while self._stopped_by is None and not (self._is_over() and self._is_the_last()):
                self.pass_once()
                self._sleep()
            self._end()
        finally:
            self._courier.stop(0.0)
            self._screen.stop()
            for signum, handler in before.items():
                signal.signal(signum, handler)
        if self._misuse is not None and len(self.runs) == 1:
            raise self._misuse
        outcomes = {watched.outcome for watched in self.runs}
        grave = (CRASHED, DIVERGED, BROKEN_OFF, TROUBLE)
        return next((code for code in grave if code in outcomes), FINISHED)

    def stop(self, signum: int = signal.SIGTERM) -> None:
        """End after the current pass."""
        self._stopped_by = signum

    def pass_once(self) -> None:
        """Do all that is due now; nothing that a log or a channel does makes it fail."""
        now = self._now = self._wall()
        until = time.monotonic() + _PASS_S
        for watched in sorted(self.runs, key=lambda watched: watched.due):
            if now < watched.due or time.monotonic() > until:
                break  # the others come first in the next pass
            if not watched.given_up:
                self._try(watched, partial(self._step, watched, now))
                watched.rest(now, len(self.runs))
        if self._is_due("policy", now, _POLICY_S):
            for watched in self.runs:
                if watched.run_key:
                    self._try(watched, partial(self._telling.decide, watched, [], now))
        self._sample(now)
        self._look_for_more(now)
        self._look_for_another(now)
        self._answer(now)
        self._deliver(now)
        if now >= self._next.get("screen", 0.0):
            self._next["screen"] = now + self._screen.show(self.runs, now)
        if self._is_due("card", now, _CARD_S) or self._has_news:
            self._courier.show_card(self.runs, now, at_once=self._has_news)
            self._has_news = False
        self._courier.be_well()

    def _step(self, watched: Watched, now: float) -> None:
        following = watched.following
        was_caught_up = following.caught_up
        events = following.step(now)
        self._say(following.notices)
        # That a run goes on after its end comes before what it has done since.
        goes_on = following.caught_up and bool(events) and watched.policy.end_is_told
        if goes_on:
            self._telling.judge(watched, events, now)
            self._deliver(now)
        if was_caught_up or watched.run_key:
            watched.name = watched.name or name_among(watched, self.runs)
            for event in events:
                if watched.recall(event):
                    self._screen.tell(watched, event)
        if following.caught_up and not goes_on:
            self._telling.judge(watched, events, now)
        watched.failures = 0
        self._expect_training(watched, now)

    def _try(self, watched: Watched, act: Callable[[], None]) -> None:
        """Do something for one run; what fails there must not take the others with it."""
        try:
            act()
        except UsageError as error:
            self._misuse = error
            self._give_up(watched, str(error))
        except CopilotError as error:
            self._fail(watched, str(error))
        except Exception as error:  # noqa: BLE001  # the others go on
            self._fail(watched, f"internal error: {type(error).__name__}: {error}")

    def _fail(self, watched: Watched, reason: str) -> None:
        watched.failures += 1
        if watched.failures == _TOO_MANY_FAILURES or reason != watched.complaint:
            self._screen.note(f"{watched.following.path}: {reason}")
        watched.complaint = reason
        if watched.failures >= _TOO_MANY_FAILURES:
            self._give_up(watched, "given up; the others go on")

    def _give_up(self, watched: Watched, why: str) -> None:
        watched.given_up, watched.due = True, float("inf")
        if len(self.runs) > 1 or not isinstance(self._misuse, UsageError):
            self._screen.note(f"{watched.following.path}: {why}")

    def _expect_training(self, watched: Watched, now: float) -> None:
        """Give up a log that is none, if it was to show training by now."""
        waited_s = now - self._began_at
        if self._wait_s is not None and waited_s >= self._wait_s and watched.following.is_unknown:
            lines = plural(watched.following.log.lines, "line")
            self._give_up(watched, f"no training seen in {lines}; `copilot find` tells more")

    def _is_due(self, what: str, now: float, every_s: float) -> bool:
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + every_s
        return True

    def _sample(self, now: float) -> None:
        if self._sampler is None or not self._is_due("gpu", now, _GPU_S):
            return
        if len(self.runs) != 1 or not self.runs[0].run_key:
            return
        following = self.runs[0].following
        process = following.process
        self._sampler.pids = frozenset((*process.holders, *filter(None, (process.pid,))))
        try:
            for record in self._sampler.sample():
                events = following.sample(record)
                self._telling.decide(self.runs[0], [following.log.relative(e) for e in events], now)
                for event in events:
                    if self.runs[0].recall(event):
                        self._screen.tell(self.runs[0], event)
        except Exception as error:  # noqa: BLE001  # a driver must not end the supervision
            self._screen.note(f"the GPUs are no longer read: {type(error).__name__}: {error}")
            self._sampler = None

    def _look_for_more(self, now: float) -> None:
        if self._find_more is None or not self._is_due("more", now, _MORE_S):
            return
        known = {watched.following.path for watched in self.runs}
        try:
            found = self._find_more()
            self._find_more = None if found is None else self._find_more
            for following in found or ():
                if following.path not in known:
                    self.runs.append(Watched(following, muted_as(self.runs, self._options)))
                    self._screen.note(f"also watching {following.path}")
        except (CopilotError, OSError):  # the directory may be gone; it may come back
            return

    def _look_for_another(self, now: float) -> None:
        """Go over to a log that grows, if one that is followed is at rest."""
        found = self._another.look(self.runs, now)
        if found is None:
            return
        left, other = found
        self._screen.note(f"{other.path} has begun to grow: going over to it")
        self._part_from(left, now)
        self.runs[self.runs.index(left)] = Watched(other, muted_as(self.runs, self._options))

    def _answer(self, now: float) -> None:
        while self._courier.commands:
            chat, command = self._courier.commands[0]
            try:
                obey(chat, command, self.runs, now, self._courier, self._draw_log)
            finally:
                self._courier.commands.popleft()  # no figure is drawn before it is answered

    def _deliver(self, now: float) -> None:
        self._say(self._courier.notices)
        if self._is_due("unsaid", now, _UNSAID_S) or self._unsent:
            done = self._console.work(now)
            self._say(done.notices)
            self._unsent = bool(set(done.undelivered) - set(self._console.parked))
        if self._ledger.trouble and self._is_due("trouble", now, 3600.0):
            self._screen.note(self._ledger.trouble)

    def _owe(self) -> None:
        self._unsent = self._has_news = True
        self._courier.wake()

    def _say(self, notices: list[str] | deque[str] | tuple[str, ...]) -> None:
        for notice in list(notices):
            self._screen.note(notice)
        if not isinstance(notices, tuple):
            notices.clear()

    def _draw(self, message: Message, name: str) -> bytes | None:
        """Draw a figure of a message; this runs in the courier's thread."""
        for watched in self.runs:
            if watched.run_key == message.run_key:
                return self._draw_log(watched, name)
        return None

    def _draw_log(self, watched: Watched, name: str) -> bytes | None:
        return draw_apart(watched.following.file or watched.following.path, name)

    def _is_over(self) -> bool:
        if self._find_more is not None:
            return False
        over = all(one.is_over(self._now, self._linger_s) for one in self.runs)
        return bool(self.runs) and over and not self._courier.tries_on()

    def _is_the_last(self) -> bool:
        """Look once more for another log before the watch ends; tell whether there is none."""
        self._another.due = 0.0
        self._look_for_another(self._now)
        return self._is_over()

    def _sleep(self) -> None:
        if self._stopped_by is not None:
            return
        now = self._wall()
        due = [watched.due for watched in self.runs if not watched.given_up]
        due.append(self._next.get("screen", now + _LONGEST_SLEEP_S))
        due.append(now + (0.5 if self._unsent or self._courier.commands else _LONGEST_SLEEP_S))
        if self._courier.is_needed:
            due.append(now + 1.0)
        pause_s = min(due) - now
        if pause_s > 0:
            time.sleep(min(pause_s, _LONGEST_SLEEP_S))

    def _end(self) -> None:
        """Say how it ended, and send what is left."""
        now = self._now = self._wall()
        for watched in self.runs:
            self._part_from(watched, now)
        self._courier.show_card(self.runs, now)
        self._screen.show(self.runs, now)
        self._screen.stop()
        self._say(self._console.drain(self._wall, time.sleep, _DRAIN_S).notices)
        for name, count in self._courier.stop(_DRAIN_S).items():
            self._screen.note(f"{name}: {count} undelivered; the next watch of the run sends them")
        self._say(self._courier.notices)
        if self._sampler is not None:
            self._sampler.close()

    def _part_from(self, watched: Watched, now: float) -> None:
        """Sum up a run that is watched no longer."""
        if watched.run_key and not watched.given_up:
            try:
                self._telling.put(watched, watched.policy.close(now, watched.context_at(now)), now)
            except Exception as error:  # noqa: BLE001  # the others must have their summary
                self._fail(watched, f"no summary: {type(error).__name__}: {error}")
        watched.following.close()
