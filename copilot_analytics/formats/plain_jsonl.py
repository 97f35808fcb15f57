"""JSON lines that a script of one's own writes: a step or an epoch, and metrics beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._json_home import (
    RARE_COUNTERS,
    STAMPED,
    Rounds,
    Stamps,
    by_rare_counter,
    holds_tensor,
    is_wrapped,
    numbers_said,
    split_said,
    unwrapped,
)
from copilot_analytics.formats._json_rows import (
    JsonRowsFormat,
    JsonRowsParser,
    number_in,
    objects_in,
)
from copilot_analytics.formats._numbers import first_fraction
from copilot_analytics.formats._returns import IN_WORDS
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._splits import MEASURED_AFTER, split_of
from copilot_analytics.records import Record
from copilot_analytics.schema import direction_of, names_a_loss, names_a_private_loss

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from copilot_analytics.formats._base import Json
    from copilot_analytics.records import Floats, Ints, Item

_STEPS = (
    "step", "global_step", "iteration", "iter", "steps", "global_steps", "_step", "num_updates",
    "train_step", "update", "it", "iterations", "optimizer_step", "batch_num", "train/step",
    "train/global_step", "trainer/global_step", "Step", "Iteration", "num_steps", "env_step",
    "env_steps", "total_timesteps", "num_timesteps", "global_iter", "current_step", "training_step",
    "step_num", "updates", "n_iter", "iter_num",
)  # fmt: skip
_EPOCHS = (
    "epoch", "Epoch", "epoch_num", "train/epoch", "epochs", "current_epoch", "epoch_idx",
    "epoch_number",
)  # fmt: skip
STEPS, EPOCHS = frozenset(_STEPS), frozenset(_EPOCHS)
"""Keys that count steps, and keys that count epochs."""

COUNTERS = STEPS | EPOCHS
"""Keys that count epochs or steps."""

_TIMES = ("_timestamp", "timestamp", "time_stamp", "unix_time", "wall_time")

PLACED = frozenset(
    {*COUNTERS, *RARE_COUNTERS, *STAMPED, "total_steps", "max_steps", "total_epochs"}
)
_SERVER = frozenset(
    "level levelname severity logger status method host hostname pid request_id requestid path"
    " url remote_addr user_agent latency latency_ms duration_ms trace_id span_id".split()
)
_LEAST_ROWS = 2
_FEWEST_PLACES = 3  # that rows of a service name if it trains
_MANY_ROWS = 7  # of which a trainer that is known would have claimed one
_SUMMARY = "train_runtime"  # of the Trainer of Hugging Face, beside the mean loss of the run
_IS_EPOCH = 1e8  # a time stamp is larger than any step


class PlainJsonlParser(JsonRowsParser):
    """Reads such a log; an epoch that was once no whole number tells progress from then on.

    The first results tell whether those of a test split choose the checkpoint: they do where none
    of a validation came before or with them.
    """

    def __init__(self, form: JsonRowsFormat, rows: RowReader) -> None:
        super().__init__(form, rows)
        self._is_fraction = False
        self._knows_splits = False
        self._stamps = Stamps()
        self._rounds = Rounds()

    def columns(self, keys: tuple[str, ...], statement: Json) -> Sequence[str] | None:
        """Name the keys that hold numbers; None for a row that is wrapped."""
        return None if is_wrapped(statement) else super().columns(keys, statement)

    def numbers(self, statement: Json) -> Mapping[str, float] | None:
        """Return the numbers of a nested row, also of one that is wrapped."""
        row = unwrapped(statement)
        if not self._form.required & row.keys():
            return None
        if row is statement and not self._form.is_nested(row):
            return None
        numbers = self._form.numbers(row)
        return numbers if self._has_metrics(numbers) else None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of rows into blocks and evaluations."""
        if _SUMMARY in columns:
            facts = {"reason": "the Trainer summed the training up"}
            yield self._rows.record("end", int(lines[-1]), facts=facts)
            return
        columns = self._rounds.placed(columns, STEPS, EPOCHS)
        columns = self._stamps.named(by_rare_counter(columns, COUNTERS | {"#step"}))
        if not self._knows_splits:
            splits = {split_of(key) for key in columns}
            self._knows_splits = bool(splits & {"val", "test"})
            if "val" not in splits and "test" in splits:
                self._rows.naming = replace(self._rows.naming, test_is_val=True)
        key = next((key for key in _EPOCHS if key in columns), None)
        if key is None:
            yield from super().block(columns, lines)
            return
        whole = 0 if self._is_fraction else first_fraction(columns[key])
        if whole:
            first = {name: column[:whole] for name, column in columns.items()}
            yield from super().block(first, lines[:whole])
        if whole < len(lines):
            self._is_fraction = True
            rest = {name: column[whole:] for name, column in columns.items()}
            rest["#progress"] = rest.pop(key)
            yield from super().block(rest, lines[whole:])


class PlainJsonl(JsonRowsFormat):
    """Nested objects are read as paths, texts that are numbers as numbers.

    A log of a server has a level, a method or a status in its lines, and no loss that goes on.
    """

    name: ClassVar[str] = "plain_jsonl"
    title: ClassVar[str] = "JSON lines"
    url: ClassVar[str] = "https://jsonlines.org"
    smoothing: ClassVar[int | None] = None
    is_fallback: ClassVar[bool] = True
    naming: ClassVar[Naming] = Naming(
        {
            **dict.fromkeys(_STEPS, "#step"),
            **dict.fromkeys(_EPOCHS, "#epoch"),
            **dict.fromkeys(_TIMES, "#time_s"),
            "total_steps": "#steps",
            "max_steps": "#steps",
            "of": "#steps",
            "total_epochs": "#epochs",
            "num_epochs": "#epochs",
            "max_epochs": "#epochs",
            "train_loss": "loss",
            "train/loss": "loss",
            "train/lr": "lr",
            "train_lr": "lr",
            "train/learning_rate": "lr",
            "train/grad_norm": "grad_norm",
            "_runtime": None,
        },
        evaluations=re.compile(f"{IN_WORDS.pattern}|{MEASURED_AFTER.pattern}"),
        judges_returns=True,
    )
    required: ClassVar[frozenset[str]] = frozenset({*COUNTERS, *RARE_COUNTERS})
    nests: ClassVar[bool] = True

    def is_nested(self, statement: Json) -> bool:
        """Tell whether there are objects, tensors or texts of numbers, or a split is named."""
        return split_said(statement) is not None or any(
            isinstance(held, dict)
            or holds_tensor(held)
            or (isinstance(held, str) and number_in(held) is not None)
            for held in statement.values()
        )

    def clocks(self, statement: Json) -> Collection[str]:
        """Name the time stamps."""
        return STAMPED

    def numbers(self, statement: Json) -> dict[str, float]:
        """Return the numbers of a row by path."""
        return numbers_said(statement, PLACED)

    def is_row(self, statement: Json) -> bool:
        """Tell whether a statement has a step or an epoch, and a metric that is one by its name."""
        keys = {key.lower() for key in statement}
        if _SERVER & keys and not any("loss" in key for key in keys):
            return False
        numbers = numbers_said(statement, PLACED)
        places = [numbers[key] for key in self.required & numbers.keys()]
        if not places or not all(0 <= place < _IS_EPOCH for place in places):
            return False
        metrics = numbers.keys() - self.required
        return any(map(_is_metric, metrics)) or sum(map(names_a_private_loss, metrics)) > 1

    def parser(self, file: str) -> PlainJsonlParser:
        """Return a fresh parser for a log."""
        return PlainJsonlParser(self, RowReader(file, self.axis(), self.naming))

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: several rows, and no more lines of another kind than rows."""
        found = [statement for statement in objects_in(lines) if self.is_row(statement)]
        served = [statement for statement in found if _SERVER & {key.lower() for key in statement}]
        places = {tuple(str(row.get(key)) for key in sorted(self.required)) for row in served}
        rows = len(found) - (len(served) if len(places) < _FEWEST_PLACES else 0)
        filled = sum(1 for line in lines if line.strip())
        if not rows or 2 * rows < filled:
            among_others = rows >= _MANY_ROWS and 5 * rows >= filled
            return 0.6 if among_others else 0.0
        if rows >= _MANY_ROWS:
            return 0.97
        return 0.9 if rows >= _LEAST_ROWS else 0.4

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{"step": 10, "loss": 2.5, "learning_rate": 0.001}
{"step": 20, "loss": 1.5, "learning_rate": 0.002}
{"step": 20, "val": {"loss": 1.75, "acc": "0.5"}}
""",
            (
                Record("train", 10, metrics={"loss": 2.5, "lr": 0.001}, line=1),
                Record("train", 20, metrics={"loss": 1.5, "lr": 0.002}, line=2),
                Record(
                    "eval",
                    20,
                    metrics={"val/loss": 1.75, "val/acc": 0.5},
                    facts={"split": "val"},
                    line=3,
                ),
            ),
        ),
        Sample(
            """\
{"epoch": 0, "train": {"loss": 2.5}, "val": {"loss": 2.75}}
{"epoch": 1, "train": {"loss": 1.5}, "val": {"loss": 1.75}}
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 2.5}, line=1),
                Record("eval", 1, metrics={"val/loss": 2.75}, facts={"split": "val"}, line=1),
                Record("train", 2, 2.0, metrics={"loss": 1.5}, line=2),
                Record("eval", 2, metrics={"val/loss": 1.75}, facts={"split": "val"}, line=2),
            ),
        ),
    )


def _is_metric(name: str) -> bool:
    """Tell whether a name is that of a loss, a quality or a learning rate."""
    lower = name.lower()
    tail = lower.rsplit("/", 1)[-1]
    if names_a_loss(tail) or tail in {"lr", "learning_rate", "grad_norm", "perplexity"}:
        return True
    if "score" not in tail and IN_WORDS.search(tail):
        return True
    direction, reason = direction_of(name)
    known = direction is not None and (reason == "a known metric" or split_of(name) is not None)
    return known and tail not in {"error", "err", "cost"}


FORMAT = PlainJsonl()
