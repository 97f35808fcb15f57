"""Text logs whose lines can be declared: a pattern for every kind of line, and names for keys.

A pattern finds a line by its shape. Named groups that are places (``step``, ``epoch``,
``inner_of``, see `copilot_analytics.formats._axis`) say where training stands; any other group is
a metric of that name; in the group ``rest``, numbers with names are found by `Pattern.pairs`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from copilot_analytics.formats._axis import PLACES, Axis
from copilot_analytics.formats._base import (
    LONGEST_LINE,
    Field,
    LineParser,
    LogFormat,
    judges_each_line,
)
from copilot_analytics.formats._home_line_kinds import may_say_the_end, says_the_end
from copilot_analytics.formats._home_plan import stated_plan
from copilot_analytics.formats._home_schedule import ScheduleSettings
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.schema import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.formats._splits import Split
    from copilot_analytics.records import Floats, Ints, Item, Kind, Record

StatementKind: TypeAlias = Literal[
    "train", "eval", "config", "epoch", "checkpoint", "resume", "end"
]

_TEXT_FACTS = frozenset(
    {"name", "framework", "path", "checkpoint", "save_best", "work_dir", "reason", "optimizer"}
)
_TOOK = re.compile(r"(?i)\btotal train(?:ing)? time\b")
_SCALE = {"k": 1e3, "K": 1e3, "M": 1e6}
_OTHER_KINDS: tuple[StatementKind, ...] = ("eval", "epoch", "config", "checkpoint", "resume", "end")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of line.

    Parameters
    ----------
    kind
        What such a line says. ``train`` lines may carry evaluation metrics too, told by their
        names; ``epoch`` says in which epoch the next lines are; groups of ``config``,
        ``checkpoint``, ``resume`` and ``end`` are facts of the schema.
    regex
        Searched for in the line; numbers of training and of results only after its time stamp.
    pairs
        Finds ``key`` and ``number`` in the group ``rest``; None looks for none.
    split
        Where the metrics of an ``eval`` line were measured if their names do not tell.
    facts
        Facts that such a line states beside its groups.
    prefix
        Put before the keys of `pairs`, where other lines call something else by the same key.
    """

    kind: StatementKind
    regex: re.Pattern[str]
    pairs: re.Pattern[str] | None = None
    split: Split = "val"
    facts: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""


class StatementParser(LineParser):
    """Reads a log by the patterns of its format."""

    def __init__(
        self,
        patterns: tuple[Pattern, ...],
        rows: RowReader,
        naming: Naming,
        *,
        reads_settings: bool = False,
    ) -> None:
        self._patterns = patterns
        self._naming = naming
        self._rows = rows
        self._reads_plan = reads_settings
        self._schedule = ScheduleSettings()

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a training line stand."""
        return self._match(line, ("train",))[1]

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of training lines into blocks, and evaluations beside them."""
        self._reads_plan = False
        self._schedule.begin()
        return self._rows.rows(columns, lines)

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any other line."""
        pattern, fields, found = self._match(line, _OTHER_KINDS)
        if pattern is None or found is None:
            return [*self._settings(line, number), *self._end(line, number)]
        numbers = {field.name: float(line[field.start : field.end]) for field in fields or ()}
        if pattern.kind == "eval":
            return list(self._rows.evaluation(numbers, number, pattern.split))
        said = self._statement(pattern, found, self._rows.time_of(numbers), number)
        settings = self._settings(line, number) if pattern.kind == "config" else ()
        return [*said, *settings]

    def close(self) -> Iterable[Record]:
        """Say what the lines showed of the length of an epoch."""
        return list(self._rows.learned())

    def _settings(self, line: str, number: int) -> Iterator[Record]:
        facts: dict[str, Any] = dict(stated_plan(line)) if self._reads_plan else {}
        schedule = self._schedule.see(line)
        if schedule is not None:
            facts["schedule"] = schedule
        yield from self._rows.config(facts, number)

    def _end(self, line: str, number: int) -> Iterator[Record]:
        """Take that the training is over where a script around the trainer says so in words."""
        if not self._rows.axis.last_step or len(line) > LONGEST_LINE or not may_say_the_end(line):
            return
        message = line[find_stamp(line).message :]
        # How long it took is said of a training that failed as well.
        if says_the_end(message) and not _TOOK.search(message):
            yield self._rows.record("end", number, facts={"reason": message.strip()})

    def _match(
        self, line: str, kinds: Sequence[StatementKind]
    ) -> tuple[Pattern | None, list[Field] | None, re.Match[str] | None]:
        if len(line) > LONGEST_LINE:
            return None, None, None
        stamp = None
        for pattern in self._patterns:
            if pattern.kind not in kinds:
                continue
            found = pattern.regex.search(line)
            if found is None:
                continue
            stamp = find_stamp(line) if stamp is None else stamp
            has_numbers = pattern.kind in {"train", "eval"}
            if has_numbers and found.start() < stamp.message:
                found = pattern.regex.search(line, stamp.message)
                if found is None:
                    continue
            if not has_numbers:
                return pattern, list(stamp.fields), found
            fields = self._numbers(pattern, found, line)
            if any(field.name[0] != "#" for field in fields):
                return pattern, [*stamp.fields, *fields], found
        return None, None, None

    def _numbers(self, pattern: Pattern, found: re.Match[str], line: str) -> list[Field]:
        fields: dict[str, Field] = {}
        for group, text in found.groupdict().items():
            if text is None or group == "rest":
                continue
            name = f"#{group}" if f"#{group}" in PLACES or group.startswith("eta_") else group
            fields[name] = Field(name, *found.span(group))
        if pattern.pairs is not None and found.groupdict().get("rest") is not None:
            for pair in pattern.pairs.finditer(line, *found.span("rest")):
                key = pattern.prefix + pair["key"].strip()
                if self._naming.of(key) is not None:
                    fields.setdefault(key, Field(key, *pair.span("number")))
        return list(fields.values())

    def _statement(
        self, pattern: Pattern, found: re.Match[str], time: float | None, number: int
    ) -> Iterator[Record]:
        said = {key: text for key, text in found.groupdict().items() if text is not None}
        if pattern.kind == "epoch":
            total = float(said["epochs"]) if "epochs" in said else None
            self._rows.axis.enter(float(said["epoch"]), total)
            yield from self._rows.plan(number, time)
            return
        facts = {**{key: _fact(key, text) for key, text in said.items()}, **pattern.facts}
        if pattern.kind == "config":
            self._rows.axis.per_epoch = facts.get("steps_per_epoch", self._rows.axis.per_epoch)
            yield from self._rows.config(facts, number, time)
            return
        kind: Kind = pattern.kind
        step, epoch = facts.get("step"), facts.get("epoch")
        facts = {name: fact for name, fact in facts.items() if name in FACTS[kind]}
        yield self._rows.record(kind, number, time, step, epoch, facts=facts)


class StatementFormat(LogFormat):
    """A text format that is declared by patterns.

    Attributes
    ----------
    patterns : tuple of Pattern
        In the order in which they are tried.
    naming : Naming
        What keys and groups are called.
    reads_settings : bool
        Whether the plan may stand among the settings that a script of one's own dumps above its
        rows; drops of the learning rate may do so in any log.
    """

    patterns: ClassVar[tuple[Pattern, ...]]
    naming: ClassVar[Naming] = Naming()
    reads_settings: ClassVar[bool] = False

    def axis(self) -> Axis:
        """Return the axis of a log of this format, before its first line."""
        return Axis()

    def parser(self, file: str) -> StatementParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        reads = self.reads_settings
        return StatementParser(self.patterns, rows, self.naming, reads_settings=reads)

    @judges_each_line
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a training line settles it."""
        parser = self.parser("")
        return 1.0 if any(parser.fields(line) for line in lines) else 0.0


def _fact(name: str, text: str) -> Any:
    """Return the text of a fact as the schema has it: a number where it is one."""
    if name in _TEXT_FACTS:
        return text.strip()
    plain = text.strip().replace(",", "")
    number = float(plain.rstrip("kKM")) * _SCALE.get(plain[-1:], 1.0)
    return int(number) if number == int(number) else number
