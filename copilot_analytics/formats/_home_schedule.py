"""Drops of the learning rate where a home-made log states them among its settings."""

from __future__ import annotations

import re
from itertools import pairwise

from copilot_analytics.formats._home_plan import LONGEST
from copilot_analytics.schedule import Schedule, Stage, Unit

_WORDS = ("milestone", "decay", "schedule", "lr_step", "lr_drop", "lr_epoch", "step_epoch")
_MOST_DROPS = 20
_MOST_EPOCHS = 2000  # larger numbers are steps
_SETTING = re.compile(
    r"""(?xi)
    (?<![\w-])(?:\w{1,20}\.){0,3}['"]?
    (?:(?:lr|learning_rate|scheduler|sched|optim)_){0,2}
    (?:milestones? | (?:decay|drop|step)_(?P<epochs>epochs?) | (?:decay|drop)_(?:milestones|steps)
        | (?<=lr_)(?:steps? | epochs? | drop) | schedule)
    ['"]?\s{0,20}[:=]\s{0,20}['"]?
    (?:[\[(]\s{0,5}(?P<list>\d{1,9}(?:,\s{0,5}\d{1,9}){0,30}),?\s{0,5}[\])]
        | (?P<bare>\d{1,9}(?:,\d{1,9}){1,30})(?![\w.,]))
    """
)
_GAMMA = re.compile(
    r"""(?xi)
    (?<![\w-])(?:\w{1,20}\.){0,3}['"]?(?:lr_|scheduler_|sched_)?
    (?:gamma | (?:lr_|learning_rate_)?decay_(?:rate|factor|gamma) | (?<=lr_)(?:decay|factor))
    ['"]?\s{0,20}[:=]\s{0,20}(?P<gamma>0?\.\d{1,6})(?![\w.])
    """
)


def stated_schedule(line: str) -> Schedule | None:
    """Return the step-wise drops of the learning rate that a line states; None if it states none.

    Where the factor of a drop is not beside its milestones, it is 0.1, as in PyTorch.

    Examples
    --------
    >>> str(stated_schedule("Namespace(lr=0.1, milestones=[30, 45], gamma=0.2, epochs=60)"))
    'drops ×0.2 at epochs 30, 45'
    >>> str(stated_schedule("lr_steps: (60000, 80000)"))
    'drops ×0.1 at steps 60000, 80000'
    >>> stated_schedule("decay_epochs=30"), stated_schedule("schedule: cosine")
    (None, None)
    """
    line = line[:LONGEST]
    lower = line.lower()
    if not any(word in lower for word in _WORDS):
        return None
    found = _SETTING.search(line)
    if found is None:
        return None
    milestones = [int(text) for text in re.findall(r"\d+", found["list"] or found["bare"])]
    rising = all(before < after for before, after in pairwise(milestones))
    if not rising or not milestones[0] > 0 or len(milestones) > _MOST_DROPS:
        return None
    in_epochs = found["epochs"] is not None or milestones[-1] <= _MOST_EPOCHS
    unit: Unit = "epoch" if in_epochs else "step"
    said = _GAMMA.search(line)
    gamma = float(said["gamma"]) if said is not None else 0.1
    drops = tuple(float(number) for number in milestones)
    return Schedule((Stage("multistep", unit, milestones=drops, gamma=gamma),)) if gamma else None
