"""A run: everything that its log said, as records, as columns and as DataFrames."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.arrivals import Arrival
from copilot_analytics.columns import Series, Table
from copilot_analytics.gpu_samples import MOST_ROWS, GpuSamples
from copilot_analytics.log_clock import LogClock
from copilot_analytics.records import WATCHED, Block, Item, Record, records_of
from copilot_analytics.run_meta import RunMeta
from copilot_analytics.schema import BOOKKEEPING, COLUMNS, losses_among

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd
    from matplotlib.figure import Figure


@dataclass
class Run:
    """One training execution.

    The records are the truth; the columns and frames are views of them.

    Parameters
    ----------
    path
        The log it was read from, for people.

    Attributes
    ----------
    meta : RunMeta
        Plan, schedule and names as far as the log states them.
    last_step : int
        The step reached, 0 before the first; after a resume, where that has come to.
    last_epoch : float or None
        Progress in epochs, None if unknown.
    clock : LogClock
        The time stamps, and whether their clock was set back.
    arrivals : list of Arrival
        When a live watch saw a log without time stamps grow.
    train_log, eval_log, test_log, gpu_log : Table
        The rows as growing columns, for computations. Evaluations on a test split are kept apart
        from those that choose checkpoints.

    Examples
    --------
    >>> run = Run()
    >>> run.append(Record("train", step=10, metrics={"loss": 2.0}, line=1))
    >>> run.append(Record("eval", step=10, metrics={"acc": 0.5}, facts={"split": "val"}, line=2))
    >>> len(run.records), run.train["loss"].tolist(), run.eval["acc"].tolist()
    (2, [2.0], [0.5])
    """

    path: str = ""
    meta: RunMeta = field(default_factory=RunMeta)
    train_log: Table = field(default_factory=Table, repr=False)
    eval_log: Table = field(default_factory=Table, repr=False)
    test_log: Table = field(default_factory=Table, repr=False)
    gpu_log: GpuSamples = field(default_factory=GpuSamples, repr=False)
    checkpoints: list[Record] = field(default_factory=list, repr=False)
    resumes: list[Record] = field(default_factory=list, repr=False)
    arrivals: list[Arrival] = field(default_factory=list, repr=False)
    last: Record | None = field(default=None, repr=False)
    clock: LogClock = field(default_factory=LogClock, repr=False)
    last_step: int = 0
    last_epoch: float | None = None
    _segment: int = field(default=0, repr=False)
    _resumed: bool = field(default=False, repr=False)
    _order: list[Record | tuple[int, int] | range] = field(default_factory=list, repr=False)
    _frames: dict[str, tuple[int, pd.DataFrame]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_records(cls, items: Iterable[Item], *, path: str = "") -> Run:
        """Build a run from records or blocks, in the order of the log."""
        run = cls(path)
        for item in items:
            if isinstance(item, Block):
                run.extend(item)
            else:
                run.append(item)
        return run

    def append(self, record: Record) -> None:
        """Add one record."""
        if record.kind == "train":
            start = len(self.train_log)
            step = start if record.step is None else record.step
            self._begin_training(step, record.metrics)
            self.train_log.append(record, step, self._segment)
            self._note_train_rows(start)
            self._reach(step, record.epoch)
        elif record.kind == "gpu":
            self._sample(record)
        else:
            self._order.append(record)
            if record.kind == "eval":
                self._evaluate(record)
            elif record.kind == "config":
                self.meta = self.meta.updated(record.facts)
            elif record.kind == "checkpoint":
                self.checkpoints.append(record)
            elif record.kind == "resume":
                self.resumes.append(record)
                self._segment += 1
                self._resumed = True
            elif record.kind == "seen" and record.time is not None:
                self.arrivals.append(self.arrival(record.time))
            elif record.kind == "end" and record.step is not None:
                self._reach(record.step, record.epoch)
        if record.kind not in WATCHED:
            self.last = record
            if record.time is not None:
                self.clock.see(record.time, record.line, record.file, record.kind)

    def extend(self, block: Block) -> None:
        """Add a block, as if its records came one by one."""
        if not len(block):
            return
        falls = np.flatnonzero(block.step[1:] <= block.step[:-1]) + 1
        start = 0
        for stop in (*falls.tolist(), len(block)):
            self._extend_rising(block[start:stop])
            start = stop
        self.last = next(block[len(block) - 1 :].records())
        self.clock.take(block.time, block.line, block.file)

    @property
    def first_time(self) -> float | None:
        """The first time stamp, None without any."""
        return self.clock.first

    @property
    def last_time(self) -> float | None:
        """The last time stamp, None without any."""
        return self.clock.last

    @property
    def counts_epochs(self) -> bool:
        """Whether a step is an epoch, because the log counts nothing else."""
        if self.meta.step_unit != "iteration" or self.meta.steps_per_epoch is not None:
            return self.meta.step_unit == "epoch"
        log = self.eval_log
        if len(self.train_log) or not len(log):
            return False
        epoch = float(log.epoch[-1])
        return math.isfinite(epoch) and int(log.step[-1]) == round(epoch)

    @property
    def planned_steps(self) -> int | None:
        """Planned end in the unit of the steps, None if the log does not tell."""
        if self.counts_epochs:
            return self.meta.planned_epochs  # a plan in updates tells nothing of epochs
        if self.meta.planned_steps is not None:
            return self.meta.planned_steps
        if self.meta.planned_epochs is None or not self.meta.steps_per_epoch:
            return None
        return self.meta.planned_epochs * self.meta.steps_per_epoch

    @property
    def progress(self) -> float | None:
        """Share of the plan that is done, None if the plan is unknown."""
        epoch = self.last_epoch
        if self.meta.planned_epochs and epoch is not None:
            return epoch / self.meta.planned_epochs
        planned = self.planned_steps
        return self.last_step / planned if planned else None

    @property
    def steps_per_epoch(self) -> float | None:
        """Steps in an epoch, None if unknown."""
        return 1 if self.counts_epochs else self.meta.steps_per_epoch

    def epoch_of(self, step: int | None) -> float | None:
        """Return the epoch of a step, None if epochs are unknown."""
        per_epoch = self.steps_per_epoch
        return None if step is None or not per_epoch else step / per_epoch

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Metrics of the evaluations, bookkeeping left out."""
        return tuple(n for n in self.eval_log.metric_names if n not in BOOKKEEPING)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Training losses, the total first."""
        return losses_among(self.train_log.metric_names)

    def train_series(self, name: str) -> Series:
        """Return the logged points of a training metric."""
        return self.train_log.series(name)

    def eval_series(self, name: str) -> Series:
        """Return the logged points of an evaluation metric."""
        return self.eval_log.series(name)

    @property
    def records(self) -> list[Record]:
        """All records in the order of the log.

        Training records are rebuilt from the columns: a step that the log did not tell is their
        count, and the file is the run's. So are samples of devices, which name no step.
        """
        return list(self.iter_records())

    def iter_records(self) -> Iterator[Record]:
        """Return the records in the order of the log, one after the other."""
        return records_of(self.items())

    def items(self) -> Iterator[Item]:
        """Yield what the run holds in the order of the log, training records as blocks."""
        for entry in self._order:
            if isinstance(entry, Record):
                yield entry
            elif isinstance(entry, range):
                yield from self.gpu_log.records(entry, self.path)
            else:
                yield from self._blocks(*entry)

    def arrival(self, time: float) -> Arrival:
        """Return how far the run has come, as of a moment in seconds since 1970."""
        return Arrival(time, self.last_step, self._segment, len(self.eval_log))

    def succeeded_by(self, launch: Record) -> Run:
        """Return the run that a launch begins: this one if it holds no training yet."""
        if not len(self.train_log) and not len(self.eval_log):
            return self
        meta = RunMeta(log_format=self.meta.log_format, framework=self.meta.framework)
        run = Run(self.path, meta=meta)
        run.append(launch)
        return run

    @property
    def train(self) -> pd.DataFrame:
        """Training records, one row each, with the columns of `copilot_analytics.schema`."""
        return self._frame("train", self.train_log)

    @property
    def eval(self) -> pd.DataFrame:
        """Evaluations on the validation split, one row each."""
        return self._frame("eval", self.eval_log)

    @property
    def test(self) -> pd.DataFrame:
        """Evaluations on a test split, one row each."""
        return self._frame("test", self.test_log)

    @property
    def gpu(self) -> pd.DataFrame:
        """Samples of device telemetry, one row each; `uuid` and `index` name the device."""
        frame = self._frame("gpu", self.gpu_log)
        if "uuid" not in frame:
            for place, fact in enumerate(("uuid", "index")):
                frame.insert(place, fact, self.gpu_log.fact(fact))
        return frame

    def plot(self) -> Figure:
        """Draw loss and metric with phases, as in the report."""
        from copilot_analytics.report.overview import draw_overview

        return draw_overview(self)

    def _repr_html_(self) -> str:
        from copilot_analytics.report.notebook import run_html

        return run_html(self)

    def _sample(self, record: Record) -> None:
        """Keep a sample in the columns only."""
        row = len(self.gpu_log)
        self.gpu_log.append(record, self.last_step, self._segment)
        if self._order and isinstance(last := self._order[-1], range):
            self._order[-1] = range(last.start, row + 1)
        else:
            self._order.append(range(row, row + 1))
        if len(self.gpu_log) > MOST_ROWS:
            self._thin_samples()

    def _thin_samples(self) -> None:
        """Keep fewer of the older samples, and where they stood among the records."""
        before = self.gpu_log.thin().tolist()
        moved = (
            range(before[entry.start], before[entry.stop]) if isinstance(entry, range) else entry
            for entry in self._order
        )
        self._order = [entry for entry in moved if not isinstance(entry, range) or len(entry)]

    def _begin_training(self, step: int, metrics: Iterable[str]) -> None:
        """Let a step that was passed before write again what comes after it.

        A line about the newest step that tells other metrics only adds to it.
        """
        log = self.train_log
        newest = int(log.step[-1]) if len(log) else step - 1
        if step < newest:
            if not self._resumed:
                self._segment += 1
            self._rewind(step)
        if step < newest or (step == newest and (self._resumed or log.repeats(metrics))):
            log.supersede_from(step)
        self._resumed = False

    def _rewind(self, step: int) -> None:
        self.eval_log.supersede_from(step)
        self.last_step, self.last_epoch = 0, None

    def _extend_rising(self, block: Block) -> None:
        start = len(self.train_log)
        self._begin_training(int(block.step[0]), block.metrics)
        self.train_log.extend(block, self._segment)
        self._note_train_rows(start)
        known = block.epoch[np.isfinite(block.epoch)]
        self._reach(int(block.step[-1]), float(known[-1]) if len(known) else None)

    def _evaluate(self, record: Record) -> None:
        step = self._eval_step(record)
        if record.facts.get("split") == "test":
            self.test_log.append(record, step, self._segment)
            return
        log = self.eval_log
        newest = int(log.step[-1]) if len(log) else step - 1
        if step < newest and not len(self.train_log):
            self._segment += 1
            self._rewind(step)
        elif step < newest:
            log.supersede_from(step)
        elif step == newest and log.repeats(record.metrics):
            # What is told again counts instead; what is not stays as it was measured.
            record = replace(record, metrics=log.newest_step() | dict(record.metrics))
            log.supersede_from(step)
        log.append(record, step, self._segment)
        self._reach(step, record.epoch)

    def _reach(self, step: int, epoch: float | None) -> None:
        self.last_step = max(self.last_step, step)
        if epoch is not None and math.isfinite(epoch):
            self.last_epoch = epoch if self.last_epoch is None else max(self.last_epoch, epoch)

    def _eval_step(self, record: Record) -> int:
        if record.step is not None:
            return record.step
        if record.epoch is None or not math.isfinite(record.epoch):
            return self.last_step or len(self.eval_log) + 1
        per_epoch = self.meta.steps_per_epoch
        if per_epoch is None:
            return self.last_step if len(self.train_log) else round(record.epoch)
        return round(record.epoch * per_epoch)

    def _note_train_rows(self, start: int) -> None:
        stop = len(self.train_log)
        newest = self._order[-1] if self._order else None
        if isinstance(newest, tuple) and newest[1] == start:
            self._order[-1] = (newest[0], stop)
        else:
            self._order.append((start, stop))

    def _blocks(self, start: int, stop: int) -> Iterator[Block]:
        """Yield rows of the training log as blocks in which every metric is in every row."""
        log, rows = self.train_log, slice(start, stop)
        logged = {name: log.was_logged(name)[rows] for name in log.metric_names}
        changes = np.zeros(max(stop - start - 1, 0), dtype=np.bool_)
        for mask in logged.values():
            changes |= mask[1:] != mask[:-1]
        edges = [0, *(np.flatnonzero(changes) + 1).tolist(), stop - start]
        for low, high in pairwise(edges):
            part = slice(start + low, start + high)
            metrics = {name: log.column(name)[part] for name, has in logged.items() if has[low]}
            yield Block(
                log.step[part], log.epoch[part], log.time[part], log.line[part], metrics, self.path
            )

    def _frame(self, name: str, table: Table) -> pd.DataFrame:
        cached = self._frames.get(name)
        if cached is not None and cached[0] == len(table):
            return cached[1]
        import pandas as pd

        columns: dict[str, Any] = {
            "step": table.step.copy(),
            "epoch": table.epoch.copy(),
            "time": pd.to_datetime(table.time, unit="s").astype(COLUMNS["time"].dtype),
            "segment": table.segment.copy(),
            "superseded": table.superseded.copy(),
            "line": table.line.copy(),
        }
        for metric in table.metric_names:
            columns[metric] = table.column(metric).copy()
        frame = pd.DataFrame(columns)
        frame.attrs["units"] = {k: COLUMNS[k].unit for k in frame.columns if k in COLUMNS}
        self._frames[name] = (len(table), frame)
        return frame
