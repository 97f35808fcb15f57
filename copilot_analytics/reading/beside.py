"""Joins the logs that one run left beside each other.

One log gives the values: the richest. The others add what it does not tell: its plan, time stamps,
checkpoints, how it crashed or ended, and metrics that it lacks, each at its step. Logs belong to
one run if their values agree where both have them, or else if they came equally far.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.formats._splits import split_of
from copilot_analytics.reading.digests import Digest, title
from copilot_analytics.reading.last_words import last_words
from copilot_analytics.reading.settings import stated_plan
from copilot_analytics.reading.streams import streams_of
from copilot_analytics.records import Block, Item, Record, records_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from copilot_analytics.records import Floats, Ints

RICHER = 1.2
"""So many times the values make another log of a run the main one."""

_EVENTS = "tfevents"
_EPISODES = "sb3_monitor"  # a row for each, of which the others tell means
_MOST_ELSE = 3  # times the values, of measures that only event files hold
_FACTS_OF_A_FILE = frozenset({"log_format", "smoothing", "log_interval", "note", "step_unit"})
_OF_STEPS = frozenset({"planned_steps", "steps_per_epoch", "steps_per_epoch_exact"})
_ENDS = frozenset({"crash", "end"})
_KINDS = _ENDS | {"checkpoint", "resume"}


class Beside:
    """Weaves what the other logs of a run tell into the items of the main one.

    Parameters
    ----------
    main
        The log that gives the values; None weaves nothing.
    others
        The other logs of its run.
    plan
        What the settings beside them state of the plan.
    words
        How the run died, as a file without training tells; where a log tells how it ended, that
        counts.

    Attributes
    ----------
    names : frozenset of str
        Names of the other logs.
    states_plan : bool
        Whether the settings state something of the plan.

    Examples
    --------
    >>> items = [Record("train", 1, metrics={"loss": 1.0}), Record("train", 9)]
    >>> list(Beside().see(items[0])) == items[:1]
    True
    """

    def __init__(
        self,
        main: Digest | None = None,
        others: Sequence[Digest] = (),
        plan: Mapping[str, Any] | None = None,
        words: Sequence[Record] = (),
    ) -> None:
        self.names = frozenset(other.path.name for other in others)
        self.states_plan = bool(plan)
        self._waiting: deque[tuple[float, Record]] = deque()
        self._stamps: tuple[Floats, Floats] | None = None
        self._words = [replace(word, line=0) for word in words]
        self._is_over = False
        facts: dict[str, Any] = dict(plan or {})
        if main is None:
            self._first = Record("config", facts=facts) if facts else None
            return
        timed = [one for one in others if len(one.stamps) > 1 and one.unit == main.unit]
        clock = max(
            [main, *timed],
            key=lambda one: (one.tells_date, bool(one.stamps), one is main, len(one.stamps)),
        )
        if clock is not main:
            known = np.array(sorted(set(clock.stamps)), dtype=np.float64)
            self._stamps = known[:, 0], known[:, 1]
        told: set[tuple[str, float]] = set()
        for other in others:
            counted = other.facts if other.unit == main.unit else _without_steps(other.facts)
            facts = {**counted, **facts}
            added: Iterable[tuple[float, Record]] = _additions(main, other, told)
            if other is not clock and not other.shares_clock_of(clock):
                added = ((at, replace(record, time=None)) for at, record in added)
            self._waiting += added
        self._waiting = deque(sorted(self._waiting, key=lambda pair: pair[0]))
        new = {
            name: fact
            for name, fact in facts.items()
            if name not in main.facts and name not in _FACTS_OF_A_FILE
        }
        self._first = Record("config", facts=new, file=str(main.path)) if new else None

    def see(self, item: Item) -> Iterator[Item]:
        """Take an item of the main log; yield it with what comes before it."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        if isinstance(item, Block):
            self._is_over = False
            yield from self._see_block(replace(item, time=self._times(item.step, item.time)))
        else:
            self._is_over = item.kind in _ENDS or (self._is_over and item.kind != "train")
            if item.step is not None:
                yield from self._due(item.step)
            yield from self._with_more(self._stamped(item))

    def told(self, kinds: Collection[str]) -> Iterator[Record]:
        """Yield all records of some kinds that the other logs add, in their order."""
        first = () if self._first is None else (self._first,)
        yield from (one for one in (*first, *self.close()) if one.kind in kinds)

    def close(self) -> Iterator[Record]:
        """Yield what comes after the last item of the main log."""
        left, self._waiting = self._waiting, deque()
        for _, record in left:
            self._is_over = self._is_over or record.kind in _ENDS
            yield record
        words, self._words = self._words, []
        yield from () if self._is_over else words

    def _with_more(self, record: Record) -> Iterator[Record]:
        """Yield a record; what other logs add to an evaluation is of the same one."""
        apart: list[Record] = []
        while record.kind == "eval" and self._waiting and self._waiting[0][0] == record.step:
            more = self._waiting.popleft()[1]
            if more.kind == "eval" and more.facts.get("split") == record.facts.get("split"):
                record = replace(record, metrics={**more.metrics, **record.metrics})
            else:
                apart.append(more)
        yield record
        yield from apart

    def _see_block(self, block: Block) -> Iterator[Item]:
        start = 0
        highest = np.maximum.accumulate(block.step) if self._waiting else block.step
        while self._waiting and start < len(block):
            stop = int(np.searchsorted(highest, self._waiting[0][0], side="right"))
            if stop == len(block):
                break
            if stop > start:
                yield block[start:stop]
            yield from self._due(int(block.step[stop]))
            start = stop
        if start < len(block):
            yield block[start:]

    def _due(self, step: float) -> Iterator[Item]:
        while self._waiting and self._waiting[0][0] < step:
            yield self._waiting.popleft()[1]

    def _stamped(self, record: Record) -> Record:
        if self._stamps is None or record.kind not in {"train", "eval"}:
            return record
        known = np.nan
        if record.step is not None and record.kind == "train":  # an evaluation is over later
            known = float(self._times(np.array([record.step]), np.array([np.nan]))[0])
        return replace(record, time=known if np.isfinite(known) else None)

    def _times(self, step: Ints, time: Floats) -> Floats:
        """Return when steps were done: as the log that tells dates says, where another does not."""
        if self._stamps is None:
            return time
        steps, times = self._stamps
        return np.interp(step, steps, times, left=np.nan, right=np.nan)


def joined(paths: Sequence[Path]) -> tuple[Path, Beside]:
    """Return the main one of the logs of a run, and what the others add to it.

    Parameters
    ----------
    paths
        Logs that stand beside each other, the preferred one first: it is of the run in question.

    Returns
    -------
    path : Path
        The richest log of that run; the preferred one unless another holds a fifth more values,
        or as many as event files do.
    beside : Beside
        To be woven into its items.
    """
    plan = stated_plan(paths[0].parent)
    if len(paths) < 2:
        return paths[0], Beside(plan=plan, words=words_beside(paths))
    digests = [digest for path in paths if (digest := Digest.of(path)) is not None]
    if not digests or digests[0].path != paths[0]:
        return paths[0], Beside(plan=plan, words=words_beside(paths[:1]))
    digests = _by_split(digests)
    preferred = digests[0]
    same = [one for one in digests if one is preferred or _belongs(one, preferred)]
    main = max(same, key=lambda one: one.values)
    if main.values < RICHER * preferred.values:
        main = preferred
    main = next((one for one in same if _is_as_good(one, main)), main)
    others = [one for one in same if one is not main]
    return main.path, Beside(main, others, plan, words_beside([one.path for one in same]))


def _belongs(log: Digest, preferred: Digest) -> bool:
    """Tell whether a log is of the run and speaks of it, and not of the episodes it played."""
    return log.facts.get("log_format") != _EPISODES and log.is_of_the_run_of(preferred)


def _is_as_good(log: Digest, events: Digest) -> bool:
    """Tell whether a log says what event files say, which do not tell what their steps count.

    A run of epochs writes the number of the epoch there, and what it evaluates at its end one
    further on.
    """
    if events.facts.get("log_format") != _EVENTS or log.facts.get("log_format") == _EVENTS:
        return False
    common = log.names & events.names
    own, its = (sum(name in common for name, _ in one.points) for one in (log, events))
    return RICHER * own >= its > 0 and _MOST_ELSE * log.values >= events.values


def words_beside(logs: Collection[Path]) -> list[Record]:
    """Return how a run died, as what its process printed beside its logs tells.

    Parameters
    ----------
    logs
        The logs of the run.
    """
    return [word for path in streams_of(logs) for word in last_words(path)]


def _by_split(digests: list[Digest]) -> list[Digest]:
    """Take what ``val_log.csv`` says beside ``train_log.csv`` for evaluations; the latter is first.

    Files of a split each hold the same measures, whose names tell no split.
    """
    trained = {_without_split(one.path): one for one in digests if _split_of(one.path) == "train"}
    first, found = digests[0], []
    for one in digests:
        twin = trained.get(_without_split(one.path))
        if twin is None or twin is one or not twin.names & one.names:
            found.append(one)
            continue
        found.append(one.as_evaluation(str(_split_of(one.path))))
        first = twin if one is first else first
    return sorted(found, key=lambda one: one is not first)


def _split_of(path: Path) -> str | None:
    return split_of(path.stem)


def _without_split(path: Path) -> tuple[Path, str]:
    words = re.split(r"[\W_]+", path.name.lower())
    return path.parent, " ".join(word for word in words if split_of(word) is None)


def _additions(
    main: Digest, other: Digest, told: set[tuple[str, float]]
) -> Iterator[tuple[float, Record]]:
    """Yield records of another log that the main one lacks, each with its step.

    Names and steps that it adds are put among those that other logs `told`: what two of them say
    is no step that was done twice.
    """
    for record in records_of(other.items):
        step = record.step
        same_axis = other.unit == main.unit and step is not None
        if record.kind in _KINDS:
            at = float(step) if same_axis and step is not None else _step_of(main, record)
            yield at, _placed(record if same_axis else replace(record, step=None), other)
        elif record.kind in {"train", "eval"}:
            early = step is not None and step < (main.first_step or 0)
            known = {name: f"{record.kind} {title(name)}" for name in record.metrics}
            missing = {
                main.spelled.get(known[name], name): number
                for name, number in record.metrics.items()
                if early or known[name] not in main.names
            }
            if missing and (same_axis or record.kind == "eval"):
                kept = replace(record, metrics=missing, step=step if same_axis else None)
                at = float(step) if step is not None and same_axis else _step_of(main, record)
                kept = replace(kept, metrics=_untold(kept, at, told))
                if kept.metrics:
                    yield at, _placed(kept, other)


def _untold(record: Record, at: float, told: set[tuple[str, float]]) -> dict[str, float]:
    """Return what no log said of that step, and note it as told."""
    said = {(f"{record.kind} {title(name)}", at): name for name in record.metrics}
    new = said.keys() - told if np.isfinite(at) else said.keys()
    told |= new
    return {name: record.metrics[name] for key, name in said.items() if key in new}


def _without_steps(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what another log states of the plan, without what counts its own steps."""
    return {name: fact for name, fact in facts.items() if name not in _OF_STEPS}


def _placed(record: Record, log: Digest) -> Record:
    """Return a record of another log; its line is none of the main one's."""
    return replace(record, line=0, file=str(log.path))


def _step_of(main: Digest, record: Record) -> float:
    per_epoch = main.facts.get("steps_per_epoch")
    if record.epoch is None or not per_epoch:
        return np.inf
    return float(record.epoch) * float(per_epoch)
