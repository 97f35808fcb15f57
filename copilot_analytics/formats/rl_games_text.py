"""The console log of rl_games, which trains the agents of Isaac Gym."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record


class RLGamesText(StatementFormat):
    """``fps step: 9000 fps step and policy inference: 8000 fps total: 7000 epoch: 3/500 ...``.

    It prints how good the agent is only where that is better than before.
    """

    name: ClassVar[str] = "rl_games_text"
    title: ClassVar[str] = "rl_games (Isaac Gym) console log"
    url: ClassVar[str] = "https://github.com/Denys88/rl_games"
    smoothing: ClassVar[int | None] = None
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"fps step: {NUMBER} fps step and policy inference: {NUMBER} "
                rf"fps total: (?P<fps>{NUMBER})"
                r"(?: epoch: (?P<epoch>\d{1,9})(?:/(?P<epochs>\d{1,9})|/-\d{1,9})?)?"
            ),
        ),
        Pattern(
            "eval", re.compile(rf"saving next best rewards:\s{{1,4}}\[?\s?(?P<reward>{NUMBER})")
        ),
        Pattern("checkpoint", re.compile(r"=> saving checkpoint '(?P<path>[^']{1,400})'")),
        Pattern("end", re.compile(r"^(?P<reason>MAX (?:EPOCHS|FRAMES) NUM!|Network won!)")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
fps step: 9500 fps step and policy inference: 9000 fps total: 8500 epoch: 1/3 frames: 4096
fps step: 9500 fps step and policy inference: 9000 fps total: 8750 epoch: 2/3 frames: 8192
saving next best rewards:  [2.5]
=> saving checkpoint 'runs/toy/nn/toy.pth'
fps step: 9500 fps step and policy inference: 9000 fps total: 8250 epoch: 3/3 frames: 12288
MAX EPOCHS NUM!
""",
            (
                Record("config", facts={"step_unit": "epoch", "planned_epochs": 3}, line=1),
                Record("train", 1, 1.0, metrics={"fps": 8500.0}, line=1),
                Record("train", 2, 2.0, metrics={"fps": 8750.0}, line=2),
                Record("eval", 2, 2.0, metrics={"reward": 2.5}, line=3),
                Record("checkpoint", facts={"path": "runs/toy/nn/toy.pth"}, line=4),
                Record("train", 3, 3.0, metrics={"fps": 8250.0}, line=5),
                Record("end", facts={"reason": "MAX EPOCHS NUM!"}, line=6),
            ),
        ),
    )


FORMAT = RLGamesText()
