"""The console of LightGBM: ``[50]	training's auc: 0.9	valid_1's auc: 0.8``."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._boosting import NOT_TRAINING, BoostingFormat
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

_PAIRS = re.compile(
    rf"(?P<key>[^\t:,]{{1,100}}?)\s?:\s?(?P<number>{NUMBER})(?:\s\+\s{NUMBER})?(?=\s|$)"
)


class LightGBMText(BoostingFormat):
    """A line every few trees, with a metric of every data set."""

    name: ClassVar[str] = "lightgbm_text"
    title: ClassVar[str] = "LightGBM console log"
    url: ClassVar[str] = "https://lightgbm.readthedocs.io/en/stable/"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(test_is_val=True, evaluations=NOT_TRAINING)
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"(?:^|\s)\[(?P<step>\d{1,9})\]\s"
                rf"(?P<rest>\s?[^\t:]{{1,60}}'s [^\t:]{{1,60}}: {NUMBER}.{{0,4000}})$"
            ),
            _PAIRS,
        ),
        Pattern(
            "train",
            re.compile(
                r"\[LightGBM\] \[Info\] Iteration:\s?(?P<step>\d{1,9}), "
                r"(?P<rest>[^\t:]{1,100} : .{1,200})$"
            ),
            _PAIRS,
        ),
        Pattern(
            "end",
            re.compile(r"^\[LightGBM\] \[Info\] (?P<reason>Finished training)\s*$"),
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
{
 "learning_rate": 0.25,
 "num_iterations": 40.0,
}
[20]\tvalid's auc: 0.5
[40]\tvalid's auc: 0.75
{
 "num_iterations": 60,
}
[20]\tvalid's auc: 0.625
""",
            (
                Record("config", facts={"planned_steps": 40}, line=5),
                Record("config", facts={"step_unit": "tree"}, line=5),
                Record("eval", 20, metrics={"valid's auc": 0.5}, line=5),
                Record("eval", 40, metrics={"valid's auc": 0.75}, line=6),
                Record("launch", line=10),
                Record("config", facts={"planned_steps": 60}, line=10),
                Record("config", facts={"step_unit": "tree"}, line=10),
                Record("eval", 20, metrics={"valid's auc": 0.625}, line=10),
            ),
        ),
        Sample(
            "[20]\ttraining's auc: 0.75\tvalid's auc: 0.625\n"
            "[40]\ttraining's auc: 0.875\tvalid's auc: 0.75\n"
            "Did not meet early stopping. Best iteration is:\n"
            "[40]\ttraining's auc: 0.875\tvalid's auc: 0.75\n",
            (
                Record("config", facts={"step_unit": "tree"}, line=1),
                Record("train", 20, metrics={"training's auc": 0.75}, line=1),
                Record("eval", 20, metrics={"valid's auc": 0.625}, facts={"split": "val"}, line=1),
                Record("train", 40, metrics={"training's auc": 0.875}, line=2),
                Record("eval", 40, metrics={"valid's auc": 0.75}, line=2),
                Record("end", line=3),
            ),
        ),
        Sample(
            "[LightGBM] [Info] Iteration:5, training l2 : 0.5\n"
            "[LightGBM] [Info] Iteration:5, valid_1 l2 : 0.625\n"
            "[LightGBM] [Info] Finished training\n",
            (
                Record("config", facts={"step_unit": "tree"}, line=1),
                Record("train", 5, metrics={"training l2": 0.5}, line=1),
                Record("eval", 5, metrics={"valid_1 l2": 0.625}, line=2),
                Record("end", facts={"reason": "Finished training"}, line=3),
            ),
        ),
    )


FORMAT = LightGBMText()
