"""The console of XGBoost: ``[50]	train-logloss:0.5	valid-logloss:0.6``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._boosting import NOT_TRAINING, BoostingFormat, BoostingParser
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._splits import split_of
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.records import Floats, Ints, Item

_PAIRS = re.compile(
    rf"(?P<key>[^\s:]{{1,60}}-[^\s:]{{1,60}}):(?P<number>{NUMBER})(?:\+{NUMBER})?(?=\s|$)"
)
_NUMBERED = re.compile(r"validation_(\d+)-")


class XGBoostParser(BoostingParser):
    """Takes data sets before the last for the training ones where no name tells.

    ``eval_set`` of the scikit-learn interface has numbers for names; the last of the sets stops the
    training, and others before it are, as a rule, what is trained on.
    """

    def row(self, columns: dict[str, Floats], line: int, lines: Ints) -> Iterator[Item]:
        """Turn the numbers of one line into records."""
        sets = {name: name.rsplit("-", 1)[0] for name in columns if "-" in name}
        last = next(reversed(sets.values()), "")
        if any(_tells(name) for name in sets):
            last = ""
        named = {
            f"train/{name}" if last and sets.get(name, last) != last else name: column
            for name, column in columns.items()
        }
        return super().row(named, line, lines)


def _tells(name: str) -> bool:
    """Tell whether the name of a data set says what it is for."""
    if _NUMBERED.match(name):
        return False
    return split_of(name) is not None or NOT_TRAINING.match(name) is None


class XGBoostText(BoostingFormat):
    """A line a tree, with a metric of every data set."""

    name: ClassVar[str] = "xgboost_text"
    title: ClassVar[str] = "XGBoost console log"
    url: ClassVar[str] = "https://xgboost.readthedocs.io/en/stable/python/python_intro.html"
    smoothing: ClassVar[int | None] = 1
    parser_class: ClassVar[type[BoostingParser]] = XGBoostParser
    naming: ClassVar[Naming] = Naming(test_is_val=True, evaluations=NOT_TRAINING)
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"(?:^|\s)\[(?P<step>\d{1,9})\]\s"
                rf"(?P<rest>\s?[^\s:]{{1,60}}-[^\s:]{{1,60}}:{NUMBER}.{{0,4000}})$"
            ),
            _PAIRS,
        ),
        Pattern(
            "config",
            re.compile(r"'(?P<save_best>[^']{1,80})' will be used for early stopping"),
        ),
        Pattern("config", re.compile(r"^Will train until (?P<save_best>\S{1,80}) hasn't improved")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "[0]\tfold-rmse:16.5\toof-rmse:16.75\n[5]\tfold-rmse:11.5\toof-rmse:12.25\n",
            (
                Record("config", facts={"step_unit": "tree"}, line=1),
                Record("train", 0, metrics={"train/fold-rmse": 16.5}, line=1),
                Record("eval", 0, metrics={"oof-rmse": 16.75}, line=1),
                Record("train", 5, metrics={"train/fold-rmse": 11.5}, line=2),
                Record("eval", 5, metrics={"oof-rmse": 12.25}, line=2),
            ),
        ),
        Sample(
            "[0]\ttrain-logloss:0.65\tvalid-logloss:0.675\n"
            "[10]\ttrain-logloss:0.5\tvalid-logloss:0.55\n"
            "Stopping. Best iteration:\n"
            "[0]\ttrain-logloss:0.65\tvalid-logloss:0.675\n",
            (
                Record("config", facts={"step_unit": "tree"}, line=1),
                Record("train", 0, metrics={"train-logloss": 0.65}, line=1),
                Record("eval", 0, metrics={"valid-logloss": 0.675}, facts={"split": "val"}, line=1),
                Record("train", 10, metrics={"train-logloss": 0.5}, line=2),
                Record("eval", 10, metrics={"valid-logloss": 0.55}, line=2),
                Record("end", line=3),
            ),
        ),
        Sample(
            "XGBRegressor(max_depth=3, n_estimators=11)\n"
            "[0]\ttrain-rmse:2.5\n[10]\ttrain-rmse:1.5\n",
            (
                Record("config", facts={"planned_steps": 10}, line=2),
                Record("config", facts={"step_unit": "tree"}, line=2),
                Record("train", 0, metrics={"train-rmse": 2.5}, line=2),
                Record("train", 10, metrics={"train-rmse": 1.5}, line=3),
            ),
        ),
        Sample(
            "[5]\tvalidation_0-rmse:1.5\tvalidation_1-rmse:1.75\n",
            (
                Record("config", facts={"step_unit": "tree"}, line=1),
                Record("train", 5, metrics={"train/validation_0-rmse": 1.5}, line=1),
                Record("eval", 5, metrics={"validation_1-rmse": 1.75}, line=1),
            ),
        ),
    )


FORMAT = XGBoostText()
