"""The numbers of a line of a home-made log as fields and columns, and what makes it a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._base import Field
from copilot_analytics.formats._home_vocabulary import is_bookkeeping, is_loss
from copilot_analytics.formats._splits import split_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from copilot_analytics.formats._home_readings import Metric, Number, Reading
    from copilot_analytics.records import Floats, Ints

AXIS = frozenset({"#epoch", "#progress", "#count", "#step"})
"""Places, one of which a line names that says by itself where training stands."""

_MOST_NAME_BLANKS = 5
_OF_A_BATCH = re.compile(r"(?i)(?<![a-z])(?:mini)?-?batch(?![a-z])")
_STEP_PLACES = frozenset({"#step", "#steps", "#count", "#count_of"})
_MOST_PLACE_WORDS = 4
_LONGEST_PLACE = 80
_PLAYED = re.compile(r"(?i)(?<![a-z])(?:episode|game)\W{0,3}\d")
_AMOUNT = re.compile(r"(?i)^\W*(?:steps|frames|timesteps)(?:\s(?:taken|survived|played))?\W*\d")
_AFTER_PLACE = re.compile(
    r"(?:st|nd|rd|th)?[^\w.]*(?:(?:steps?|iterations?|iters?)\b)?[^\w.]*(?:\([^()]{0,40}\)\W*)?$",
    re.IGNORECASE,
)


def is_row(reading: Reading) -> bool:
    """Tell whether a line measures the training and says where it is."""
    if not reading.has_axis or reading.is_remark or reading.is_other_rank:
        return False
    if "#run" in reading.places or not is_terse(reading) or _are_settings(reading):
        return False
    return any(m.split in {None, "train"} and not is_bookkeeping(m.name) for m in reading.metrics)


def _are_settings(reading: Reading) -> bool:
    """Tell whether a line is ``lr=0.01, clip=5.0, iterations=900``: it ends where rows begin."""
    place = reading.places.get("#count")
    if place is None or len(reading.places) > 1 or not reading.metrics or reading.qualities:
        return False
    return place[0].start > max(metric.parts[-1].end for metric in reading.metrics)


def is_terse(reading: Reading) -> bool:
    """Tell whether a line is numbers rather than prose."""
    return reading.words <= 8 + 3 * reading.numbers


def are_measures(metrics: Sequence[Metric]) -> bool:
    """Tell whether numbers without an axis are measured ones: settings are round."""
    return any(
        not metric.whole and metric.name.count(" ") < _MOST_NAME_BLANKS for metric in metrics
    )


def is_of_training(metrics: Sequence[Metric]) -> bool:
    """Tell whether measures without an axis are those of the training."""
    return any(
        is_loss(metric.name) or metric.split == "train" or _OF_A_BATCH.search(metric.name)
        for metric in metrics
    )


def is_place(line: str, reading: Reading) -> bool:
    """Tell whether a line says nothing but at which step the lines below it are.

    ``Step 3: prepare the data`` does not: there are words after the number.
    """
    places = [parts for name, parts in reading.places.items() if name in _STEP_PLACES]
    if not places or reading.metrics or reading.words > _MOST_PLACE_WORDS or reading.is_remark:
        return False
    end = max(part.end for parts in places for part in parts)
    message = line[reading.stamp.message :]
    return len(message) <= _LONGEST_PLACE and _AFTER_PLACE.match(line, end) is not None


def is_played(line: str) -> bool:
    """Tell whether a line that names a place names an episode.

    Examples
    --------
    >>> is_played("--- Episode 3 ---"), is_played("Step 3")
    (True, False)
    """
    return _PLAYED.search(line) is not None


def is_amount(line: str) -> bool:
    """Tell whether a line that seems to name a place tells how many steps something took.

    Examples
    --------
    >>> is_amount("  Steps: 98"), is_amount("Step: 98"), is_amount("Total steps: 980")
    (True, False, False)
    """
    return _AMOUNT.match(line) is not None


def fields_of(reading: Reading) -> list[Field]:
    """Return the numbers of a line, and the digits that mean nothing."""
    fields = []
    for place, parts in reading.places.items():
        name = "#played" if place == "#count" and reading.plays else place
        fields += [Field(_scaled(name, part), part.start, part.end) for part in parts]
    taken = set()
    for metric in reading.metrics:
        is_told = metric.split in {None, "train"} or split_of(metric.name) == metric.split
        name = metric.name if is_told else f"{metric.split} {metric.name}"
        if name not in taken:
            taken.add(name)
            fields += [Field(_scaled(name, part), part.start, part.end) for part in metric.parts]
    spare = enumerate(sorted(reading.spare))
    return fields + [Field(f"#n.{place}", *span) for place, span in spare]


def _scaled(name: str, part: Number) -> str:
    return name if part.factor == 1 else f"{name}*{part.factor:g}"


def joined(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return columns with the parts of numbers put together, without digits that mean nothing.

    What counts episodes is there twice, as ``#played`` too.
    """
    together: dict[str, Floats] = {}
    for name, column in columns.items():
        if name.startswith("#n."):
            continue
        title, star, factor = name.partition("*")
        part = column * float(factor) if star else column
        together[title] = together[title] + part if title in together else part
    if "#played" in together:
        together["#count"] = together["#played"]
    return together


def columns_of(line: str, reading: Reading) -> dict[str, Floats]:
    """Return the numbers of one line as columns of one row."""
    fields = [*reading.stamp.fields, *fields_of(reading)]
    return joined({f.name: np.array([float(line[f.start : f.end])]) for f in fields})


def numbers_of(line: str, places: Mapping[str, tuple[Number, ...]]) -> dict[str, float]:
    """Return the places of a line as numbers."""
    return {name: number_of(line, parts) for name, parts in places.items()}


def number_of(line: str, parts: Sequence[Number]) -> float:
    """Return a number that is printed in parts."""
    return sum(float(line[p.start : p.end]) * p.factor for p in parts[1:]) + (
        float(line[parts[0].start : parts[0].end]) * parts[0].factor
    )


def together(
    first: tuple[dict[str, Floats], Ints], second: tuple[dict[str, Floats], Ints]
) -> tuple[dict[str, Floats], Ints]:
    """Return the columns and lines of two runs of rows as those of one."""
    names = first[0].keys() & second[0].keys()
    joined = {n: np.concatenate((first[0][n], second[0][n])) for n in first[0] if n in names}
    return joined, np.concatenate((first[1], second[1]))


def renamed(columns: dict[str, Floats], kind: str) -> dict[str, Floats]:
    """Return columns whose counter is told to be of the epoch or of the training."""
    names = {"#count": f"#{kind}", "#count_of": "#steps" if kind == "step" else "#inner_of"}
    return {names.get(name, name): column for name, column in columns.items()}


def parted(
    columns: Mapping[str, Floats], judged: Sequence[str]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return the first row, whose `judged` measures are those of a validation, and the rest."""
    first = {f"val {n}" if n in judged else n: column[:1] for n, column in columns.items()}
    return first, {name: column[1:] for name, column in columns.items()}
