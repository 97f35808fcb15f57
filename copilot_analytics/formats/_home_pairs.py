"""Measures that a home-made line prints at once for both parts of the data: ``loss 0.41/0.52``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_readings import Metric
from copilot_analytics.formats._home_vocabulary import is_loss, is_quality, split_in

if TYPE_CHECKING:
    from copilot_analytics.formats._home_readings import Reading
    from copilot_analytics.formats._splits import Split

_TRAIN, _HELD_OUT = "train(?:ing)?", "val(?:id(?:ation)?)?|test|eval|dev"
_BOTH = re.compile(
    rf"(?i)(?<![a-z])(?:(?:{_TRAIN})\s?[/|]\s?(?:{_HELD_OUT})|(?:{_HELD_OUT})\s?[/|]\s?{_TRAIN})"
    r"(?![a-z])[\s_-]?"
)
_BRACKETS = re.compile(r"\s?\(\s?\)")
_FEWEST = 2  # measures with two numbers each, of a line that does not say whose they are


def name_pairs(reading: Reading) -> None:
    """Take ``Train/Val acc: 0.7/0.6`` for the measure of both, and ``loss 0.4/0.5 dice 0.7/0.6``.

    A line that does not call them so must tell a loss and another measure, each of them twice: one
    alone may be followed by its best or its mean.
    """
    pairs = [metric for metric in reading.metrics if metric.pair]
    told = [(metric, both) for metric in pairs if (both := _BOTH.search(metric.name))]
    for metric, both in told:
        metric.name = _BRACKETS.sub("", _BOTH.sub("", metric.name))
        one, other = (split_in(name.strip(" _-")) for name in re.split("[/|]", both[0]))
        _part(reading, metric, one, other)
    measured = [metric for metric in reading.metrics if is_quality(metric.name)]
    if told or len(pairs) < _FEWEST or any(not m.pair or m.split for m in (*measured, *pairs)):
        return
    if any(is_loss(metric.name) for metric in pairs):
        for metric in pairs:
            _part(reading, metric, "train", "val")


def _part(reading: Reading, metric: Metric, one: Split | None, other: Split | None) -> None:
    """Make two measures of one with two numbers."""
    metric.split, metric.says_split = one, True
    twin = Metric(metric.name, other, True, metric.pair, whole=False, bound=metric.bound)
    reading.metrics.append(twin)
    metric.pair = ()
