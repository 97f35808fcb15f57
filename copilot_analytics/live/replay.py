"""Replays a log: what a live watch would have said, and when, by the log's own clock.

The watch of which it tells began with the first line and looked at each line as it was written.
What waits is worded as things stood when the wait was over, not by what the log says later. One
that began later, was away for a while, or met a new log of the run late, has told of the same
events at other moments.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.analysis import Analysis
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.errors import NotATrainingLogError
from copilot_analytics.events import ENDED
from copilot_analytics.live.opening import Opening
from copilot_analytics.live.quiet_logs import silence_of
from copilot_analytics.live.recorded import Journals, read_light, read_on, recorded
from copilot_analytics.live.telling import is_known
from copilot_analytics.records import Block
from copilot_analytics.report.looking_back import Compared, compared, lines
from copilot_analytics.wording import duration, number, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.alerts.message import Message
    from copilot_analytics.alerts.rules import PolicyOptions
    from copilot_analytics.analyzers._base import Options
    from copilot_analytics.events import Event, Status
    from copilot_analytics.records import Item
    from copilot_analytics.run import Run

_MOST_PIECES = 20_000
_LOOK_S = 1.0  # lines that are written within it are seen at one look
_POLICY_S = 5.0  # so often a watch asks whether what waits is due
_LESS_OFTEN = 0.01  # of a silence, while that lasts
_LINGER_S = 600.0
_TO_STOP = frozenset({"stop", "kill"})


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a live watch would have said.

    Parameters
    ----------
    time
        When, by the clock of the log; None where it has none.
    event
        The event, None for a message.
    message
        The message that the policy made of events, None for an event.
    """

    time: float | None
    event: Event | None = None
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """What following the first advice to stop would have saved and cost, once it was told.

    Parameters
    ----------
    advice
        ``stop`` or ``kill``; None if neither was given, or nothing came after it.
    step, epoch
        Where it was told.
    saved_s
        Time from there to the end of the log; None without time stamps.
    metric
        The main metric; None if there is none.
    best_then, best_after
        Its best until then, and until the end of the log.
    cost
        What was gained after the advice, in units of the metric, never negative.
    withdrawn
        Whether the advice was taken back before the end.
    text
        All that in a sentence or two.
    looking_back
        What was forecast on the way beside what came.
    trust
        The same for a reader: lines of a table and how often it held; empty if nothing can be
        compared.
    """

    advice: Literal["stop", "kill"] | None
    text: str
    step: int | None = None
    epoch: float | None = None
    saved_s: float | None = None
    metric: str | None = None
    best_then: float | None = None
    best_after: float | None = None
    cost: float | None = None
    withdrawn: bool = False
    looking_back: tuple[Compared, ...] = ()
    trust: tuple[str, ...] = ()


@dataclass(slots=True)
class _Advised:
    run: Run
    advice: Literal["stop", "kill"]
    step: int
    time: float | None
    metric: str | None
    direction: str | None
    best: float | None
    withdrawn: bool = False


class Replay:
    """Replays one log.

    Parameters
    ----------
    path
        A log, or a directory: then its newest run.
    options
        What the user asks for.
    policy
        How patient the policy is.
    log_format
        Name of the format; None tells it by the content.
    journals
        What a live watch kept and the log does not hold, see
        :func:`copilot_analytics.live.recorded.recorded`.

    Raises
    ------
    LogError
        If the log cannot be read.
    UsageError
        If the journals that are named are not there.

    Examples
    --------
    >>> from copilot_analytics.live.replay import Replay
    >>> replay = Replay("sample_logs/digits_nan")  # doctest: +SKIP
    >>> [said.event.key for said in replay if said.event]  # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | Path,
        options: Options | None = None,
        *,
        policy: PolicyOptions | None = None,
        log_format: str | None = None,
        journals: Journals = None,
    ) -> None:
        self.log = recorded(
            path, options, log_format=log_format, journals=journals, before=self._before
        )
        self.path = Path(self.log.path)
        self._policy = Policy(policy)
        self._policy_options = policy
        self._options, self._log_format = options, log_format
        self._key = ""
        self._said: list[Said] = []
        self._advised: _Advised | None = None
        self._heard = self._judged = 0  # events of all runs, and of this one
        self._now = self._asked = 0.0
        self._met_at: float | None = None
        self._look_from: float | None = None
        self._finds_format = True

    @property
    def events(self) -> list[Event]:
        """Everything that became known so far."""
        return self.log.session.events

    def __iter__(self) -> Iterator[Said]:
        """Yield what is said, in the order of the log.

        Raises
        ------
        LogError
            If the log is no training log, or cannot be read to its end.
        """
        if self._options is not None and self._options.metric is not None:
            # A wrong name is told before anything else is.
            run = read_light(self.path, self._log_format, self.log.earlier)
            MetricAnalyzer(self._options).insist(run)
        size = sum(part.stat().st_size for part in (*self.log.earlier, self.path))
        least = max(1, size // _MOST_PIECES)
        opening = Opening(self.log, self._log_format, least)
        for _ in read_on(self.log, least):
            opening.presume()
            self._finds_format = not self.log.known
            yield from self._taken()
        self._finds_format = False
        self.log.close(silence_s=silence_of(self.path, self.log.run, time.time()))
        if self.log.trouble:
            raise NotATrainingLogError(self.log.trouble)
        self._look(is_last=True)
        self._let_time_pass(self._now + _LINGER_S)
        yield from self._taken()

    def balance(self) -> Balance:
        """Return what the first advice to stop the last run was worth, and what forecasts were."""
        analysis = Analysis.of(self.log.session)
        return replace(
            self._balance(), looking_back=compared(analysis), trust=tuple(lines(analysis))
        )

    def _balance(self) -> Balance:
        advised, run = self._advised, self.log.run
        if advised is None or advised.run is not run:
            given = [event for event in self.log.session.events if event.kind == "advice"]
            text = "No message advised to stop"
            if given and given[-1].key in _TO_STOP:
                since = given[-1].step
                text += f", though the lines do from {place(since, run.epoch_of(since))} on."
            elif any(event.key in _TO_STOP for event in given):
                text += "; what the lines say of it did not last until one."
            else:
                text += "."
            return Balance(None, text)
        at = place(advised.step, run.epoch_of(advised.step))
        if run.last_step <= advised.step:
            text = f"Advice to {advised.advice} was given at {at}; the log does not show what"
            return Balance(None, f"{text} came after it.", advised.step)
        saved_s = None
        if advised.time is not None and run.clock.steady is not None:
            saved_s = max(run.clock.steady - advised.time, 0.0)
        after = cost = None
        metric = advised.metric
        if metric is not None and advised.best is not None and metric in run.metric_names:
            after, cost = _after(run, metric, advised.direction, advised.best)
        text = f"Advice to {advised.advice} at {at}"
        if advised.withdrawn:
            text += " (taken back later)"
        if saved_s is not None:
            text += f" would have saved {duration(saved_s)}"
        else:
            text += f" would have saved {run.last_step - advised.step:,} steps"
        if metric is not None and advised.best is not None and after is not None:
            then, later = number(advised.best), number(after)
            price = f"cost {number(cost, 3)}" if cost else "cost nothing"
            text += f" and {price} in {metric}: best {then} then, {later} at the end"
        return Balance(
            advised.advice, f"{text}.", advised.step, run.epoch_of(advised.step), saved_s, metric,
            advised.best, after, cost, advised.withdrawn,
        )  # fmt: skip

    def _taken(self) -> Iterator[Said]:
        said, self._said = self._said, []
        yield from said

    def _before(self, item: Item) -> None:
        """Tell what became known, and what was due before a record was written."""
        line, time = (
            (int(item.line[0]), float(item.time[0]))
            if isinstance(item, Block)
            else (item.line, item.time)
        )
        self._hear()
        if self._life == "stalled":
            self._look()  # what comes now was not there when the silence was judged
        # The lines by which a format is told are seen at one look. A document has but one line.
        if self._finds_format and self.log.lines > 1:
            self._look_from = time
            return
        if time is None or math.isnan(time):
            if self.log.run.last_time is None and (line != self.log.line or self.log.lines <= 1):
                self._look()
            return
        if self._look_from is not None and abs(time - self._look_from) >= _LOOK_S:
            self._look()
            self._look_from = None
        self._look_from = time if self._look_from is None else self._look_from
        self._let_time_pass(time + self.log.run.clock.set_back_s(line))

    def _hear(self) -> None:
        log = self.log
        for event in log.session.events[self._heard :]:
            self._said.append(Said(event.time, event))
            if event.time is not None:
                self._now = max(self._now, event.time + log.run.clock.set_back_s(event.line))
            taken_back = event.kind == "advice" and event.key in {"continue", "wait"}
            if taken_back and self._advised is not None and self._advised.run is log.run:
                self._advised.withdrawn = True
        self._heard = len(log.session.events)
        self._now = max(self._now, log.run.clock.steady or self._arrived)

    @property
    def _arrived(self) -> float:
        """When the lines of a log without time stamps came that were read last.

        Those before the first arrival that a watch noted came just before it, for all one knows.
        """
        arrivals = self.log.run.arrivals
        return arrivals[-1].time if arrivals else self.log.kept_at or 0.0

    def _look(self, *, is_last: bool = False) -> None:
        """Let the policy judge what became known, as a watch does after each look at the log."""
        self._hear()
        log, now = self.log, self._now
        for key, name, past in log.superseded:
            if key == self._key:
                self._add(self._policy.part(past, now, Context(key, name or log.name)), now)
        log.superseded.clear()
        if not log.run_key:
            return
        if log.run_key != self._key:
            self._met_at = now if self._met_at is None else self._met_at
            if is_last or not self._key or is_known(log, now - self._met_at):
                self._introduce()
            return
        news = log.run_events[self._judged :]
        if news:
            self._judged = len(log.run_events)
            news = [log.relative(event) for event in news]
            self._add(self._policy.step(news, now, self._context), now)

    def _introduce(self) -> None:
        """Begin with a run."""
        log, now = self.log, self._now
        events = [log.relative(event) for event in log.run_events]
        ended = self._life in ENDED
        is_past = ended or not self._key
        self._key, self._policy = log.run_key, Policy(self._policy_options)
        self._judged, self._met_at = len(events), None
        self._add(self._policy.attach(events if is_past else [], now, self._context), now)
        if not is_past:
            self._add(self._policy.step(events, now, self._context), now)

    @property
    def _life(self) -> Status:
        return self.log.session.results.of(LifecycleAnalyzer).status

    @property
    def _context(self) -> Context:
        log = self.log
        return Context(log.run_key, log.name, lambda: Analysis.of(log.session))

    def _let_time_pass(self, until: float) -> None:
        if self._key != self.log.run_key:
            return
        moment = max(self._asked + _POLICY_S, self._now)
        while self._policy.waits and moment < until:
            self._asked = moment
            self._add(self._policy.step([], moment, self._context), moment)
            moment += max(_POLICY_S, _LESS_OFTEN * (moment - self._now))

    def _add(self, messages: list[Message], now: float) -> None:
        clock = self.log.run.clock
        shown = None
        if clock.last is not None and clock.steady is not None:
            shown = now - (clock.steady - clock.last)
        self._said += [Said(shown, None, message) for message in messages]
        if self._key == self.log.run_key:
            self._note_advice(now)

    def _note_advice(self, now: float) -> None:
        """Note how things stand when the reader is first told to stop."""
        run, advice = self.log.run, self._policy.urged
        if advice is None or (self._advised is not None and self._advised.run is run):
            return
        metric = Analysis.of(self.log.session).metric
        key: Literal["stop", "kill"] = "kill" if advice.key == "kill" else "stop"
        self._advised = _Advised(
            run, key, run.last_step, now, metric.name, metric.direction, metric.best
        )


def _after(
    run: Run, metric: str, direction: str | None, then: float
) -> tuple[float | None, float | None]:
    """Return the best value of the whole log, and by how much it beats an earlier best."""
    import numpy as np

    column = run.eval_series(metric).value
    known = column[np.isfinite(column)]
    if not len(known) or direction not in {"min", "max"}:
        return None, None
    best = float(known.max() if direction == "max" else known.min())
    return best, max(best - then if direction == "max" else then - best, 0.0)
