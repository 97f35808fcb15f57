"""Text logs that people print by hand: the reader learns the lines of the log before it."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._home_bare_splits import names_the_training, tells_both
from copilot_analytics.formats._home_evidence import Courses, Evidence
from copilot_analytics.formats._home_line_kinds import MEMBER
from copilot_analytics.formats._home_parser import HomeTextParser
from copilot_analytics.formats._home_vocabulary import (
    is_bookkeeping,
    is_decisive,
    is_loss,
    is_quality,
    is_quantity,
    parts_of,
    split_in,
)
from copilot_analytics.records import Record
from copilot_analytics.schema import names_a_private_loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from copilot_analytics.records import Block, Item

_OF_AGENTS = (
    "episod",
    "reward",
    "ep_ret",
    "ep_rew",
    "win_rate",
)  # which only the training of agents counts or earns
_OF_EPOCHS = ("cost", "train")  # which is told of a training where it is told of epochs
_COST_AFTER = re.compile(r"(?i)\W*cost after (?:iteration|epoch)\b")  # as courses teach it
_OF_AN_ERROR = frozenset(
    "reconstruction recon squared quadratic training train mean avg average total".split()
)
_FEWEST_ROWS = 4
_FEWEST_UNPLACED = 10  # rows of a log in which nothing says where training stands
_FEWEST_RESULTS = 5  # evaluations at different epochs, of a log that tells nothing else
_FEWEST_UNKNOWN = 10  # rows that count epochs and iterations, of measures with unknown names


class HomeText(LogFormat):
    """``Epoch 3/60 | train loss: 0.31 | val acc: 91.2%`` and whatever else people print."""

    name: ClassVar[str] = "home_text"
    title: ClassVar[str] = "log that a script prints by hand"
    url: ClassVar[str] = "https://docs.python.org/3/library/functions.html#print"
    smoothing: ClassVar[int | None] = None
    is_fallback: ClassVar[bool] = True
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Namespace(epochs=3, lr=0.01)
Epoch 1/3 | Train Loss: 1.50 | Val Loss: 1.40, Acc: 51.5% <- best
Epoch 2/3 | Train Loss: 1.25 | Val Loss: 1.30, Acc: 60.0% <- best
""",
            (
                Record("config", facts={"planned_epochs": 3}, line=1),
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"Train Loss": 1.5}, line=2),
                Record("eval", 1, 1.0, metrics={"Val Loss": 1.4, "val Acc": 51.5}, line=2),
                Record("train", 2, 2.0, metrics={"Train Loss": 1.25}, line=3),
                Record("eval", 2, 2.0, metrics={"Val Loss": 1.3, "val Acc": 60.0}, line=3),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: several training points of one kind, further and further on."""
        parser = HomeTextParser("")
        kinds: dict[tuple[str, ...], Evidence] = {}
        results: dict[tuple[str, ...], Evidence] = {}
        unknown, splits, private = Evidence(), Evidence(), Evidence()
        courses: dict[tuple[str, ...], Courses] = {}
        plays = False  # whether an agent learns
        rounds = False  # whether a server counts rounds of what its clients learn
        for number, line in enumerate(lines, 1):
            if line.lstrip()[:2] in {'{"', "[{"} or MEMBER.match(line):
                continue
            plays = plays or any(word in line.lower() for word in _OF_AGENTS)
            rounds = rounds or "round" in line.lower()
            for item in _said(parser, line, number):
                if isinstance(item, Record):
                    if item.kind == "eval" and plays:
                        kinds.setdefault(("", *item.metrics), Evidence()).add_result(item)
                    elif item.kind == "eval" and any(map(_is_result, item.metrics)):
                        results.setdefault(tuple(item.metrics), Evidence()).add_result(item)
                    continue
                names = tuple(name for name in item.metrics if _is_telling(name, item, plays=plays))
                if _COST_AFTER.match(line):
                    names = tuple(item.metrics)
                if names == ("loss",) and _is_a_mere_total(item, line):
                    continue
                if names:
                    kinds.setdefault(names, Evidence()).add(item)
                if not names and _is_of_a_training_alone(item):
                    course = courses.setdefault(tuple(item.metrics), Courses())
                    if course.add(item) and course.falls(_FEWEST_UNKNOWN):
                        return 0.97
                if _is_private(item):
                    private.add(item)
                if any(map(names_the_training, item.metrics)) and tells_both(line):
                    splits.add(item)
                elif not names and len(item.metrics) > 1 and parser.counts_inner:
                    unknown.add(item)
            fewest = _FEWEST_ROWS if parser.says_where else _FEWEST_UNPLACED
            told = any(kind.is_a_training(fewest) for kind in kinds.values())
            told = told or any(
                kind.is_of_epochs(_FEWEST_RESULTS, rounds=rounds)
                for kind in chain(results.values(), kinds.values())
            )
            told = told or (
                parser.says_where
                and (splits.is_a_change(_FEWEST_ROWS) or private.is_a_change(_FEWEST_ROWS))
            )
            if told or unknown.is_a_training(_FEWEST_UNKNOWN):
                return 0.97
        if parser.says_where and any(kind.is_a_training(2) for kind in kinds.values()):
            return 0.6
        if parser.says_where and results and any(map(_tells_of_training, kinds)):
            return 0.6  # the only epoch of both parts of the data
        if "planned_epochs" in parser.facts:
            return 0.6 if kinds else 0.0
        steps = parser.facts.get("steps_per_epoch")
        # A lone bar at its end may be one of an evaluation.
        goes_on = any(kind.steps != {steps} for kind in kinds.values())
        return 0.6 if steps and goes_on else 0.0

    def parser(self, file: str) -> HomeTextParser:
        """Return a fresh parser for a log."""
        return HomeTextParser(file)


def _is_result(name: str) -> bool:
    """Tell whether a result speaks of a training: of a split, if its measure is not known."""
    return is_decisive(name) or (split_in(name) is not None and not is_quantity(name))


def _tells_of_training(names: Iterable[str]) -> bool:
    """Tell whether a loss is called that of the training."""
    return any(is_loss(name) and split_in(name) == "train" for name in names)


def _is_telling(name: str, item: Block, *, plays: bool) -> bool:
    """Tell whether only a training measures what rows tell under a name.

    What is whole in every row may be counted: servers and games count errors and hits as well.
    """
    knows_epochs = not np.isnan(item.epoch[0])
    of_epochs = name.lower() in _OF_EPOCHS or bool(
        "error" in name.lower() and parts_of(name) & _OF_AN_ERROR
    )
    if (plays and is_quality(name)) or (knows_epochs and of_epochs):
        return True
    values = item.metrics[name]
    counted = not is_loss(name) and bool((values == np.round(values)).all())
    is_told = is_decisive(name) or (knows_epochs and names_a_private_loss(name))
    return is_told and not counted


def _is_a_mere_total(item: Block, line: str) -> bool:
    """Tell whether steps sum up something that nothing calls a loss: simulations do so, too."""
    if "loss" in line.lower() or not np.isnan(item.epoch).any():
        return False
    return not any(is_quality(n) or names_a_private_loss(n) for n in item.metrics if n != "loss")


def _is_of_a_training_alone(item: Block) -> bool:
    """Tell whether rows of unknown measures name epochs, or tell what steers a training."""
    has_unknown = any(not is_bookkeeping(name) for name in item.metrics)
    steers = any(is_bookkeeping(name) for name in item.metrics)
    return has_unknown and (steers or not np.isnan(item.epoch).any())


def _is_private(item: Block) -> bool:
    """Tell whether rows of steps measure two parts of a loss, or one beside what steers it."""
    names = [name for name in item.metrics if names_a_private_loss(name)]
    steers = any(is_bookkeeping(name) for name in item.metrics)
    return len(names) + steers > 1 and bool(names)


def _said(parser: HomeTextParser, line: str, number: int) -> Iterable[Item]:
    fields = parser.fields(line)
    if not fields:
        return parser.parse(line, number) if line and not line.isspace() else ()
    columns = {f.name: np.array([float(line[f.start : f.end])]) for f in fields}
    return parser.block(columns, np.array([number]))


FORMAT = HomeText()
