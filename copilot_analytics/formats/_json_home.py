"""Rows of JSON that scripts of people's own write: what wraps them, and which split they name.

`plain_jsonl` reads such rows line by line, `plain_json` finds them in a document.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.formats._clock_texts import seconds_of_stamp
from copilot_analytics.formats._json_rows import flattened
from copilot_analytics.formats._numbers import is_number
from copilot_analytics.formats._splits import split_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.formats._base import Json
    from copilot_analytics.records import Floats

RARE_COUNTERS = ("timestep", "timesteps", "round", "episode", "episodes", "generation")
"""Keys that count steps where nothing else does, in the order of preference."""

STAMPED = (
    "timestamp", "time", "ts", "datetime", "date", "time_stamp", "_timestamp", "unix_time",
    "wall_time", "asctime", "created_at", "logged_at",
)  # fmt: skip
"""Keys of when a row was written, in the order of preference."""

_SINCE_1970_S = 1e9  # no training took as many seconds
_WRAPPERS = ("metrics", "data", "values", "scalars", "logs", "payload", "stats", "results")
_SETTINGS = frozenset("config args hparams hyperparameters params settings".split())
_SPLIT_KEYS = ("split", "phase", "mode", "stage", "set", "subset", "type", "event", "kind", "tag")
_TENSOR = re.compile(r"(?:tensor|array|float|np\.float\d\d)\(\[?\s?([^\s,\])]{1,40})[^()]{0,80}\)")


def unwrapped(statement: Json) -> Json:
    """Return a row with what it holds under a word such as ``metrics`` at its top.

    Examples
    --------
    >>> unwrapped({"step": 5, "metrics": {"loss": 0.5}})
    {'step': 5, 'loss': 0.5}
    """
    for wrapper in _WRAPPERS:
        held = statement.get(wrapper)
        if isinstance(held, dict):
            rest = {key: content for key, content in statement.items() if key != wrapper}
            return {**rest, **{key: held[key] for key in held if key not in rest}}
    return statement


def is_wrapped(statement: Json) -> bool:
    """Tell whether `unwrapped` would return another row."""
    return any(isinstance(statement.get(wrapper), dict) for wrapper in _WRAPPERS)


def split_said(statement: Json) -> str | None:
    """Return the split of an evaluation that a row names beside its metrics; None if none.

    Examples
    --------
    >>> split_said({"phase": "valid", "loss": 0.5}), split_said({"phase": "train", "loss": 0.5})
    ('val', None)
    """
    for key in _SPLIT_KEYS:
        said = statement.get(key)
        if isinstance(said, str) and len(said) < 40:
            split = split_of(said)
            if split is not None:
                return None if split == "train" else split
    return None


def numbers_said(statement: Json, places: frozenset[str]) -> dict[str, float]:
    """Return the numbers of a row by path; results of an evaluation say so by their names.

    Parameters
    ----------
    statement
        The row.
    places
        Keys that tell where the row stands, or when.

    Examples
    --------
    >>> row = {"epoch": 2, "split": "val", "loss": 0.5, "acc": "tensor(0.25)"}
    >>> numbers_said(row, frozenset({"epoch"}))
    {'epoch': 2.0, 'val/loss': 0.5, 'val/acc': 0.25}
    """
    row = {key: held for key, held in unwrapped(statement).items() if key not in _SETTINGS}
    numbers = flattened(_plain(row), texts=True)
    for key in STAMPED:
        said = row.get(key)
        stamp = seconds_of_stamp(said) if isinstance(said, str) else None
        if stamp is not None:
            numbers[key] = stamp
    split = split_said(row)
    if split is None:
        return numbers
    return {
        key if key in places or split_of(key) else f"{split}/{key}": number
        for key, number in numbers.items()
    }


def by_rare_counter(columns: Mapping[str, Floats], counters: frozenset[str]) -> dict[str, Floats]:
    """Return columns whose steps are counted by one of `RARE_COUNTERS` if by none of `counters`.

    Examples
    --------
    >>> by_rare_counter({"episode": [7.0], "reward": [0.5]}, frozenset({"step"}))
    {'reward': [0.5], '#step': [7.0]}

    What an episode tells of its steps is how many it had.

    >>> by_rare_counter({"episode": [7.0], "reward": [0.5], "steps": [90]}, frozenset({"steps"}))
    {'reward': [0.5], '#step': [7.0]}
    """
    names = list(columns)
    if "episode" in columns and "steps" in names[names.index("episode") :]:
        columns = {key: column for key, column in columns.items() if key != "steps"}
    kept = {key: column for key, column in columns.items() if key not in RARE_COUNTERS}
    rare = next((key for key in RARE_COUNTERS if key in columns), None)
    if rare is not None and not counters & columns.keys():
        kept["#step"] = columns[rare]
    return kept


class Rounds:
    """Places rows by their round where each round counts its epochs anew, as federated ones do.

    Further epochs of a round come after it, whatever the next round is called.

    Examples
    --------
    >>> rows = {"round": [1.0, 2.0, 3.0], "epoch": [1.0, 1.0, 1.0], "loss": [4.0, 2.0, 1.0]}
    >>> Rounds().placed(rows, frozenset({"step"}), frozenset({"epoch"}))
    {'loss': [4.0, 2.0, 1.0], '#step': array([1., 2., 3.])}
    """

    def __init__(self) -> None:
        self._last = (-1.0, 0.0)  # round and epoch
        self._step = -1.0

    def placed(
        self, columns: Mapping[str, Floats], steps: frozenset[str], epochs: frozenset[str]
    ) -> Mapping[str, Floats]:
        """Return columns with a step if they count rounds, epochs in them and no steps."""
        epoch = next((key for key in columns if key in epochs), None)
        if epoch is None or "round" not in columns or steps & columns.keys():
            return columns
        rows = zip(columns["round"], columns[epoch], strict=True)
        counted = [self._step_of((float(number), float(within))) for number, within in rows]
        kept = {key: column for key, column in columns.items() if key not in {"round", epoch}}
        return {**kept, "#step": np.array(counted)}

    def _step_of(self, place: tuple[float, float]) -> float:
        if place == self._last:  # the evaluation of the row before
            return self._step
        if place[0] < self._last[0]:
            self._step = place[0]  # another run begins
        elif math.isfinite(place[0]):
            self._step = max(place[0], self._step + 1)
        else:
            self._step += 1
        self._last = place
        return self._step


class Stamps:
    """Tells from the first number of a key such as ``time`` whether it counts from 1970.

    Examples
    --------
    >>> columns = {"ts": [1704067200.0], "loss": [0.5]}
    >>> Stamps().named(columns)
    {'loss': [0.5], '#time_s': [1704067200.0]}
    """

    def __init__(self) -> None:
        self._counts_from_1970: dict[str, bool] = {}

    def named(self, columns: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return columns with the time of the rows called so."""
        named = dict(columns)
        for key in STAMPED:
            if key in columns:
                first = bool(columns[key][0] >= _SINCE_1970_S)
                if self._counts_from_1970.setdefault(key, first):
                    named.setdefault("#time_s", named.pop(key))
        return named


def holds_tensor(held: Any) -> bool:
    """Tell whether a value is a tensor of one number, as text or as a list.

    Examples
    --------
    >>> holds_tensor("tensor(0.5, device='cuda:0')"), holds_tensor([0.5]), holds_tensor("0.5")
    (True, True, False)
    """
    if isinstance(held, str):
        return len(held) < 200 and _TENSOR.fullmatch(held) is not None
    return isinstance(held, list) and len(held) == 1 and is_number(held[0])


def _plain(row: Json) -> Json:
    """Return a row whose tensors of one number are numbers."""
    plain: dict[str, Any] = {}
    for key, held in row.items():
        tensor = _TENSOR.fullmatch(held) if isinstance(held, str) and holds_tensor(held) else None
        plain[key] = tensor[1] if tensor else held[0] if holds_tensor(held) else held
    return plain
