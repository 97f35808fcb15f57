"""What every analyzer is, and the fold that feeds them.

The fold keeps the run and decides *when* analyzers look at it; analyzers decide what they see.
Looks happen at records that bring news (an evaluation, a resume, a crash, the end, which metric
chooses the best checkpoint), on a schedule of training records that grows by a few per cent, and
at once when a loss stops being finite or passes a bound that an analyzer watches. Device telemetry
concerns only the analyzers that follow it; they look at every sixteenth sample of the devices and
when one is lost. So an update costs amortised constant time, and a block of records gives exactly
the looks that its records would give one by one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

import numpy as np

from copilot_analytics.errors import PluginError
from copilot_analytics.events import Event
from copilot_analytics.records import Block, Floats, Item, Record
from copilot_analytics.run import Run
from copilot_analytics.schema import losses_among

if TYPE_CHECKING:
    from copilot_analytics.schema import Direction

R = TypeVar("R")
DeltaUnit: TypeAlias = Literal["metric", "relative", "points"]

_EVERY_RECORD_UNTIL = 32
_GROWTH = 1.04
_ALARMS_BETWEEN_LOOKS = 8
_EVALS_ALWAYS = 2000
_GPU_SAMPLES = 16
_NEWS = frozenset({"eval", "resume", "crash", "end", "tick"})
_CHOICE = "save_best"


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may ask of the analyzers.

    Parameters
    ----------
    metric
        Evaluation metric to judge the run by; None lets the log decide.
    direction
        Whether it is better lower or higher; None lets its name decide.
    delta
        Smallest gain worth having; None takes half a point for metrics in per cent, 0.005 for
        fractions and 0.5 % of the value for everything else.
    delta_unit
        ``metric``: `delta` is in the metric's own units; ``relative``: a share of the best value;
        ``points``: percentage points, a hundredth of a fraction.
    gpus
        GPUs in use, for GPU-hours; None takes the log's word.
    price_per_gpu_hour
        In the user's currency; None leaves money out.
    risk
        Share of runs that may lose more than `delta` by following advice to stop, see
        :func:`copilot_analytics.stats.stopping.strictness`; None takes the default.
    """

    metric: str | None = None
    direction: Direction | None = None
    delta: float | None = None
    delta_unit: DeltaUnit = "metric"
    gpus: int | None = None
    price_per_gpu_hour: float | None = None
    risk: float | None = None


class Results:
    """What the analyzers of a fold say now."""

    def __init__(self, analyzers: Mapping[type[Analyzer[Any]], Analyzer[Any]]) -> None:
        self._analyzers = analyzers

    def of(self, kind: type[Analyzer[R]]) -> R:
        """Return the result of one analyzer.

        Raises
        ------
        PluginError
            If the fold does not run it; name it in `needs`.
        """
        try:
            return self._analyzers[kind].result()  # type: ignore[no-any-return]  # by its type
        except KeyError:
            msg = f"{kind.__name__} is not running; name it in `needs`"
            raise PluginError(msg) from None

    def by_name(self) -> dict[str, Any]:
        """Return all results by the names of their analyzers."""
        return {kind.name: analyzer.result() for kind, analyzer in self._analyzers.items()}


class Analyzer(ABC, Generic[R]):
    """One question about a run, answered again at every look.

    A subclass sets `name` and `needs`, and writes `look` and `result`. Its state must survive
    pickling, `result` must change nothing, and `look` must depend on nothing but its arguments
    and the analyzer's own state: no clock, no chance. One that sets `follows_gpu` is also given
    every sample of the devices by `sample`, and looks when there are enough of them.

    Alone in a notebook, feed it records with `update`, or ask `of` for the result of a whole run.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[type[Analyzer[Any]], ...]] = ()
    follows_gpu: ClassVar[bool] = False

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self._alone: Fold | None = None

    @abstractmethod
    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`; return what became known."""

    @abstractmethod
    def result(self) -> R:
        """Return the answer as of the last look."""

    def sample(self, run: Run, record: Record) -> None:
        """Take a record of device telemetry, if the class variable `follows_gpu` asks for them."""
        return

    def watch(self) -> Mapping[str, float]:
        """Return upper bounds on training metrics; a value above one leads to a look at once."""
        return {}

    def update(self, item: Item) -> None:
        """Feed one record or block to this analyzer and to those that it needs."""
        if self._alone is None:
            self._alone = Fold([type(self)], self.options, given=self)
        self._alone.update(item)

    @classmethod
    def of(cls, run: Run, options: Options | None = None) -> R:
        """Return the result for a whole run."""
        analyzer = cls(options)
        for item in run.items():
            analyzer.update(item)
        return analyzer.result()


OnLook = Callable[[Run, Results, Record, list[Event]], None]


class Fold:
    """Feeds records to analyzers, in the order in which they need one another.

    Parameters
    ----------
    kinds
        The analyzers wanted; those that they need are added.
    options
        What the user asks for.
    on_look
        Called after every look with the run, the results, the record and the news.
    given
        An instance to use for its own kind.

    Attributes
    ----------
    run : Run
        The run as it stands.
    earlier : list of Run
        Runs that the same log held before a new launch.
    """

    def __init__(
        self,
        kinds: Iterable[type[Analyzer[Any]]],
        options: Options | None = None,
        *,
        on_look: OnLook | None = None,
        given: Analyzer[Any] | None = None,
        path: str = "",
    ) -> None:
        self._kinds = in_order(kinds)
        self._options = options or Options()
        self._on_look = on_look
        self.run = Run(path)
        self.earlier: list[Run] = []
        self._begin(given)

    def _begin(self, given: Analyzer[Any] | None = None) -> None:
        self._analyzers = {
            kind: given if given is not None and type(given) is kind else kind(self._options)
            for kind in self._kinds
        }
        self.results = Results(self._analyzers)
        self._next_train_look = 1
        self._next_eval_look = 1
        self._alarms_left = _ALARMS_BETWEEN_LOOKS
        self._bounds: dict[str, float] = {}
        self._not_finite: dict[str, bool] = {}
        self._gpu_gone: dict[str, bool] = {}
        self._gpu_unseen = 0

    def update(self, item: Item) -> None:
        """Take one record or block."""
        if isinstance(item, Block):
            self._take_block(item)
        elif item.kind == "launch":
            self._launch(item)
        else:
            self._take_record(item)

    def _launch(self, record: Record) -> None:
        """Put the run aside if it held any training, and begin another."""
        run = self.run.succeeded_by(record)
        if run is self.run:
            return
        self.earlier.append(self.run)
        self.run = run
        self._begin()

    def _take_record(self, record: Record) -> None:
        self.run.append(record)
        if record.kind == "train":
            row = {name: np.array([value]) for name, value in record.metrics.items()}
            alarm = self._first_alarm(row, 1) == 0
            if len(self.run.train_log) >= self._next_train_look or alarm:
                self._look(record)
        elif record.kind == "eval":
            if len(self.run.eval_log) >= self._next_eval_look:
                self._look(record)
        elif record.kind == "gpu":
            self._take_sample(record)
        elif record.kind in _NEWS or (_CHOICE in record.facts and len(self.run.eval_log)):
            self._look(record)

    def _take_sample(self, record: Record) -> None:
        """Pass a sample on, and let those that follow the devices look now and then."""
        following = [one for one in self._analyzers.values() if one.follows_gpu]
        for analyzer in following:
            analyzer.sample(self.run, record)
        device = str(record.facts.get("uuid", ""))
        gone = bool(record.facts.get("lost") or record.facts.get("telemetry_lost"))
        changed = gone != self._gpu_gone.get(device, False)
        self._gpu_gone[device] = gone
        self._gpu_unseen += 1
        if not following or not (changed or self._gpu_unseen >= _GPU_SAMPLES * len(self._gpu_gone)):
            return
        self._gpu_unseen = 0
        news: list[Event] = []
        for analyzer in following:
            news.extend(analyzer.look(self.run, self.results, record))
        if self._on_look is not None:
            self._on_look(self.run, self.results, record, news)

    def _take_block(self, block: Block) -> None:
        start = 0
        while start < len(block):
            rest = block[start:]
            until = min(len(rest), self._next_train_look - len(self.run.train_log))
            alarm = self._first_alarm(rest.metrics, until)
            if alarm is not None:
                until = alarm + 1
            piece = rest[:until]
            self.run.extend(piece)
            start += until
            if alarm is not None or len(self.run.train_log) >= self._next_train_look:
                self._look(next(piece[until - 1 :].records()))

    def _first_alarm(self, metrics: Mapping[str, Floats], rows: int) -> int | None:
        """Return the first of some rows that needs a look at once, and note what is finite."""
        first: int | None = None
        names = tuple(metrics)
        losses = losses_among(names)
        watched = [name for name in names if name in losses or name in self._bounds]
        if self._alarms_left:
            found = [self._first_in_column(name, metrics[name][:rows]) for name in watched]
            first = min((row for row in found if row is not None), default=None)
        last = rows - 1 if first is None else first
        for name in watched:
            self._not_finite[name] = not math.isfinite(metrics[name][last])
        return first

    def _first_in_column(self, name: str, column: Floats) -> int | None:
        bad = ~np.isfinite(column)
        hit = bad if not self._not_finite.get(name, False) else ~bad
        if name in self._bounds:
            hit = hit | (column > self._bounds[name])
        first = int(hit.argmax())
        return first if hit[first] else None

    def _look(self, record: Record) -> None:
        rows, evals = len(self.run.train_log), len(self.run.eval_log)
        if rows >= self._next_train_look:
            growth = math.ceil(rows * _GROWTH) if rows >= _EVERY_RECORD_UNTIL else rows
            self._next_train_look = max(rows + 1, growth)
            self._alarms_left = _ALARMS_BETWEEN_LOOKS
        elif record.kind == "train":
            self._alarms_left -= 1
        if record.kind == "eval":
            self._next_eval_look = evals + max(1, evals // _EVALS_ALWAYS)
        news: list[Event] = []
        self._bounds = {}
        for analyzer in self._analyzers.values():
            news.extend(analyzer.look(self.run, self.results, record))
            self._bounds.update(analyzer.watch())
        if self._on_look is not None:
            self._on_look(self.run, self.results, record, news)


def in_order(kinds: Iterable[type[Analyzer[Any]]]) -> list[type[Analyzer[Any]]]:
    """Return analyzers and all that they need, the needed ones first.

    Raises
    ------
    PluginError
        If two analyzers need each other.
    """
    order: list[type[Analyzer[Any]]] = []
    open_kinds: list[type[Analyzer[Any]]] = []

    def visit(kind: type[Analyzer[Any]]) -> None:
        if kind in order:
            return
        if kind in open_kinds:
            msg = f"{kind.__name__} needs itself by way of {open_kinds[-1].__name__}"
            raise PluginError(msg)
        open_kinds.append(kind)
        for need in kind.needs:
            visit(need)
        open_kinds.pop()
        order.append(kind)

    for kind in kinds:
        visit(kind)
    return order
