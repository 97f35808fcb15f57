"""The metric that chooses checkpoints, where a home-made log states it among its settings."""

from __future__ import annotations

import re

from copilot_analytics.formats._home_plan import LONGEST

_WORDS = ("metric", "monitor", "save_best")
_SETTING = re.compile(
    r"""(?xi)
    (?<![\w-]) (?:\w{1,20}\.){0,3} ['"]?
    (?: metric_for_best(?:_model)? | best_(?:checkpoint|model)_metric | save_best(?:_metric)?
        | (?:checkpoint|ckpt|early_stop(?:ping)?|stop(?:ping)?|selection)_(?:metric|monitor)
        | (?:valid(?:ation)?|val|main|primary|monitor)_metric | monitor )
    ['"]? \s{0,20}[:=]\s{0,20} ['"]?
    (?P<name>[A-Za-z][\w@/.-]{1,60}) ['"]? (?=[\s,;)}\]]|$)
    """
)
_NO_NAME = frozenset({"none", "null", "true", "false", "auto", "yes", "no", "off", "on"})


def stated_choice(line: str) -> str | None:
    """Return the name of the metric that a line states checkpoints to be chosen by.

    Examples
    --------
    >>> stated_choice("Namespace(lr=0.1, metric_for_best_model='eval_f1', epochs=9)")
    'eval_f1'
    >>> stated_choice("valid_metric = MRR@10")
    'MRR@10'
    >>> stated_choice("monitor: None"), stated_choice("validation metric 0.81")
    (None, None)
    """
    lower = line[:LONGEST].lower()
    if not any(word in lower for word in _WORDS):
        return None
    names = (found["name"].strip(".-/") for found in _SETTING.finditer(line[:LONGEST]))
    return next((name for name in names if name.lower() not in _NO_NAME), None)
