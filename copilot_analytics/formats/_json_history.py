"""Where a JSON document holds the history of a training, however its script arranged it.

Rows in an array; a list a metric; an object for every epoch; the tables of pandas; any of these
under a name, once for the training and once for the evaluation, or once for every fold.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from copilot_analytics.formats._json_home import RARE_COUNTERS, numbers_said
from copilot_analytics.formats._json_rows import number_in
from copilot_analytics.formats._returns import IN_WORDS
from copilot_analytics.formats._splits import split_of
from copilot_analytics.schema import direction_of, names_a_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from copilot_analytics.formats._base import Json

Row: TypeAlias = dict[str, float]

PLACES = frozenset(
    "epoch epochs Epoch epoch_num step steps Step iteration iterations iter global_step round"
    " episode timestep timesteps generation".split()
)
"""Keys that tell where a row stands."""

SPLIT_NAMES = ("train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval")
"""Names of lists of which only the split is told."""

_CONFIGS = ("config", "args", "hyperparameters", "hparams", "params", "training_config", "settings")
_PLANNED = ("epochs", "num_epochs", "n_epochs", "max_epochs", "total_epochs")
_DEEPEST = 4
_ONE_EACH = re.compile(
    r"(?:(?P<unit>epoch|ep|step|iter|iteration)s?[\s_-]?)?(?P<number>\d{1,9})", re.IGNORECASE
)
_SETTING = re.compile(
    r"weight|coef|scale|config|ratio|name|type|fn$|function|lambda", re.IGNORECASE
)
_SEARCHED = frozenset(
    "batch_size lr learning_rate optimizer dropout hidden_size hidden_dim".split()
)
_TITLES = "title name synopsis description url air_date airDate".split()
_SUMS = re.compile(r"^(?:best|final|mean|avg|std|min|max|total|last)_", re.IGNORECASE)
_EPISODES = re.compile(r"episode|reward|return", re.IGNORECASE)
_AGENT = re.compile(r"episode|epsilon|gamma", re.IGNORECASE)
_CUT = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


def histories(document: Any) -> list[list[Row]]:
    """Return the rows of every training of a document; several are those of folds or models.

    Examples
    --------
    >>> histories({"loss": [2.0, 1.0], "val_acc": [0.25, 0.5]})
    [[{'epoch': 1.0, 'loss': 2.0, 'val_acc': 0.25}, {'epoch': 2.0, 'loss': 1.0, 'val_acc': 0.5}]]
    >>> histories({"1": {"loss": 2.0}, "2": {"loss": 1.0}})
    [[{'epoch': 1.0, 'loss': 2.0}, {'epoch': 2.0, 'loss': 1.0}]]
    >>> histories({"lr": 0.1, "layers": [64, 32]})
    []
    """
    return _found_in(document, 0)


def planned_epochs(document: Json) -> int | None:
    """Return the epochs that the settings beside a history plan; None if they name none."""
    for name in _CONFIGS:
        held = document.get(name)
        if isinstance(held, dict):
            for key in _PLANNED:
                planned = held.get(key)
                if isinstance(planned, int) and not isinstance(planned, bool) and planned > 0:
                    return planned
    return None


def as_far_as_it_goes(text: str) -> Any:
    """Return the document that a text begins with, its last complete value being the last.

    Raises
    ------
    ValueError
        If it is no JSON even so far.

    Examples
    --------
    >>> as_far_as_it_goes('{"loss": [2.5, 1.5, 1.2')
    {'loss': [2.5, 1.5]}
    """
    try:
        return json.loads(text)
    except ValueError:
        pass
    open_: list[str] = []
    cut: tuple[int, str] | None = None
    for found in _CUT.finditer(text):
        mark = found[0]
        if mark in "[{":
            open_.append("]" if mark == "[" else "}")
        elif mark in "]}":
            if not open_ or open_.pop() != mark:
                break
            if not open_:
                break
        elif mark == ",":
            cut = found.start(), "".join(reversed(open_))
    if cut is None:
        msg = "no value is complete"
        raise ValueError(msg)
    return json.loads(text[: cut[0]] + cut[1])


def _found_in(node: Any, depth: int) -> list[list[Row]]:
    if depth > _DEEPEST:
        return []
    if isinstance(node, list):
        if node and all(isinstance(entry, dict) for entry in node):
            rows = _rows_of_array(node)
            return (
                [rows] if rows else [run for entry in node for run in _found_in(entry, depth + 1)]
            )
        return []
    if not isinstance(node, dict) or not node:
        return []
    for reading in (_rows_of_frame, _rows_of_lists, _rows_of_objects, _rows_of_splits):
        rows = reading(node)
        if rows:
            return [rows]
    return _of_one_kind([run for held in node.values() for run in _found_in(held, depth + 1)])


def _of_one_kind(runs: list[list[Row]]) -> list[list[Row]]:
    """Return all runs if they log the same, as those of folds do, else the longest."""
    kinds = {frozenset(key for row in run for key in row) for run in runs}
    return runs if len(kinds) < 2 else [max(runs, key=len)]


def _rows_of_array(entries: Sequence[Json]) -> list[Row]:
    """Return the rows of an array of objects, if they are those of a training."""
    rows = [numbers_said(entry, PLACES) for entry in entries]
    named = {key for row in rows for key in row}
    if not named or not any(row.keys() - PLACES for row in rows):
        return []
    placed = [key for key in PLACES & named if sum(key in row for row in rows) > len(rows) / 2]
    moving = [key for key in placed if len(rows) == 1 or len({row.get(key) for row in rows}) > 1]
    if moving and set(moving) <= set(RARE_COUNTERS) and _are_titled(entries):
        return []  # episodes of a series, rounds of a tournament
    if moving:
        return rows if _is_training(named - PLACES, has_place=True) else []
    says_more = any(isinstance(held, str) for entry in entries for held in entry.values())
    if says_more or named & _SEARCHED - {"lr", "learning_rate"} or len(rows) < 2:
        return []
    if not any(names_a_loss(key) for key in named):
        return []
    rows = [{key: number for key, number in row.items() if key not in placed} for row in rows]
    evaluated = any(split_of(key) in {"val", "test"} for key in named)
    return [{"epoch": n, **row} for n, row in enumerate(rows, 1)] if evaluated else rows


def _are_titled(entries: Sequence[Json]) -> bool:
    """Tell whether most entries have a title of their own, which no episode of an agent has."""
    for key in _TITLES:
        titles = [entry[key] for entry in entries if isinstance(entry.get(key), str)]
        if len(entries) > 1 and 2 * len(set(titles)) > len(entries):
            return True
    return False


def _rows_of_frame(node: Json) -> list[Row]:
    """Return the rows of a table as pandas writes it with ``orient="split"``."""
    names, table = node.get("columns"), node.get("data")
    if not isinstance(names, list) or not isinstance(table, list):
        return []
    if not all(isinstance(cells, list) and len(cells) == len(names) for cells in table):
        return []
    return _rows_of_array([dict(zip(map(str, names), cells, strict=True)) for cells in table])


def _rows_of_lists(node: Json) -> list[Row]:
    """Return a row for every place of the longest lists of numbers of an object.

    Lists of training and evaluation may stand in objects of their own.
    """
    lists = dict(_lists_in(node))
    for name, held in node.items():
        if isinstance(held, dict) and split_of(name) is not None:
            lists.update((f"{name}/{key}", numbers) for key, numbers in _lists_in(held))
    if lists and all(map(_is_bare_split, lists.items())) and len(lists) > 1:
        return _rows_of_bare_splits(lists)
    metrics = [key for key in lists if key not in PLACES]
    told = " ".join(_keys_of(node))
    agent = _AGENT.search(told) is not None
    if not _is_training(metrics, has_place=bool(PLACES & lists.keys()), is_of_an_agent=agent):
        return []
    if all(_is_pairs(lists[key]) for key in metrics):
        return _rows_of_pairs({key: lists[key] for key in metrics})
    plain = {key: held for key, held in lists.items() if not _is_pairs(held)}
    lengths = [len(plain[key]) for key in metrics if key in plain and _names_a_metric(key)]
    count = max(lengths, default=0)
    has_place = any(key in PLACES and len(held) == count for key, held in plain.items())
    unit = "step" if any(map(_EPISODES.search, plain)) else "epoch"
    rows: list[Row] = [{} if has_place else {unit: n + 1.0} for n in range(count)]
    for key, held in plain.items():
        if not 0 < len(held) <= count:
            continue
        for place, number in enumerate(held, 1):
            if number is not None:  # of shorter lists, the last one was measured at the end
                rows[place * count // len(held) - 1][key] = number
    return rows


def _keys_of(node: Json) -> Iterator[str]:
    """Yield the keys of an object and of those in it."""
    for key, held in node.items():
        yield key
        if isinstance(held, dict):
            yield from map(str, held)


def _is_bare_split(named: tuple[str, Sequence[Any]]) -> bool:
    """Tell whether a list of fractions has nothing but the name of a split."""
    name, numbers = named
    fractions = [n for n in numbers if isinstance(n, float) and n % 1]
    return name.lower() in SPLIT_NAMES and 2 * len(fractions) > len(numbers)


def _rows_of_bare_splits(lists: Mapping[str, Sequence[float]]) -> list[Row]:
    """Return the rows of lists of which only the split is told, so that they are of one metric."""
    count = len(next(iter(lists.values())))
    if "train" not in map(split_of, lists) or any(len(held) != count for held in lists.values()):
        return []
    return [
        {"epoch": n + 1.0, **{key: held[n] for key, held in lists.items() if held[n] is not None}}
        for n in range(count)
    ]


def _lists_in(node: Json) -> Iterator[tuple[str, list[Any]]]:
    """Yield the lists of numbers of an object, also those that pandas writes as objects."""
    for key, held in node.items():
        content = held
        if isinstance(held, dict) and held and [*held] == [str(n) for n in range(len(held))]:
            content = [*held.values()]
        if not isinstance(content, list) or not content or _SETTING.search(key):
            continue
        numbers = [number_in(entry) for entry in content]
        if all(n is not None or entry is None for n, entry in zip(numbers, content, strict=True)):
            if any(n is not None for n in numbers):
                yield key, numbers
        elif _is_pairs(content):
            yield key, content


def _is_pairs(held: Sequence[Any]) -> bool:
    return all(
        isinstance(pair, list) and len(pair) == 2 and None not in map(number_in, pair)
        for pair in held
    )


def _rows_of_pairs(lists: Mapping[str, Sequence[Sequence[float]]]) -> list[Row]:
    """Return the rows of lists whose every number has its step beside it."""
    rows: dict[float, Row] = {}
    for key, pairs in lists.items():
        for step, number in pairs:
            rows.setdefault(float(step), {"step": float(step)})[key] = float(number)
    return [rows[step] for step in sorted(rows)]


def _rows_of_objects(node: Json) -> list[Row]:
    """Return the rows of an object that holds an object for every epoch or step."""
    found = [_ONE_EACH.fullmatch(key) for key in node]
    if len(node) < 2 or None in found or not all(isinstance(held, dict) for held in node.values()):
        return []
    numbers = [int(match["number"]) for match in found if match]
    units = {(match["unit"] or "epoch").lower() for match in found if match}
    counts = numbers == sorted(set(numbers)) and (
        units != {"epoch"} or numbers[0] <= numbers[1] - numbers[0]
    )
    if len(units) > 1 or not counts:
        return []
    unit = "epoch" if units <= {"epoch", "ep"} else "step"
    entries = [{unit: n, **held} for n, held in zip(numbers, node.values(), strict=True)]
    return _rows_of_array(entries)


def _rows_of_splits(node: Json) -> list[Row]:
    """Return the rows of two arrays of rows, of the training and of the evaluation."""
    merged: list[tuple[float, int, Row]] = []
    splits = set()
    for name, held in node.items():
        split = split_of(name)
        if split is None or not isinstance(held, list) or not held:
            continue
        if not all(isinstance(entry, dict) for entry in held):
            continue
        splits.add(split)
        for row in _rows_of_array([{"split": split, **entry} for entry in held]):
            place = next((row[key] for key in row if key in PLACES), 0.0)
            merged.append((place, len(merged), row))
    return [row for *_, row in sorted(merged)] if len(splits) > 1 else []


def _is_training(
    names: Sequence[str] | set[str], *, has_place: bool, is_of_an_agent: bool = False
) -> bool:
    """Tell whether metrics of these names are those of a training."""
    told = [name for name in names if not _SUMS.search(name)]
    if any(names_a_loss(name) for name in told):
        return True
    if has_place:
        return any(map(_names_a_metric, told))
    splits = {split_of(name) for name in told if direction_of(name)[0] is not None} - {None}
    if any("/" in name and _names_a_metric(name) for name in told):  # lists of a split of their own
        return True
    if any(re.fullmatch("rewards?|returns?", name, re.IGNORECASE) for name in told):
        return is_of_an_agent
    return len(splits) > 1 or any(
        _EPISODES.search(n) and IN_WORDS.search(n.rstrip("s")) for n in told
    )


def _names_a_metric(name: str) -> bool:
    return (
        names_a_loss(name)
        or direction_of(name)[0] is not None
        or split_of(name) is not None
        or IN_WORDS.search(name) is not None
    )
