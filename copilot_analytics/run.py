"""A run: everything that its log said, as records, as columns and as DataFrames."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from copilot_analytics.columns import Series, Table
from copilot_analytics.records import Block, Item, Record
from copilot_analytics.schema import BOOKKEEPING, COLUMNS, Direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd
    from matplotlib.figure import Figure

    from copilot_analytics.schedule import Schedule


@dataclass(frozen=True, slots=True)
class RunMeta:
    """What the log states about the run; None where it says nothing.

    The fields are the facts of ``config`` records, see :data:`copilot_analytics.schema.FACTS`.
    """

    name: str | None = None
    log_format: str | None = None
    framework: str | None = None
    planned_epochs: int | None = None
    planned_steps: int | None = None
    steps_per_epoch: int | None = None
    steps_per_epoch_exact: bool = True
    step_unit: str = "iteration"
    val_interval: float | None = None
    val_unit: str | None = None
    checkpoint_interval: float | None = None
    checkpoint_unit: str | None = None
    log_interval: int | None = None
    smoothing: int | None = None
    schedule: Schedule | None = None
    optimizer: str | None = None
    base_lr: float | None = None
    save_best: str | None = None
    save_best_direction: Direction | None = None
    num_classes: int | None = None
    gpus: int | None = None
    gpu_name: str | None = None
    seed: int | None = None
    work_dir: str | None = None
    time_is_utc: bool = False
    eval_samples: int | None = None
    notes: tuple[str, ...] = ()

    def updated(self, facts: Mapping[str, Any]) -> RunMeta:
        """Return the meta with newer facts; unknown names are left out."""
        known = {field.name for field in dataclasses.fields(self)} - {"notes"}
        changes: dict[str, Any] = {k: v for k, v in facts.items() if k in known and v is not None}
        note = facts.get("note")
        if note and note not in self.notes:
            changes["notes"] = (*self.notes, str(note))
        return dataclasses.replace(self, **changes)


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
    gpu_log: Table = field(default_factory=lambda: Table(rewinds=False), repr=False)
    checkpoints: list[Record] = field(default_factory=list, repr=False)
    resumes: list[Record] = field(default_factory=list, repr=False)
    last: Record | None = field(default=None, repr=False)
    first_time: float | None = None
    last_time: float | None = None
    _order: list[Record | tuple[int, int]] = field(default_factory=list, repr=False)
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
            self.train_log.append(record, step)
            self._note_train_rows(start)
        else:
            self._order.append(record)
            if record.kind == "eval":
                is_test = record.facts.get("split") == "test"
                table = self.test_log if is_test else self.eval_log
                table.append(record, self._eval_step(record))
            elif record.kind == "gpu":
                self.gpu_log.append(record, self.last_step)
            elif record.kind == "config":
                self.meta = self.meta.updated(record.facts)
            elif record.kind == "checkpoint":
                self.checkpoints.append(record)
            elif record.kind == "resume":
                self.resumes.append(record)
                self.train_log.new_segment()
        if record.kind not in {"tick", "gpu"}:
            self.last = record
            self._note_time(record.time)

    def extend(self, block: Block) -> None:
        """Add a block, as if its records came one by one."""
        if not len(block):
            return
        start = len(self.train_log)
        self.train_log.extend(block)
        self._note_train_rows(start)
        self.last = next(block[len(block) - 1 :].records())
        known = block.time[block.time == block.time]  # NaN is unlike itself
        if len(known):
            self._note_time(float(known[0]))
            self._note_time(float(known[-1]))

    @property
    def last_step(self) -> int:
        """The step reached, 0 before the first."""
        steps = [table.step[-1] for table in (self.train_log, self.eval_log) if len(table)]
        return int(max(steps, default=0))

    @property
    def last_epoch(self) -> float | None:
        """Progress in epochs, None if unknown."""
        known = [
            float(table.epoch[-1])
            for table in (self.train_log, self.eval_log)
            if len(table) and table.epoch[-1] == table.epoch[-1]  # NaN
        ]
        return max(known, default=None)

    @property
    def counts_epochs(self) -> bool:
        """Whether a step is an epoch, because the log counts nothing else."""
        only_evals = len(self.eval_log) > 0 and not len(self.train_log)
        return self.meta.step_unit == "epoch" or (only_evals and self.meta.steps_per_epoch is None)

    @property
    def planned_steps(self) -> int | None:
        """Planned end in the unit of the steps, None if the log does not tell."""
        if self.counts_epochs:
            return self.meta.planned_epochs or self.meta.planned_steps
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
        names = [n for n in self.train_log.metric_names if "loss" in n.lower()]
        return tuple(sorted(names, key=lambda name: name != "loss"))

    def train_series(self, name: str) -> Series:
        """Return the logged points of a training metric."""
        return self.train_log.series(name)

    def eval_series(self, name: str) -> Series:
        """Return the logged points of an evaluation metric."""
        return self.eval_log.series(name)

    @property
    def records(self) -> list[Record]:
        """All records in the order of the log, rebuilt from the columns."""
        return list(self.iter_records())

    def iter_records(self) -> Iterator[Record]:
        """Yield the records in the order of the log."""
        for entry in self._order:
            if isinstance(entry, Record):
                yield entry
            else:
                yield from self._train_records(*entry)

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
            samples = [r for r in self._order if isinstance(r, Record) and r.kind == "gpu"]
            for place, fact in enumerate(("uuid", "index")):
                frame.insert(place, fact, [record.facts.get(fact) for record in samples])
        return frame

    def plot(self) -> Figure:
        """Draw loss and metric with phases, as in the report."""
        from copilot_analytics.report.overview import draw_overview

        return draw_overview(self)

    def _repr_html_(self) -> str:
        from copilot_analytics.report.notebook import run_html

        return run_html(self)

    def _eval_step(self, record: Record) -> int:
        if record.step is not None:
            return record.step
        if record.epoch is None:
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

    def _note_time(self, time: float | None) -> None:
        if time is None:
            return
        if self.first_time is None:
            self.first_time = time
        self.last_time = time

    def _train_records(self, start: int, stop: int) -> Iterator[Record]:
        log = self.train_log
        logged = {name: log.was_logged(name) for name in log.metric_names}
        for row in range(start, stop):
            epoch, time = float(log.epoch[row]), float(log.time[row])
            yield Record(
                "train",
                step=int(log.step[row]),
                epoch=None if epoch != epoch else epoch,  # NaN
                time=None if time != time else time,  # NaN
                metrics={n: float(log.column(n)[row]) for n, has in logged.items() if has[row]},
                line=int(log.line[row]),
                file=self.path,
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
            "line": table.line.copy(),
        }
        for metric in table.metric_names:
            columns[metric] = table.column(metric).copy()
        frame = pd.DataFrame(columns)
        frame.attrs["units"] = {k: COLUMNS[k].unit for k in frame.columns if k in COLUMNS}
        self._frames[name] = (len(table), frame)
        return frame
