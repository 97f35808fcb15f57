"""Reads one line of a home-made log: which numbers it holds, what they are called, where it is.

Nothing is known of the line but the habits of people: a name stands before its number, with a
colon, an equals sign or a blank between; bars, commas, tabs and brackets keep pairs apart; an
epoch may be followed by its total after a slash; ``Val Loss: 1, Acc: 2`` speaks of validation to
its end. One pass over the tokens finds it all, so the time is linear.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_bare_splits import is_a_split_alone, tells_both
from copilot_analytics.formats._home_labels import (
    MEANS,
    are_linking,
    is_of_a_name,
    label_of,
    told_of_split,
)
from copilot_analytics.formats._home_masks import fixed_digits, mask_of, readings_alike
from copilot_analytics.formats._home_pairs import name_pairs
from copilot_analytics.formats._home_places import (
    MEASURED_AT,
    boxes,
    count_of_split,
    measured_at,
    names_an_epoch,
    ordinal_place,
    place_of,
    told_at,
)
from copilot_analytics.formats._home_readings import Metric, Number, Reading, is_divided, parts_in
from copilot_analytics.formats._home_timings import Timings
from copilot_analytics.formats._home_tokens import (
    ASCII_MARKS,
    LEVEL,
    LEVELS,
    PAIRS,
    TOKEN,
    TOTAL_BEHIND,
    UNITS,
)
from copilot_analytics.formats._home_unnamed import Bare, UnnamedNumbers
from copilot_analytics.formats._home_vocabulary import (
    PLAYED,
    REMARK,
    base_of,
    canonical,
    is_bookkeeping,
    is_quality,
    is_quantity,
    split_in,
)
from copilot_analytics.formats._home_whole_line import (
    count_epochs,
    end_of_message,
    end_of_what_comes_before,
    is_a_loss,
    leave_out_unclear,
    name_adversaries,
    name_parts_of_data,
    name_the_process,
    split_of_a_star,
    sum_up,
    uncovered,
)
from copilot_analytics.formats._stamps import find_stamp

if TYPE_CHECKING:
    from copilot_analytics.formats._splits import Split

LONGEST_LINE = 8_000
_SCALES = {"K": 1e3, "k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}
_EPOCH_IN_WORD = re.compile(r"(?i)e(?:p|poch)?(?P<number>0{0,4}\d{1,5})(?:/(?P<of>\d{1,5}))?")


def read_line(line: str) -> Reading:
    """Return what a line says by itself.

    Lines that are equal but for the digits of their numbers say the same; they are looked at once.

    Examples
    --------
    >>> line = "Epoch 3/10 | Train Loss: 0.51 | Val Loss: 0.62, Acc: 81.2% <- best"
    >>> reading = read_line(line)
    >>> sorted(reading.places), [(m.name, m.split) for m in reading.metrics]
    (['#epoch', '#epochs'], [('Train Loss', 'train'), ('Val Loss', 'val'), ('Acc', 'val')])
    """
    alike = readings_alike(mask_of(line))
    for fixed, digits, reading in alike:
        if "".join([line[place] for place in fixed]) == digits:
            return reading
    reading = _Scan(line).reading
    fixed = fixed_digits(line, reading)
    alike.append((fixed, "".join([line[place] for place in fixed]), reading))
    return reading


class _Scan:
    """The state of the one pass over a line."""

    def __init__(self, line: str) -> None:
        self.line = line
        stamp = find_stamp(line)
        self.reading = Reading(stamp)
        self._words: list[str] = []
        self._start = self._end = 0
        self._bound = self._loose = self._opened = self._plays = False
        self._gap = ""
        self._last: str | None = None  # the place or "metric" that the last number was
        self._governing: Split | None = None
        self._first_metric = len(line)
        self._topic = ""  # what a line measures of several splits: "Loss: train 0.4, val 0.5"
        self._measured = ""  # what was measured "at step 100", which comes next
        self._unnamed = UnnamedNumbers(line, self.reading)
        self._timings = Timings()
        self._pairs = PAIRS.fullmatch(line, stamp.message) is not None
        self._scan(stamp.message)

    def _scan(self, start: int) -> None:
        reading, line = self.reading, self.line
        before = end_of_what_comes_before(line, reading.stamp)
        if start:
            taken = [(f.start, f.end) for f in reading.stamp.fields]
            reading.spare += [s for s in uncovered(line, start, taken) if s[0] >= before]
        end = end_of_message(line)
        self._govern(split_of_a_star(line, start))
        for token in chain(TOKEN.finditer(line, 0, before), TOKEN.finditer(line, start, end)):
            kind = token.lastgroup
            if kind == "word":
                self._word(token)
            elif kind == "mark":
                self._mark(token[0])
            elif kind == "aside":
                self._spare(*token.span())  # "Loss (avg over last 100): 0.5"
                self._govern(split_in(token[0]))  # "Accuracy on the 90 test images: 54 %"
            elif kind == "clock":
                self._spare(*token.span())
                self._forget()
            else:
                self._number(token)
        self._leave()
        self._spare(end, len(line))
        if "#progress" in reading.places:
            for part in reading.places.pop("#epoch", ()):
                self._spare(part.start, part.end)
        if reading.metrics:
            if line.startswith("*", start):
                sum_up(reading)
            name_adversaries(reading)
            leave_out_unclear(reading)
            if self._unnamed.has_counted:
                count_epochs(line, reading)
            name_parts_of_data(line, reading)
            name_pairs(reading)
        kept = (metric.parts[0].start for metric in reading.metrics)
        first = min(min(kept, default=self._first_metric), end)
        head = line[0 if before else start : first]
        head = LEVEL.sub("", head) if start else head
        reading.is_remark = REMARK.search(head) is not None
        name_the_process(line, reading)
        self._timings.settle(line, reading, counts=self._unnamed.has_counted)

    def _word(self, token: re.Match[str]) -> None:
        text = token[0].rstrip("./-'")
        plain = text.lower()
        if plain in {"nan", "inf", "infinity"}:
            start = token.start()
            if start and self.line[start - 1] in "+-":
                start -= 1
            self._found(Number(start, token.start() + len(text)), (), "", whole=False)
            return
        self.reading.words += 1
        joined = _EPOCH_IN_WORD.fullmatch(text)
        if joined and not self.reading.numbers and not self.reading.metrics:
            for name, group in (("#epoch", "number"), ("#epochs", "of")):
                if joined[group]:
                    start, end = (token.start() + place for place in joined.span(group))
                    self.reading.places[name] = (Number(start, end),)
            self._last = "#epoch"
            self._forget()
            return
        if not self._words:
            if (self._last or "").startswith(("#epoch", "#count")) and plain in {"轮", "步"}:
                return  # of "第 3 轮"
            if self._last == "metric" and not self._gap and plain in UNITS:
                self.reading.take_back(self.line)
                self._last = None
                return
            if self._last == "timing" and not self._gap.strip() and self._timings.has_unit(plain):
                return
            if plain in TOTAL_BEHIND and self._last is not None:
                self._gap += "/"
                return
        elif self._bound or self._loose:
            self._leave()
        if not self._words:
            self._start, self._opened = token.start(), False
        self._words.append(text)
        # A full stop ends what was said: "Epoch 5 done. Loss: 0.3".
        self._loose = token[0].endswith(".") and len(text) > 3
        self._end = token.start() + len(text)

    def _mark(self, mark: str) -> None:
        mark = mark.translate(ASCII_MARKS)
        self._gap += mark.strip(" ") or " "
        if mark in ":=" or (mark == "," and self._pairs):
            if self._words and self._words[-1] in LEVELS:
                self._leave()  # "toy INFO: [1/90]"
            self._bound = bool(self._words)
        elif mark == "{":
            self._leave()
        elif mark in "([":
            self._opened = self._opened or (bool(self._words) and not self._bound)
        elif mark in ")]}":
            if self._words and self._opened:
                self._end += self.line[self._end : self._end + 1] == mark
            elif mark == "]" and not self._bound and boxes(self.line, self._start, self._words):
                self._loose = True
            else:
                self._leave()
        elif mark == "\t" or mark[0] == " ":
            self._loose = bool(self._words) and not self._bound
        elif mark == "-" and self._bound:
            return
        elif mark not in "/<>":
            self._leave()

    def _leave(self) -> None:
        """Take the words so far for what stands before names, and look for a split in them."""
        if self._words:
            text = " ".join(word for word in self._words if "." not in word)
            self._govern(split_in(text))
            if self._bound:
                is_topic = is_quality(text) and split_in(text) is None
                self._topic = text if is_topic else ""
        self._forget()

    def _forget(self) -> None:
        self._words, self._bound, self._loose, self._opened = [], False, False, False

    def _govern(self, split: Split | None) -> None:
        if split is not None:
            self._governing = split
            if not self.reading.metrics and self.reading.split is None:
                self.reading.split = split

    def _number(self, token: re.Match[str]) -> None:
        start = token.start("number")
        text, unit = token["number"], token["unit"] or ""
        asks = self._opened and not self._bound
        if asks and is_of_a_name(self.line, self._words, (start, token.end()), plays=self._plays):
            named = canonical(label_of(self.line, self._words, self._start, self._end))
            if any(metric.name == named for metric in self.reading.metrics):
                self._end = token.end() + 1  # "Recall (10): 0.3, Recall (20): 0.4"
            else:
                self._spare(start, token.end())
            return
        factor = 1.0
        if unit in _SCALES:
            factor, unit = _SCALES[unit], ""
        parts = parts_in(text, start, factor)
        whole = text.lstrip("+-").replace(",", "").isdigit() and not is_divided(text)
        self._found(parts[0], parts[1:], unit, whole=whole)

    def _found(self, first: Number, more: tuple[Number, ...], unit: str, *, whole: bool) -> None:
        parts = (first, *more)
        counts_split = whole and "[" in self._gap and split_in(" ".join(self._words))
        if counts_split and not names_an_epoch(self._words):
            self._leave()  # "Test: [10/79]"
        gap, words = self._gap, self._words
        name = label_of(self.line, words, self._start, self._end)
        role: str | None = None
        is_told = gap.strip() in {":", "="} or bool(words)
        if self._measured and is_told and are_linking(words) and not unit.strip("%"):
            role = self._metric(self._measured, parts, whole=whole)
        elif not words:
            bare = Bare(parts, gap, unit, whole, self._last, self._governing)
            role = self._unnamed.place(bare)
        elif words and words[-1].endswith("第") and whole:
            role = ordinal_place(self.line[parts[-1].end : parts[-1].end + 16].strip().lower())
            if role is not None:
                self.reading.places.setdefault(role, parts)
        elif unit in {"", "%", "dB"}:
            role = self._place(words, parts, whole=whole) if not unit else None
            if role is None and name:
                role = self._metric(name, parts, whole=whole)
        if role is None and name and self._timings.take(name, parts, unit, whole=whole):
            role = "timing"
        if role is None:
            for part in parts:
                self._spare(part.start, part.end)
        if role not in {"#epochs", "#steps", "#count_of"}:
            before = self._measured if (self._last or "").startswith("#") else ""
            self._measured = told_at(words, before) if role in MEASURED_AT else ""
        self._last = role
        self._gap = ""
        self.reading.numbers += 1
        self._forget()

    def _place(self, words: list[str], parts: tuple[Number, ...], *, whole: bool) -> str | None:
        places = self.reading.places
        name = place_of(words, whole=whole, again=bool({"#epoch", "#progress"} & places.keys()))
        if name is None and self._counts_t(words, whole=whole):
            name = "#count"
        if name is None:
            return None
        if name == "#epoch" and self._is_aside(words):
            self._unnamed.count_on()  # "1920/9600 (epoch 2)"
        split = split_in(" ".join(words))
        if name in {"#inner", "#count"} and split in {"val", "test"} and not measured_at(words):
            name = "#run"
        self._govern(split)
        self._plays = self._plays or words[-1].lower() in PLAYED
        again = name == "#count" in places and not {"#epoch", "#count_of"} & places.keys()
        if again and self.line[parts[-1].end : parts[-1].end + 3].lstrip()[:1] == "/":
            places["#epoch"] = places.pop("#count")  # "iteration: 3 step: 100/1043"
        if name in places and self._unnamed.has_counted and not self.reading.metrics:
            if words[-1].lower() in PLAYED:
                self._unnamed.leave_to_episodes(parts)  # "300/900: episode: 7"
            else:
                self._unnamed.take_count_for_epochs(parts)  # "[1/99] [Step:100]"
        if name in places or (name == "#count" and "#step" in places):
            return None
        if name == "#step" and "#count_of" not in places:
            for part in places.pop("#count", ()):  # the length of an episode, as a rule
                self._spare(part.start, part.end)
        places[name] = parts
        if name == "#count":
            self.reading.plays = words[-1].lower() in PLAYED
        return name

    def _counts_t(self, words: list[str], *, whole: bool) -> bool:
        """Tell whether ``t = 100, loss = 0.5`` begins here: there ``t`` counts the updates."""
        is_later = self.reading.numbers or self.reading.metrics or self.reading.places
        return whole and not is_later and words == ["t"] and "=" in self._gap

    def _is_aside(self, words: list[str]) -> bool:
        """Tell whether the words stand alone in a bracket that opens behind a total."""
        opens = self.line[self._start - 1 : self._start] == "("
        return opens and self._last == "#count_of" and len(words) == 1 and not self.reading.metrics

    def _metric(self, name: str, parts: tuple[Number, ...], *, whole: bool) -> str | None:
        if self._plays and name.lower() in MEANS:
            name = f"{name} score"  # "Episode 100  Avg: 12.5"
        title = canonical(name)
        is_sum = name.lower() == "total" and (
            self._plays or not is_a_loss(self.line, self.reading, whole=whole)
        )
        if is_sum or (title != "loss" and not is_bookkeeping(title) and is_quantity(name)):
            return None
        metrics = self.reading.metrics
        own = split_in(name)
        bare = own is not None and len(self._words) == 1 and split_in("x" + name.lower()) is None
        bare = bare and not is_quality(name) and is_a_split_alone(name)
        if bare and not whole:
            told = told_of_split(name, own, metrics, self._topic)
            if told is not None:
                name = title = told
                bare = False
        is_told = self._bound or self.reading.has_axis or tells_both(self.line)
        if bare and (whole or not is_told):
            return self._count_of_split(own, parts, whole=whole)
        split = own or self._governing
        if is_bookkeeping(title):
            split, own = None, None
        elif own is None and split in {"val", "test"}:
            known = {base_of(m.name) for m in metrics if m.says_split and m.split == split}
            if base_of(name) in known:
                split = None
        elif own is not None and not bare:
            self._govern(own)
        if any(m.name == title and m.split == split for m in metrics):
            return None
        self._first_metric = min(self._first_metric, parts[0].start)
        metrics.append(Metric(title, split, own is not None, parts, whole, self._bound or bare))
        return "metric"

    def _count_of_split(
        self, split: Split | None, parts: tuple[Number, ...], *, whole: bool
    ) -> str | None:
        """Place the number of ``Train 3, loss: 0.5``, ``Train: 3/80 [20/928]``: it is an epoch.

        ``Train 300: loss 0.5`` counts what only other lines tell.
        """
        follows = self.line[parts[-1].end : parts[-1].end + 3].lstrip()
        first = not self.reading.numbers and not self.reading.metrics and not self.reading.places
        place = count_of_split(follows, split)
        if place is None or not whole or not first:
            return None
        self._govern(split)
        self.reading.places[place] = parts
        self._unnamed.counts_splits = place == "#epoch"
        return place

    def _spare(self, start: int, end: int) -> None:
        self.reading.leave_out(self.line, start, end)
