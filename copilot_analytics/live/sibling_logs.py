"""What the logs beside a followed one say of its run: the plan, and how it ended.

Lightning writes its rows to ``metrics.csv`` and tells on the console that it is done; the traceback
of a crash stands there too. A report joins the logs of a directory, see
:mod:`copilot_analytics.reading.beside`. A watch follows one of them and asks the others only when
they can have an answer, because to read them costs as much as to read the log itself.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.live.liveness import failure_stands, gaps_of
from copilot_analytics.live.same_run import TOGETHER_S
from copilot_analytics.live.trainer_states import TrainerStates
from copilot_analytics.reading.beside import Beside
from copilot_analytics.reading.digests import Digest, near, title
from copilot_analytics.reading.last_words import last_words
from copilot_analytics.reading.launches import LaunchFilter
from copilot_analytics.reading.run_folders import folders_of, format_of, is_named_like_a_log
from copilot_analytics.reading.saved_states import STATE
from copilot_analytics.reading.settings import stated_plan
from copilot_analytics.reading.streams import REST_S, streams_of
from copilot_analytics.records import Record, records_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.events import Event
    from copilot_analytics.live.log_session import LogSession
    from copilot_analytics.live.processes import ProcessState

_MOST_ENTRIES = 200
_MOST_SIBLINGS = 4  # more are the logs of other runs
_MOST_BYTES = 8 << 20
_MOST_BYTES_LEAN = 256 << 10
_LOOK_S = (60.0, 600.0)
_PLAN = frozenset({"config"})
ENDINGS = frozenset({"crash", "end"})
"""Kinds of records that tell how a run ended."""


class Said(NamedTuple):
    """What a log says of the run of another one.

    Parameters
    ----------
    record
        A ``config`` with what the other does not state, a ``crash`` or an ``end``.
    beside
        Name of the log; empty for settings.
    """

    record: Record
    beside: str


class SiblingLogs:
    """The logs that may stand beside a followed one.

    Each is looked at by its size and time first, and read only if that has changed.

    Parameters
    ----------
    lean
        Read as little as can be, for hundreds of logs.

    Examples
    --------
    >>> from pathlib import Path
    >>> siblings = SiblingLogs()
    >>> siblings.plan(Path("no/such.log"), 0.0), siblings.end(Path("no/such.log"), 0.0)
    ([], [])
    """

    def __init__(self, *, lean: bool = False) -> None:
        self._most_bytes = _MOST_BYTES_LEAN if lean else _MOST_BYTES
        self._seen: dict[tuple[bool, Path], tuple[int, ...]] = {}
        self._look_at, self._wait_s = float("-inf"), _LOOK_S[0]
        self._states = TrainerStates()

    def ask(
        self, log: LogSession, place: str, now: float, process: ProcessState, *, at_rest: bool
    ) -> list[Event]:
        """Let a session hear what its siblings say; return the events that this causes.

        Parameters
        ----------
        log
            The session.
        place
            The log that it reads now.
        now
            Seconds since 1970.
        process
            What is known of its process: while that lives, a failure that stands beside the log
            may be handled, unless the log has stalled.
        at_rest
            Whether nothing was written to it for a while: then how it ended is asked for,
            otherwise the plan, if it states none. The metric that chooses the best checkpoint
            is asked for at any time, of the state beside the checkpoints.
        """
        if at_rest:
            said = self.end(Path(place), now)
            if any(one.record.kind == "crash" for one in said) and not _stands(
                log, place, now, process
            ):
                said = []
                self._seen.clear()  # to hear it once more
        elif log.run.meta.has_plan:
            said = []
        else:
            said = self.plan(Path(place), now)
        events = [event for record, name in said for event in log.hear(record, name)]
        return events + self.choice(log, place, now)

    def choice(
        self, log: LogSession, place: str, now: float, *, is_over: bool = False
    ) -> list[Event]:
        """Let a session hear by which metric its best checkpoint is chosen; return the events.

        Parameters
        ----------
        log
            The session.
        place
            The log that it reads now.
        now
            Seconds since 1970.
        is_over
            Whether its run has just ended: then this is the last moment to ask.
        """
        asks = log.run.meta.save_best is None and len(log.run.eval_log) > 0
        if not asks or not (is_over or self._states.is_due(now)):
            return []
        facts = self._states.choice(Path(place), now, anew=is_over)
        return log.hear(Record("config", facts=facts), STATE) if facts else []

    def plan(self, log: Path, now: float) -> list[Said]:
        """Return what others state of the plan, at once the first time and then rarely.

        Parameters
        ----------
        log
            The log that is followed.
        now
            Seconds since 1970.
        """
        if now < self._look_at:
            return []
        self._look_at = now + self._wait_s
        self._wait_s = min(2.0 * self._wait_s, _LOOK_S[1])
        facts = _kept(stated_plan(log.parent))
        stated = [Said(Record("config", facts=facts), "")] if facts else []
        return stated + self._ask(log, _PLAN, self._most_bytes)

    def end(self, log: Path, now: float) -> list[Said]:
        """Return how others say that the run ended, and what they state of its plan.

        Only one that was written to since the last row counts, and that nobody writes to now: it
        would say that another run, or an earlier start of this one, has ended.

        Parameters
        ----------
        log
            The log that is followed, at rest.
        now
            Seconds since 1970.
        """
        said = self._ask(log, _PLAN | ENDINGS, _MOST_BYTES, rests_at=now)
        return said if any(one.record.kind in ENDINGS for one in said) else []

    def _ask(
        self, log: Path, kinds: frozenset[str], most: int, rests_at: float | None = None
    ) -> list[Said]:
        others = _others(log)
        new = [one for one in others if self._may_answer(log, one, most, rests_at)]
        printed = streams_of([log]) if kinds >= ENDINGS else []
        said = [
            Said(replace(word, line=0), path.name)
            for path in printed  # also in a crowd: their names tell whose they are
            if path in new or self._may_answer(log, path, most, rests_at)
            if format_of(path) is None
            for word in last_words(path)
        ]
        main = _digest(log, most) if new else None
        if main is None:
            return said
        for path in new:
            other = _digest(path, most)
            if other is None or not _is_of_the_run(main, other, alone=len(others) == 1):
                continue
            for record in Beside(main, [other]).told(kinds):
                facts = _kept(record.facts)
                if facts or record.kind != "config":
                    step = record.step if other.unit == main.unit else None
                    told = Record(record.kind, step, record.epoch, record.time, facts=facts)
                    said.append(Said(told, path.name))
        return said

    def _may_answer(self, log: Path, other: Path, most: int, rests_at: float | None) -> bool:
        """Tell whether a log has changed since it was asked last, and may say what is asked."""
        try:
            own, status = log.stat(), other.stat()
        except OSError:
            return False
        rests = rests_at is not None
        if rests_at is not None:
            since, until = own.st_mtime - REST_S, rests_at - REST_S
            if not since <= status.st_mtime <= until:
                return False
        signs = status.st_size, status.st_mtime_ns, own.st_size, own.st_mtime_ns
        if not 0 < status.st_size <= most or own.st_size > most:
            return False
        if self._seen.get((rests, other)) == signs:
            return False
        self._seen[rests, other] = signs
        return True


def _stands(log: LogSession, place: str, now: float, process: ProcessState) -> bool:
    """Tell whether a failure beside a log is the end of its process."""
    try:
        silence_s = now - Path(place).stat().st_mtime
    except OSError:
        return True
    gaps = gaps_of(log.run) if log.run.last_time is not None else {}
    stalled = log.session.results.of(LifecycleAnalyzer).status == "stalled"
    return failure_stands(silence_s, gaps, process, 0.0 if stalled else math.inf)


def _others(log: Path) -> list[Path]:
    """Return the logs beside one: in its folder, and above one that only sorts the logs of a run.

    There are none if there are so many that they are logs of other runs.
    """
    found: list[Path] = []
    try:
        since = log.stat().st_mtime - TOGETHER_S
        for one in folders_of(log):
            for path in islice(one.iterdir(), _MOST_ENTRIES):
                if not is_named_like_a_log(str(path)) or path == log or not path.is_file():
                    continue
                if path.stat().st_mtime >= since:
                    found.append(path)
                if len(found) > _MOST_SIBLINGS:
                    return []
    except OSError:
        return []
    return sorted(found)


def _digest(log: Path, most: int) -> Digest | None:
    """Read the last run of a log; None if it holds no training."""
    try:
        if log.stat().st_size > most:
            return None
    except OSError:
        return None
    whole = Digest.of(log)
    if whole is None:
        return None
    items = list(LaunchFilter().all(whole.items))
    began = [n for n, one in enumerate(items) if isinstance(one, Record) and one.kind == "launch"]
    if not began:
        return whole
    last = Digest.holding(log, items[began[-1] + 1 :])
    return last if last.values else None


def _is_of_the_run(main: Digest, other: Digest, *, alone: bool) -> bool:
    """Tell whether another log is of the run, by its numbers; how far it came tells too little.

    Two runs of one plan come equally far. Where the logs share no point and no measure of the
    last evaluation, only one of another form that stands alone beside it counts.
    """
    if not other.is_of_the_run_of(main):
        return False
    if main.points.keys() & other.points.keys():
        return True
    ones, others = _last_results(main), _last_results(other)
    common = ones.keys() & others.keys()
    if common:
        return all(near(ones[name], others[name]) for name in common)
    return alone and main.facts.get("log_format") != other.facts.get("log_format")


def _last_results(log: Digest) -> dict[str, float]:
    results: dict[str, float] = {}
    for record in records_of(log.items):
        if record.kind == "eval":
            results.update({title(name): value for name, value in record.metrics.items()})
    return results


def _kept(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that a journal can hold."""
    return {name: fact for name, fact in facts.items() if _is_plain(fact)}


def _is_plain(fact: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(fact)) == fact)
    except (TypeError, ValueError):
        return False
