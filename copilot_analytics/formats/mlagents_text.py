"""The console of Unity ML-Agents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample, judges_each_line
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUMMARY = re.compile(
    r"\. Step: (?P<step>\d{1,12})\. Time Elapsed: (?P<time_s>\d{1,12}\.\d{1,6}) s\. "
    rf"Mean Reward: (?P<Mean_Reward>{NUMBER})\. "
    rf"(?:Std of Reward: (?P<Std_of_Reward>{NUMBER})\. )?"
    rf"(?:Mean Group Reward: (?P<Mean_Group_Reward>{NUMBER})\. )?(?:Not )?Training\b"
    rf"(?:.{{0,3}} ELO: (?P<ELO>{NUMBER}))?"
)


class MLAgentsText(StatementFormat):
    """``[INFO] Walker. Step: 30000. Time Elapsed: 30.5 s. Mean Reward: 0.5. ... Training.``.

    Several behaviours that learn in one environment print in turn; their names are not told apart.
    """

    name: ClassVar[str] = "mlagents_text"
    title: ClassVar[str] = "Unity ML-Agents console log"
    url: ClassVar[str] = "https://unity-technologies.github.io/ml-agents/"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {name.replace(" ", "_"): name for name in ("Mean Reward", "Mean Group Reward")}
        | {"Std_of_Reward": None}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern("eval", _SUMMARY),
        Pattern("config", re.compile(r"^\s{1,16}max_steps:\s{1,8}(?P<planned_steps>\d{1,12})\s*$")),
        Pattern("checkpoint", re.compile(r"\bExported (?P<path>\S{1,300}-\d{1,12}\.(?:onnx|nn))")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[INFO] Hyperparameters for behavior name Toy:
        max_steps:      40000
[INFO] Toy. Step: 10000. Time Elapsed: 30.500 s. Mean Reward: 0.250. Std of Reward: 1.5. Training.
[INFO] Toy. Step: 20000. Time Elapsed: 60.500 s. No episode was completed since last summary. \
Training.
[INFO] Toy. Step: 30000. Time Elapsed: 90.500 s. Mean Reward: 0.5. Mean Group Reward: 0.75. \
Training. ELO: 1200.5.
[INFO] Exported results/toy/Toy/Toy-30000.onnx
""",
            (
                Record("config", facts={"planned_steps": 40000}, line=2),
                Record("config", facts={"step_unit": "timestep"}, line=3),
                Record("eval", 10000, time=30.5, metrics={"Mean Reward": 0.25}, line=3),
                Record("eval", 30000, metrics={"Mean Group Reward": 0.75, "ELO": 1200.5}, line=5),
                Record("checkpoint", facts={"path": "results/toy/Toy/Toy-30000.onnx"}, line=6),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return an axis of steps of the environment."""
        return Axis("timestep")

    @judges_each_line
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a summary settles it."""
        return 1.0 if any(_SUMMARY.search(line) for line in lines) else 0.0


FORMAT = MLAgentsText()
