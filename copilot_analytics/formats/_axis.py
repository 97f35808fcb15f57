"""Where training stands, from what its lines print: epochs, iterations, samples, or nothing.

Lines say it in many ways: a global step, an epoch with an iteration in it, a fraction of an epoch,
an epoch alone. The names below are how a format calls what it found:

==============  ==================================================================
``#step``       updates so far
``#steps``      planned updates
``#epoch``      number of the epoch as printed; whether it counts from 0 is learned
``#epochs``     planned epochs as printed
``#progress``   epochs done, as a fraction
``#inner``      iteration in the epoch as printed
``#inner_of``   iterations of an epoch
``#sample``     samples seen in the epoch, where a line counts nothing else
``#sample_of``  samples of an epoch
``#time_s``     seconds since 1970, or since the start
==============  ==================================================================

Every declared format places its rows by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.formats._epoch_length import EpochLength
from copilot_analytics.formats._numbers import LARGEST, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.records import Floats, Ints

PLAN = ("#steps", "#epochs", "#inner_of", "#sample_of")
PLACES = frozenset({"#step", "#epoch", "#progress", "#inner", "#sample", "#time_s", *PLAN})

# An evaluation printed after that belongs to the end of the epoch; it may be less where the next
# line of training would have stood beyond the end.
_MOST_OF_AN_EPOCH, _MUCH_OF_AN_EPOCH = 0.9, 0.5


class Axis:
    """Places the lines of one log on its axis, in their order.

    Parameters
    ----------
    unit
        What a step is where the lines count steps; see ``step_unit`` in the schema.
    epoch_base, inner_base
        What the first epoch or iteration is called; None learns it from the first line.
    evaluates_within
        Whether a result that names no step belongs to the last training line, as it does anyway
        where the lines count steps, and not to the end of the epoch.

    Attributes
    ----------
    last_step : int
        Step of the last training line, 0 before the first.
    per_epoch : int or None
        Steps of an epoch, None while unknown.
    is_measured : bool
        Whether lines that count on showed for certain how long an epoch is; until then rows are
        to be placed an epoch at a time.
    facts : dict
        What lines state of the plan, as facts of a ``config`` record.

    Examples
    --------
    >>> axis = Axis()
    >>> parts = {"#epoch": [0.0, 1.0], "#inner": [0.0, 9.0], "#inner_of": [10.0, 10.0]}
    >>> axis.place({name: np.array(part) for name, part in parts.items()}, 2)
    (array([ 1, 20]), array([0.1, 2. ]))
    >>> axis.facts
    {'steps_per_epoch': 10}
    """

    def __init__(
        self,
        unit: str = "iteration",
        *,
        epoch_base: int | None = None,
        inner_base: int | None = None,
        evaluates_within: bool = False,
    ) -> None:
        self.last_step = 0
        self.per_epoch: int | None = None
        self.facts: dict[str, Any] = {} if unit == "iteration" else {"step_unit": unit}
        self._epoch_base, self._inner_base = epoch_base, inner_base
        self._length = EpochLength()
        self._epochs_done: float | None = None  # at the start of the epoch that goes on
        self._share = 0.0  # of it that is done
        self._inner = self._apart = 0.0  # of the last line, and how far apart lines are
        self._evaluates_within = evaluates_within
        self._counts_inner = False
        self._is_evaluated = False  # whether any result was told
        self._counts_epochs_only = False
        self._counts_steps = self._counts_on = False
        self._within = np.nan  # epochs done before the one in which lines count on
        self.is_measured = False
        self._shift = 0.0  # of the steps, where epochs before had another length

    def enter(self, epoch: float, epochs: float | None = None) -> None:
        """Take a line that says in which epoch the next ones are."""
        self._epochs_done = self._done(np.array([epoch]))
        self._share = 0.0
        if epochs is not None:
            self._plan_epochs(epochs)

    def saw_epoch(self, length: float) -> None:
        """Take that the first epoch has at least so many iterations, although no line said so."""
        self._length.of_inner(np.array([1.0]), np.array([length]))

    def is_at(self, epoch: float) -> bool:
        """Tell whether a line that names an epoch speaks of the one that goes on.

        Some scripts count from 0 in their rows and from 1 in what they say beside them.
        """
        named = epoch - (self._epoch_base or 0)
        return self._epochs_done is not None and named - self._epochs_done in {0.0, 1.0}

    def end(self, epoch: Floats) -> Floats:
        """Take rows that sum up epochs, as printed; return the epochs done at their ends."""
        self._done(epoch[:1])
        ended: Floats = epoch - (self._epoch_base or 0) + 1
        return ended

    def count_on(self, epoch: float, steps: Floats) -> None:
        """Take back that lines count iterations of their epoch: their counter goes on and on.

        Parameters
        ----------
        epoch
            The epoch as printed that was misread, NaN if its lines stood above any header.
        steps
            Updates done at lines of it.
        """
        self._counts_inner, self._length, self.per_epoch = False, EpochLength(), None
        self.facts.pop("steps_per_epoch", None)
        self._counts_on = True
        if epoch == epoch:
            self._within = self._done(np.array([epoch]))
            self._length.of_global(np.full(len(steps), self._within + 1), steps)

    def count_within(self) -> None:
        """Take back that lines count nothing but epochs: each has many lines."""
        self._counts_epochs_only = False
        self.facts["step_unit"] = "iteration"

    def place(self, columns: Mapping[str, Floats], rows: int) -> tuple[Ints, Floats]:
        """Return steps and epochs of training lines; the epoch is NaN where it is unknown.

        Parameters
        ----------
        columns
            What the lines print of their place, each of shape ``(rows,)``. Planned numbers are
            the same in all of them.
        rows
            How many lines there are, at least one.
        """
        done = self._known_epochs(columns, rows)
        self._learn(columns)
        self._counts_steps = "#step" in columns
        if self._counts_steps:
            step, epoch = whole(columns["#step"]), columns.get("#progress", done)
            epoch = np.where(np.isnan(epoch), done, epoch)
            if "#progress" not in columns and {"#inner", "#inner_of"} <= columns.keys():
                epoch = done + np.minimum(columns["#inner"] / columns["#inner_of"], 1.0)
            elif "#progress" not in columns and self._counts_on and "#epoch" in columns:
                epoch = self._place_within(step, done)
            elif "#progress" not in columns and self.per_epoch is not None:
                epoch = np.clip(step / self.per_epoch, done, done + 1)
        elif "#inner" in columns or "#sample" in columns:
            step, epoch = self._place_inner(columns, done)
        elif "#epoch" in columns:
            step, epoch = self._place_ends(done + 1)
        else:
            step = np.arange(1, rows + 1, dtype=np.int64) + self.last_step
            epoch = columns.get("#progress", np.full(rows, np.nan))
        self.last_step = int(step[-1])
        return step, epoch

    def place_evaluation(self, columns: Mapping[str, Floats]) -> tuple[int | None, float | None]:
        """Return step and epoch of one result of an evaluation; None for what only others know.

        Parameters
        ----------
        columns
            As for `place`, for one line. One that is not finite, or too large to count, is none.
        """
        self._is_evaluated = True
        columns = {name: column for name, column in columns.items() if abs(column[0]) < LARGEST}
        if "#step" in columns:
            self._learn({"#steps": columns["#steps"]} if "#steps" in columns else {})
            epoch = float(columns["#progress"][0]) if "#progress" in columns else np.nan
            return int(whole(columns["#step"])[0]), None if np.isnan(epoch) else epoch
        if "#progress" in columns:
            return self.last_step or None, float(columns["#progress"][0])
        if "#epoch" in columns:
            self._epochs_done = self._done(columns["#epoch"][:1])
            self._learn(columns)
        elif self._evaluates_within or self._counts_steps:
            return self.last_step or None, None
        if self._epochs_done is None or (self._counts_inner and not self._at_the_end):
            return self.last_step or None, None
        epochs = min(self._epochs_done + 1, LARGEST)
        if self._shift and self.per_epoch is not None:
            return int(min(epochs * self.per_epoch + self._shift, LARGEST)), epochs
        return (int(epochs) if self._counts_epochs_only else None), epochs

    @property
    def _at_the_end(self) -> bool:
        """Whether the last line of training is the last one of its epoch."""
        if self._share >= _MOST_OF_AN_EPOCH:
            return True
        if self.per_epoch is None or self._share < _MUCH_OF_AN_EPOCH:
            return False
        return self._inner + self._apart > self.per_epoch

    @property
    def learned(self) -> dict[str, Any]:
        """What the lines so far show of the plan although none states it."""
        length = self._length
        if self.per_epoch is not None or not length.is_told:
            return {}
        ends_later = self.facts.get("planned_epochs", 1) > 1 and not self._is_evaluated
        if ends_later and not length.closed:
            return {}  # the log may end in the middle of its first epoch
        return {"steps_per_epoch": length.length, "steps_per_epoch_exact": length.exact}

    def _known_epochs(self, columns: Mapping[str, Floats], rows: int) -> Floats:
        """Return the epochs done before that of each line, NaN where unknown."""
        if "#epoch" in columns:
            self._done(columns["#epoch"][:1])
            done: Floats = columns["#epoch"] - (self._epoch_base or 0)
            self._epochs_done = float(done[-1])
            return done
        unknown = np.nan if self._epochs_done is None else self._epochs_done
        return np.full(rows, unknown)

    def _done(self, epoch: Floats) -> float:
        if self._epoch_base is None:
            self._epoch_base = 0 if epoch[0] == 0 else 1
        return float(epoch[0]) - self._epoch_base

    def _learn(self, columns: Mapping[str, Floats]) -> None:
        if "#steps" in columns and 0 < columns["#steps"][0] < np.inf:
            self.facts["planned_steps"] = int(columns["#steps"][0])
        if "#epochs" in columns:
            self._plan_epochs(float(columns["#epochs"][0]))
        for name in ("#inner_of", "#sample_of"):
            if name in columns and 0 < columns[name][0] < np.inf:
                self._take_length(int(columns[name][0]), columns)
        if "#sample" in columns:
            self.facts["step_unit"] = "sample"

    def _take_length(self, length: int, columns: Mapping[str, Floats]) -> None:
        """Take the length of this epoch; loaders may make one a little longer than the next."""
        if self.per_epoch is not None and self.per_epoch != length:
            done = self._epochs_done or 0.0
            if "#epoch" in columns:
                done = self._done(columns["#epoch"][:1])
            self._shift = (self._shift + done * (self.per_epoch - length)) if done else 0.0
        self.per_epoch = self.facts["steps_per_epoch"] = length

    def _plan_epochs(self, printed: float) -> None:
        """Take planned epochs; ``0/99`` means a hundred of them, ``0/100`` as well."""
        counted_from_0 = self._epoch_base == 0 and printed % 5 == 4
        if 0 < printed < np.inf:
            self.facts["planned_epochs"] = int(printed) + counted_from_0

    def _place_inner(self, columns: Mapping[str, Floats], done: Floats) -> tuple[Ints, Floats]:
        self._counts_inner = True
        if "#sample" in columns:
            inner = columns["#sample"]
        else:
            if self._inner_base is None:
                self._inner_base = 0 if columns["#inner"][0] == 0 else 1
            inner = columns["#inner"] + (1 - self._inner_base)
        if np.isnan(done[0]):
            done = np.zeros(len(inner))
        if self.per_epoch is None:
            step, epoch = self._length.of_inner(done + 1, inner)
        else:
            step = whole(done * self.per_epoch + np.where(done > 0, self._shift, 0.0) + inner)
            epoch = done + inner / self.per_epoch
        length = self.per_epoch or self._length.length
        self._share = float(inner[-1]) / length if length else 0.0
        apart = np.diff(inner, prepend=self._inner)
        self._apart = float(apart[apart > 0][-1]) if (apart > 0).any() else self._apart
        self._inner = float(inner[-1])
        return step, epoch

    def _place_within(self, step: Ints, done: Floats) -> Floats:
        """Return the epoch of rows of one epoch, whose steps go on and on.

        How long an epoch is, the first line of the next one tells.
        """
        if not self.is_measured and done[0] != self._within:
            length, since = self._length, [self._within, done[0]]
            known = slice(0 if since[0] == since[0] else 1, None)
            steps = np.array([self.last_step, step[0]], dtype=np.float64)
            length.of_global(np.array(since)[known] + 1, steps[known])
            self._within = float(done[0])
            planned, epochs = (
                self.facts.get("planned_steps", 0),
                self.facts.get("planned_epochs", 1),
            )
            if planned % epochs == 0 and length.may_be(planned // epochs):
                length.settle(planned // epochs)
            if length.closed:
                self.per_epoch = self.facts["steps_per_epoch"] = length.length
                self.facts["steps_per_epoch_exact"] = self.is_measured = length.exact
        if self.per_epoch is None:
            return done
        return np.clip(step / self.per_epoch, done, done + 1)

    def _place_ends(self, epochs: Floats) -> tuple[Ints, Floats]:
        """Place lines that sum an epoch up."""
        if self._counts_inner:
            length = self.per_epoch or self._length.length
            last, step = self.last_step, whole(epochs * length + self._shift)
            for row, at in enumerate(step.tolist()):
                # The last iteration that was printed may lie beyond a length that is a guess.
                last = step[row] = last if 0 < last - at < length else at
            return step, epochs
        if not self.last_step or self._counts_epochs_only:
            self._counts_epochs_only = True
            self.facts["step_unit"] = "epoch"
            return whole(epochs), epochs
        return np.full(len(epochs), self.last_step, dtype=np.int64), epochs
