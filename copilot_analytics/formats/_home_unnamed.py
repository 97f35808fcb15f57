"""Places the numbers of a home-made line that no word names, by the marks around them.

Each method of `UnnamedNumbers` stands for one habit, tried in the order of `UnnamedNumbers.place`;
a number that none of them knows means nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from copilot_analytics.formats._home_labels import is_pair
from copilot_analytics.formats._home_whole_line import MOST_EPOCHS

if TYPE_CHECKING:
    from copilot_analytics.formats._home_readings import Number, Reading
    from copilot_analytics.formats._splits import Split

_TOTALS = {"#epoch": "#epochs", "#step": "#steps"} | {
    name: f"{name}_of" for name in ("#count", "#inner", "#run")
}
_THEN = frozenset({"][", ")(", ")[", "],["})


class Bare(NamedTuple):
    """A number without a name.

    Parameters
    ----------
    parts
        Where it stands.
    gap
        The marks before it, since the number before.
    unit
        The letters behind it.
    whole
        Whether it is printed without a decimal point.
    last
        What the number before it was: a place, ``metric``, or a total of what was measured.
    governing
        The part of the data that the words before it speak of.
    """

    parts: tuple[Number, ...]
    gap: str
    unit: str
    whole: bool
    last: str | None
    governing: Split | None


class UnnamedNumbers:
    """Places the unnamed numbers of one line.

    Attributes
    ----------
    counts_splits : bool
        Whether ``Train: 3/80 [20/928 (2%)]`` was read: it counts batches, not samples.
    has_counted : bool
        Whether something was counted without a name.
    """

    def __init__(self, line: str, reading: Reading) -> None:
        self.counts_splits = False
        self.has_counted = False
        self._line = line
        self._reading = reading

    def place(self, bare: Bare) -> str | None:
        """Return what a number was taken for; None if it means nothing."""
        gap, last = bare.gap, bare.last
        if last == "metric" and not bare.whole and not bare.unit and gap.strip() in {"", ":"}:
            return self._value_after_count(bare)
        if gap.replace(" ", "") == "/" and last is not None:
            return self._total(bare, last)
        if bare.unit == "%":
            return self._share(bare)
        if not bare.whole or bare.unit:
            return None
        self._take_count_for_epochs(bare)
        if {"#inner", "#count", "#step"} & self._reading.places.keys():
            return None
        return self._epoch(bare) or self._of_epoch(bare) or self._count(bare)

    @property
    def _first(self) -> bool:
        """Whether no measure stands before."""
        return not self._reading.metrics

    def _after(self, bare: Bare, length: int) -> str:
        return self._line[bare.parts[-1].end : bare.parts[-1].end + length]

    def _follows(self, bare: Bare) -> str:
        after = self._after(bare, 5).lstrip()
        return "/" if after[:3] == "of " else after[:1]

    def take_count_for_epochs(self, parts: tuple[Number, ...]) -> None:
        """Take what was counted first for epochs where the step is named behind it."""
        places = self._reading.places
        total = places.get("#count_of")
        if total is None or "#epoch" in places:
            return
        count, of, step = (self._whole(number) for number in (places["#count"], total, parts))
        if of <= MOST_EPOCHS and count != step:
            places["#epoch"], places["#epochs"] = places.pop("#count"), places.pop("#count_of")
            self.has_counted = False

    def leave_to_episodes(self, parts: tuple[Number, ...]) -> None:
        """Take what was counted before an episode for steps, of which it has many.

        What counts slower, as in ``1 of 2 session | Episode: 30``, counts something else.
        """
        places = self._reading.places
        if self._whole(places["#count"]) > self._whole(parts):
            self.count_on()
            return
        for name in ("#count", "#count_of"):
            for part in places.pop(name, ()):
                self._reading.leave_out(self._line, part.start, part.end)

    def count_on(self) -> None:
        """Take what was counted first for the updates of the whole training."""
        places = self._reading.places
        if {"#count", "#count_of"} <= places.keys():
            places["#step"], places["#steps"] = places.pop("#count"), places.pop("#count_of")

    def _whole(self, parts: tuple[Number, ...]) -> int:
        return int(self._line[parts[0].start : parts[-1].end].replace(",", ""))

    def _value_after_count(self, bare: Bare) -> str | None:
        """Take ``Train loss 400 0.53`` for the loss at a step."""
        metric, places = self._reading.metrics[-1], self._reading.places
        if not metric.whole or metric.bound or len(self._reading.metrics) > 1 or places:
            return None
        places["#count"] = metric.parts
        metric.parts, metric.whole = bare.parts, False
        return "metric"

    def _total(self, bare: Bare, last: str) -> str | None:
        """Take what stands behind a slash for how many there are."""
        places, total = self._reading.places, _TOTALS.get(last)
        if total is not None and bare.whole and not bare.unit and total not in places:
            places[total] = bare.parts
            return total
        if last == "metric":
            metric = self._reading.metrics[-1]
            if not (bare.whole or metric.whole or metric.pair):
                metric.pair = bare.parts
            metric.is_count = True
            return "amount"
        return None

    def _share(self, bare: Bare) -> str | None:
        """Take per cents behind a count: ``[20/928 (2%)]`` counts samples, ``81/90 (90%)`` hits."""
        places, last, gap = self._reading.places, bare.last, bare.gap
        if last == "#count_of" or (last == "#inner_of" and self.counts_splits):
            self._reading.leave_out(self._line, bare.parts[0].start, bare.parts[-1].end)
            return last
        if last == "#inner_of" and "#inner" in places and gap.strip() in {"(", ""}:
            places["#sample"] = places.pop("#inner")
            places["#sample_of"] = places.pop("#inner_of")
        elif last == "amount" and self._reading.metrics[-1].is_count and "(" in gap:
            metric = self._reading.metrics[-1]
            for part in metric.parts:
                self._reading.leave_out(self._line, part.start, part.end)
            metric.parts, metric.is_count, metric.whole = bare.parts, False, bare.whole
            return "metric"
        return None

    def _take_count_for_epochs(self, bare: Bare) -> None:
        """Take what was counted first for epochs where another count follows it.

        ``[2/90][300/5000]``, ``2/90 ( 1%) [300/5000]``, ``[2/90][300]``
        """
        places, follows = self._reading.places, self._follows(bare)
        if (
            bare.last == "#count_of"
            and self._first
            and (follows == "/" or (follows == "]" and bare.gap.endswith("][")))
            and bare.gap.replace(" ", "") in _THEN
        ):
            places["#epoch"], places["#epochs"] = places.pop("#count"), places.pop("#count_of")

    def _epoch(self, bare: Bare) -> str | None:
        """Take ``Train: [3][20/98]`` and ``[2,  300]``, as in the tutorial of PyTorch."""
        reading = self._reading
        if not self._first or not bare.gap.endswith("["):
            return None
        if not reading.places and self._after(bare, 2) == "][":
            reading.places["#epoch"] = bare.parts
            return "#epoch"
        is_later = reading.numbers or {"#epoch", "#progress"} & reading.places.keys()
        if not is_later and is_pair(self._line, bare.parts[0].start):
            reading.places["#epoch"] = bare.parts
            return "#epoch"
        return None

    def _of_epoch(self, bare: Bare) -> str | None:
        """Take what stands in brackets behind an epoch for an iteration of it, or of all."""
        places, follows = self._reading.places, self._follows(bare)
        is_next = bare.last == "#epoch" and bare.gap.replace(" ", "") == "]["
        if not {"#epoch", "#progress"} & places.keys() or not (self._first or is_next):
            return None
        if bare.last == "#count_of" and follows == "]":
            places["#count"] = bare.parts
            return "#count"
        closes = follows == "]" and ("[" in bare.gap or bare.gap.strip() in {",", ":"})
        if follows == "/" or closes:
            places["#inner"] = bare.parts
            return "#inner"
        return None

    def _count(self, bare: Bare) -> str | None:
        """Take ``[3/80]``, or ``3/80`` at the start, for a count of what other lines tell."""
        reading = self._reading
        if {"#epoch", "#progress"} & reading.places.keys() or not self._first:
            return None
        in_brackets = "[" in bare.gap or "(" in bare.gap
        if self._follows(bare) != "/" or not (in_brackets or not reading.numbers):
            return None
        name = "#run" if bare.governing in {"val", "test"} else "#count"
        if bare.gap.replace(" ", "") == "[|":
            name = "#epoch"  # "[ Train | 003/080 ]"
        self.has_counted = name == "#count"
        reading.places[name] = bare.parts
        return name
