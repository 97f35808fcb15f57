"""The dicts that the Hugging Face Trainer prints: where their numbers stand, and what they tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.formats._base import LONGEST_LINE, Field
from copilot_analytics.formats._numbers import NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPOCH = re.compile(rf"'epoch': '?(?P<epoch>{NUMBER})'?(?P<tail>[,}}])")
# The Trainer adds the epoch last; only these follow it, some of them in what LLaMA-Factory logs.
_TAIL = re.compile(
    r"^(?:\s*'(?:num_input_tokens_seen|train_tokens_per_second|tokens_per_second"
    r"|global_step/max_steps|percentage|elapsed_time|remaining_time|memory\(GiB\)"
    r"|train_speed\(\w+/\w+\)|step|global_step|reward|accuracy|throughput)': "
    r"(?:'[^']{0,60}'|[^,}']{1,60})[,}])*\s*$"
)
_PAIRS = re.compile(rf"'(?P<key>[^'\\]{{1,100}})': '?(?P<number>{NUMBER})'?(?=[,}}])")
_PLACE = re.compile(r"'global_step/max_steps': '(?P<step>\d{1,12})/(?P<steps>\d{1,12})'")
_OF_THE_TRAINER = re.compile(
    r"'(?:loss|learning_rate|\w{0,30}_?loss|eval_[^']{1,80}|train_runtime|reward)':"
)
_NO_METRIC = re.compile(
    r"(?:^|_)(?:num_tokens|runtime|samples_per_second|steps_per_second|model_preparation_time|jit_compilation"
    r"_time)$|^(?:total_flos|memory\(GiB\)|train_speed\(.{1,20}\)|step)$"
    r"|^(?:num_input_tokens_seen|train_tokens_per_second|tokens_per_second|throughput)$"
)

_LONGEST_DICT = 100  # lines
_WIDEST = 500  # characters of a line of a console

SUMMARY = ("train_runtime", "train_steps_per_second")


def dict_fields(line: str) -> list[Field] | None:
    """Return the numbers of a dict as the Trainer prints it; None if a line holds none."""
    if "transformers.trainer" in line:
        line = line.replace('"', "'")  # its second version wrote JSON
    start = line.find("{'")
    if start < 0 or len(line) > LONGEST_LINE:
        return None
    end = line.find("}", start) + 1
    epoch = _EPOCH.search(line, start, end)
    if epoch is None or not _TAIL.match(line[epoch.end() : end]):
        return None
    if not _OF_THE_TRAINER.search(line, start, end):
        return None
    fields: dict[str, Field] = {}
    for pair in _PAIRS.finditer(line, start, end):
        if pair["key"] in {"step", "global_step"}:
            fields["#step"] = Field("#step", *pair.span("number"))
        elif pair["key"] in SUMMARY or not _NO_METRIC.search(pair["key"]):
            fields[pair["key"]] = Field(pair["key"], *pair.span("number"))
    place = _PLACE.search(line, start, end)
    if place is not None:
        fields["#step"] = Field("#step", *place.span("step"))
        fields["#steps"] = Field("#steps", *place.span("steps"))
    return list(fields.values())


def speed_of(line: str) -> tuple[str, str] | None:
    """Return how long an evaluation took and how many examples it made a second, as printed.

    Those of one set of several are named after it, and none counts for all of them.

    Examples
    --------
    >>> speed_of("{'eval_loss': 1.5, 'eval_runtime': 2.5, 'eval_samples_per_second': 400.0}")
    ('2.5', '400.0')
    """
    pairs = {pair["key"]: pair["number"] for pair in _PAIRS.finditer(line)}
    seconds, per_second = (pairs.get(f"eval_{name}") for name in ("runtime", "samples_per_second"))
    return None if seconds is None or per_second is None else (seconds, per_second)


class WrappedDict:
    """Puts a dict together that a console broke at the blanks between its words.

    Examples
    --------
    >>> wrapped = WrappedDict()
    >>> [wrapped.see(line) for line in ("{'loss': '0.5',", "  'epoch':", "  '0.25'}")]
    [None, None, "{'loss': '0.5', 'epoch': '0.25'}"]
    """

    def __init__(self) -> None:
        self._parts: list[str] = []

    def see(self, line: str) -> str | None:
        """Take a line; return the dict that it completes, if it does."""
        start = line.rfind("{'")
        if start >= 0 and "}" not in line[start:]:
            self._parts = [line[start:].rstrip()]
            return None
        if not self._parts:
            return None
        if start >= 0 or len(self._parts) > _LONGEST_DICT or len(line) > _WIDEST:
            self.forget()
            return None
        self._parts.append(line.strip())
        if "}" not in line:
            return None
        whole = " ".join(self._parts)
        self.forget()
        return whole

    def forget(self) -> None:
        """Take that what began is no dict, or none that goes on."""
        self._parts = []


def kind_of(fields: Sequence[Field]) -> str:
    """Return what a dict tells: ``train``, ``eval`` or, as the summary does, ``end``."""
    names = {field.name for field in fields}
    if "train_runtime" in names:
        return "end"
    return "eval" if any(name.startswith("eval_") for name in names) else "train"


def count_of(text: str) -> int:
    """Return a count of a header; 0 for one that plans endlessly, or has no digits.

    Examples
    --------
    >>> count_of("1,024"), count_of(",")
    (1024, 0)
    """
    number = int(text.replace(",", "") or 0)
    return number if number < 10**12 else 0  # a Trainer that is told steps plans endless epochs
