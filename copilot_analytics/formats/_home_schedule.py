"""Drops of the learning rate where a log states them among its settings.

Settings are printed as a namespace, a dict, JSON or YAML, on one line or many: what belongs
together may stand far apart. Many scripts print the settings of all their schedules, and the name
of the one that they use: milestones beside the name of another mean nothing.
"""

from __future__ import annotations

import re
from itertools import pairwise

from copilot_analytics.formats._home_plan import LONGEST, stated_plan
from copilot_analytics.schedule import Schedule, Stage, Unit

_MAY_SET = re.compile(
    r"(?i)(?:step|milestone|decay|sched|drop|epoch|iter|update|name|type|cos|_target_|lr_|gamma"
    r"|policy)\w{0,20}['\"]?\s{0,20}[:=]"
)
_MOST_DROPS = 20
_MOST_EPOCHS = 2000  # larger numbers are steps
_KEY = r"""(?<![\w-])(?:\w{1,20}\.){0,3}['"]?(?:(?:lr|learning_rate|scheduler|sched|optim)_){0,2}"""
_IS = r"""['"]?\s{0,20}[:=]\s{0,20}"""
_MILESTONES = r"""(?:milestones? | (?:decay|drop|step)_(?P<epochs>epochs?)
    | (?:decay|drop)_(?:milestones|steps) | (?<=lr_)(?:steps? | epochs? | drop(?:_epochs)?)
    | schedule)"""
_SETTING = re.compile(
    rf"""(?xi) {_KEY} {_MILESTONES} {_IS} ['"]?
    (?:[\[(]\s{{0,5}}(?P<list>\d{{1,9}}(?:,\s{{0,5}}\d{{1,9}}){{0,30}}),?\s{{0,5}}[\])]
        | (?P<bare>\d{{1,9}}(?:,\d{{1,9}}){{1,30}})(?![\w.,])
        | (?P<spaced>\d{{1,9}}(?:,\s\d{{1,9}}){{1,30}})['"]?\s*$)
    """
)
_LIST = re.compile(rf"""(?xi) ^\s{{0,80}} {_KEY} {_MILESTONES} ['"]?\s?[:=]\s?[\[(]?\s*$""")
_STEPS_LIST = re.compile(r"^\s{0,80}STEPS:\s*$")
_STEPS = re.compile(r"^\s{0,80}STEPS: [\[(](?P<list>\d{1,9}(?:, ?\d{1,9}){0,30}),?[\])]\s*$")
_ITEM = re.compile(r"^\s{0,80}(?:- )?(?P<number>\d{1,9}),?\s*$")
_PERIOD = re.compile(
    rf"""(?xi) {_KEY} (?:(?P<sure>(?<=lr_)drop) | (?:(?<=lr_)|(?<![\w]))step_size
    | (?:decay|step)_epochs?) {_IS} (?P<number>\d{{1,9}}) (?![\w.]|,\s?\d)"""
)
_GAMMA = re.compile(
    r"""(?xi)
    (?<![\w-])(?:\w{1,20}\.){0,3}['"]?(?:lr_|scheduler_|sched_)?
    (?:gamma | (?:lr_|learning_rate_)?decay_(?:rate|factor|gamma) | (?<=lr_)(?:decay|factor))
    ['"]?\s{0,20}[:=]\s{0,20}(?P<gamma>0?\.\d{1,6})(?![\w.])
    """
)
_SCHEDULER = r"(?:lr_?|learning_rate_)?(?:scheduler|sched)(?:_(?:name|type|mode|policy))?"
_NAME = re.compile(
    rf"""(?xi)
    (?<![\w-])(?:\w{{1,20}}\.){{0,3}}['"]?
    (?:{_SCHEDULER} | (?:lr|learning_rate)_(?:schedule|policy|mode|type|strategy|decay_\w{{1,10}}))
    {_IS} (?:\{{\s{{0,5}}['"](?:_?name|type|_target_)['"]:\s{{0,5}})?
    ['"]?(?:\w{{1,30}}\.){{0,4}}(?P<name>[a-z]\w{{1,40}})(?![\w.])
    """
)
_NAME_IN = re.compile(
    r"""(?xi)^\s{0,80}['"]?(?:_?name|type|_target_)['"]?:\s{1,5}
    ['"]?(?:\w{1,30}\.){0,4}(?P<name>[a-z]\w{1,40})['"]?,?\s*$"""
)
_OF_A_SCHEDULER = re.compile(rf"""(?i)^\s{{0,80}}['"]?{_SCHEDULER}['"]?:\s{{0,5}}\{{?\s*$""")
_COSINE = re.compile(r"(?i)(?<![\w-])(?:use_)?cos(?:ine)?(?:_lr)?['\"]?\s?[:=]\s?true\b")
_NO_NAMES = frozenset({"none", "null", "true", "false", "lambda", "dict", "self"})


class ScheduleSettings:
    """Gathers the settings of a schedule from the lines above the training.

    Examples
    --------
    >>> settings = ScheduleSettings()
    >>> for line in ("lr_scheduler: multistep", "lr_steps:", "- 30", "- 60", "gamma: 0.5"):
    ...     schedule = settings.see(line)
    >>> str(schedule)
    'drops ×0.5 at epochs 30, 60'
    >>> settings.see("lr_scheduler: cosine")
    Schedule(stages=())
    """

    def __init__(self) -> None:
        self._told = Schedule()
        self.begin()

    def begin(self) -> None:
        """Take that settings that come now are of another launch than those before."""
        self._milestones: list[int] = []
        self._in_epochs = False
        self._period = 0  # steps or epochs between two drops
        self._is_sure = False  # whether such a number is never printed for another schedule
        self._gamma: float | None = None
        self._plan: dict[str, int] = {}
        self._names: set[str] = set()
        self._items: list[int] | None = None  # of a list that goes on
        self._section: int | None = None  # how far the name of a scheduler's section is indented
        self._steps: list[int] = []  # of a solver, which are used by some schedules only

    def see(self, line: str) -> Schedule | None:
        """Take a line; return the schedule if it changed, an empty one if it is none any more."""
        if self._items is None and not _MAY_SET.search(line, 0, LONGEST):
            return None
        self._take(line[:LONGEST])
        schedule = self._schedule()
        if schedule is None or schedule == self._told:
            return None
        self._told = schedule
        return schedule

    def _take(self, line: str) -> None:
        if self._items is not None:
            item = _ITEM.match(line)
            if item is not None and len(self._items) < _MOST_DROPS:
                self._items.append(int(item["number"]))
                return
            self._items = None
        self._take_names(line)
        self._plan |= stated_plan(line)
        self._take_numbers(line)

    def _take_names(self, line: str) -> None:
        self._names |= {found["name"].lower() for found in _NAME.finditer(line)} - _NO_NAMES
        if _COSINE.search(line):
            self._names.add("cosine")
        if _OF_A_SCHEDULER.match(line):
            self._section = _indent(line)
        else:
            self._take_name_in(line)

    def _take_name_in(self, line: str) -> None:
        if self._section is not None and _indent(line) <= self._section:
            self._section = None
        named = _NAME_IN.match(line) if self._section is not None else None
        if named is not None:
            self._names.add(named["name"].lower())

    def _take_numbers(self, line: str) -> None:
        found = _SETTING.search(line)
        if found is not None:
            text = found["list"] or found["bare"] or found["spaced"]
            self._milestones = [int(number) for number in re.findall(r"\d+", text)]
            self._in_epochs = found["epochs"] is not None
        begun, solver = _LIST.match(line), _STEPS.match(line)
        if begun is not None:
            self._milestones = self._items = []
            self._in_epochs = begun["epochs"] is not None
        elif _STEPS_LIST.match(line):
            self._steps = self._items = []
        elif solver is not None:
            self._steps = [int(number) for number in re.findall(r"\d+", solver["list"])]
        period = _PERIOD.search(line)
        if period is not None:
            self._period, self._is_sure = int(period["number"]), period["sure"] is not None
        gamma = _GAMMA.search(line)
        if gamma is not None:
            self._gamma = float(gamma["gamma"])

    def _schedule(self) -> Schedule | None:
        """Return what is stated so far: an empty schedule where drops are of an unused one."""
        if self._names and not self._by_name:
            return Schedule()
        drops = self._drops() if self._items is None else []
        rising = all(before < after for before, after in pairwise(drops))
        gamma = 0.1 if self._gamma is None else self._gamma
        if not drops or not rising or not drops[0] > 0 or len(drops) > _MOST_DROPS or not gamma:
            return None
        milestones = tuple(float(number) for number in drops)
        return Schedule(
            (Stage("multistep", self._unit(drops), milestones=milestones, gamma=gamma),)
        )

    def _drops(self) -> list[int]:
        if self._milestones:
            return self._milestones
        if self._steps and (self._by_name or "planned_steps" in self._plan):
            return self._steps
        planned = self._plan.get("planned_epochs")
        if self._period and planned is not None and (self._by_name or self._is_sure):
            return list(range(self._period, planned, self._period))[: _MOST_DROPS + 1]
        return []

    @property
    def _by_name(self) -> bool:
        return bool(self._names) and all("step" in name for name in self._names)

    def _unit(self, drops: list[int]) -> Unit:
        if self._in_epochs:
            return "epoch"
        in_steps = "planned_steps" in self._plan and "planned_epochs" not in self._plan
        return "step" if in_steps or drops[-1] > _MOST_EPOCHS else "epoch"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def stated_schedule(line: str) -> Schedule | None:
    """Return the step-wise drops of the learning rate that a line states; None if it states none.

    Where the factor of a drop is not beside its milestones, it is 0.1, as in PyTorch.

    Examples
    --------
    >>> str(stated_schedule("Namespace(lr=0.1, milestones=[30, 45], gamma=0.2, epochs=60)"))
    'drops ×0.2 at epochs 30, 45'
    >>> str(stated_schedule("lr_steps: (60000, 80000)"))
    'drops ×0.1 at steps 60000, 80000'
    >>> str(stated_schedule("lr=0.1, lr_scheduler='steplr', lr_step_size=30, epochs=90"))
    'drops ×0.1 at epochs 30, 60'
    >>> stated_schedule("decay_epochs=30"), stated_schedule("schedule: cosine")
    (None, None)
    """
    return ScheduleSettings().see(line)
